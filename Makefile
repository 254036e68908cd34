# Every target works alone in a fresh clone that has make and Python 3.10 or newer.
PYTHON ?= python3
OUT ?= demo-out
BIN := .venv/bin

.PHONY: demo test lint types bench clean

demo: .venv/.demo
	$(BIN)/lightning-symmetry demo --out "$(OUT)"

# Coverage below the threshold in pyproject.toml fails the run.
test: .venv/.dev
	$(BIN)/python -m pytest -n 2 --dist loadfile --cov=lightning_symmetry

lint: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/.dev
	$(BIN)/mypy

bench: .venv/.dev
	$(BIN)/python -m benchmarks

clean:
	rm -rf .venv build dist demo-out .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find lightning_symmetry tests benchmarks -type d -name __pycache__ -exec rm -rf {} + 2>/dev/null || true

$(BIN)/python:
	$(PYTHON) -m venv .venv

# The stamps are older than a changed pyproject.toml or constraints.txt, which installs again. What is imported is
# compiled then: to compile everything would take half as long again.
.venv/.demo .venv/.dev: .venv/.%: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt -e ".[$*]"
	touch $@
