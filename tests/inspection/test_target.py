import sys

import pytest
from torch import nn

from lightning_symmetry.inspection import InspectionError, load_model

CODE = """
from __future__ import annotations

from dataclasses import dataclass

from torch import nn


@dataclass
class Sizes:
    width: int = 3


def build():
    import beside_{name}
    return nn.Linear(Sizes().width, beside_{name}.OUT)


class Zoo:
    small = staticmethod(lambda: nn.Linear(1, 1))


model = nn.Identity()
number = 3


def fails():
    raise ValueError("first line\\nsecond line")


def leaves():
    raise SystemExit("bye")


def not_a_model():
    return 3


def needs_more(size):
    return nn.Linear(size, 1)
"""


@pytest.fixture
def module(tmp_path, monkeypatch) -> str:
    # Modules stay imported: every test has its own.
    name = f"target_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(CODE.format(name=name))
    (tmp_path / f"beside_{name}.py").write_text("OUT = 2\n")
    monkeypatch.chdir(tmp_path)
    return name


@pytest.mark.parametrize("suffix", ["", ".py"])
def test_builds_the_model(module, suffix):
    path = list(sys.path)
    assert load_model(f"{module}{suffix}:build").weight.shape == (2, 3)
    assert isinstance(load_model(f"{module}{suffix}:Zoo.small"), nn.Linear)
    assert isinstance(load_model(f"{module}{suffix}:model"), nn.Identity)
    assert sys.path == path


def test_a_file_of_another_folder_imports_its_neighbours(module, tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert load_model(f"../{module}.py:build").weight.shape == (2, 3)


@pytest.mark.parametrize("target", ["", "torch.nn", ":build", "torch.nn:"])
def test_a_target_has_two_parts(target):
    with pytest.raises(InspectionError, match=r"TARGET must be package\.module:callable or .*; found"):
        load_model(target)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("no_such_module:build", "cannot import 'no_such_module': ModuleNotFoundError: No module named"),
        ("no_such_file.py:build", "TARGET must name an existing file; found no 'no_such_file.py'"),
        ("{}:biuld", "there is no 'biuld' in '{}'; did you mean build"),
        ("{}:zzzzzz", "there is no 'zzzzzz' in '{}'$"),
        ("{}:Zoo.large", "there is no 'large' in"),
        ("{}:number", "must be callable or a model; found int"),
        ("{}:not_a_model", "must give a torch.nn.Module; found int"),
        ("{}:fails", "called without arguments; it raised: ValueError: first line$"),
        ("{}:leaves", "it raised: SystemExit: bye$"),
        ("{}:needs_more", "it raised: TypeError: needs_more"),
    ],
)
def test_errors_say_what_to_do_in_one_line(module, target, message):
    with pytest.raises(InspectionError, match=message.format(module)) as raised:
        load_model(target.format(module))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(("code", "cause"), [("1 +", "SyntaxError"), ("raise SystemExit", "SystemExit")])
def test_code_that_does_not_run_is_named(tmp_path, code, cause):
    path = tmp_path / "broken.py"
    path.write_text(code)
    with pytest.raises(InspectionError, match=f"cannot run .*broken.py': {cause}"):
        load_model(f"{path}:build")


def test_a_module_that_does_not_run_is_named(tmp_path, monkeypatch):
    (tmp_path / "broken_module.py").write_text("1 / 0")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InspectionError, match="cannot import 'broken_module': ZeroDivisionError: div"):
        load_model("broken_module:build")
