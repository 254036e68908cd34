import json
import math
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import lightning_symmetry
from lightning_symmetry import Symmetries
from lightning_symmetry.cli import main

MODELS = """
from torch import nn


def mlp():
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))


def conv():
    return nn.Sequential(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Flatten(), nn.Linear(216, 2))


def tokens():
    return nn.Sequential(nn.Embedding(50, 8), nn.Linear(8, 6), nn.Tanh(), nn.Linear(6, 2))


class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = mlp()

    def forward(self, x, scale):
        return self.net(x) * scale


class Moody(nn.Module):
    def __init__(self):
        super().__init__()
        self.read, self.write = nn.Linear(4, 8), nn.Linear(8, 2)

    def forward(self, x):
        hidden = self.read(x)
        return self.write(hidden.relu() if self.training else nn.functional.gelu(hidden))


class Branching(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = mlp()

    def forward(self, x):
        return self.net(x) if x.square().sum() >= 0 else x


class SinglePrecision(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = mlp()

    def forward(self, x):
        if x.dtype.itemsize > 4:
            raise TypeError("too precise")
        return self.net(x)


def pinned():
    return nn.Linear(3, 2)


def not_a_model():
    return 3
"""


@pytest.fixture(autouse=True)
def models(tmp_path, monkeypatch):
    (tmp_path / "models.py").write_text(MODELS)
    monkeypatch.chdir(tmp_path)
    # Each test has a models.py of its own.
    monkeypatch.delitem(sys.modules, "models", raising=False)
    yield
    sys.modules.pop("models", None)


def inspect(*arguments: str) -> int:
    return main(["inspect", *arguments])


def rows(printed: str) -> list[str]:
    return [line.split()[0] for line in printed.splitlines() if line.strip()]


def test_prints_the_table(capsys):
    assert inspect("models:mlp", "--input", "3x4") == 0
    printed = capsys.readouterr()
    assert rows(printed.out) == ["name", "0.permutation", "0.positive_scaling"]
    assert printed.err == ""


def test_verifies_a_convolutional_model(capsys):
    assert inspect("models.py:conv", "--input", "5x3x8x8", "--verify") == 0
    printed = capsys.readouterr().out
    assert "0.permutation" in printed and "all together" in printed
    assert "every symmetry holds" in printed and "FAILED" not in printed


def test_says_why(capsys):
    commutes = "commutes with permutations and positive scalings only"
    reason = f"    no change of basis, no sign: aten.relu in 1 {commutes}"
    assert inspect("models:mlp", "--input", "3x4", "--why", "0.weight", "--why", "0.permutation") == 0
    assert capsys.readouterr().out.splitlines() == [
        "0.weight",
        "  axis 0 (8): 0.permutation, 0.positive_scaling",
        reason,
        "  axis 1 (4): nothing acts",
        "    pinned: data keeps its places, in aten.addmm in 0",
        *(
            line
            for name, axis in (("0.weight", 0), ("0.bias", 0), ("2.weight", 1))
            for line in (
                name,
                f"  axis {axis} (8): 0.permutation, 0.positive_scaling",
                reason,
            )
        ),
    ]


def test_inspects_the_mode_that_is_asked_for(capsys):
    assert inspect("models:Moody", "--input", "3x4", "--verify") == 0
    assert "positive_scaling" in capsys.readouterr().out
    assert inspect("models:Moody", "--input", "3x4", "--verify", "--eval") == 0
    assert "positive_scaling" not in capsys.readouterr().out


def test_a_model_that_branches_on_numbers_is_run_for_real(capsys):
    with pytest.warns(UserWarning, match="Branching does not run on fake tensors"):
        assert inspect("models:Branching", "--input", "3x4:float32") == 0
    _, *names = rows(capsys.readouterr().out)
    assert names and all(name.startswith("net.") for name in names)


def test_takes_integers_and_several_inputs():
    assert inspect("models:tokens", "--input", "2x5:int64:50", "--verify") == 0
    assert inspect("models:Two", "--input", "3x4", "--input", "3x1", "--verify") == 0


def test_json_makes_the_round_trip(tmp_path, capsys):
    assert inspect("models:mlp", "--input", "3x4", "--json", "out.json", "--verify") == 0
    plain = json.loads((tmp_path / "out.json").read_text())
    assert Symmetries.from_dict(plain).table() in capsys.readouterr().out
    assert plain["model"] == {
        "target": "models:mlp",
        "class": "torch.nn.modules.container.Sequential",
        "parameters": 58,
        "training": True,
        "inputs": ["3x4"],
    }
    assert set(plain["errors"]) == {"0.permutation", "0.positive_scaling", "all together"}


def test_json_has_no_errors_that_were_not_measured(tmp_path):
    assert inspect("models:mlp", "--input", "3x4", "--json", "out.json", "--eval") == 0
    plain = json.loads((tmp_path / "out.json").read_text())
    assert "errors" not in plain and plain["model"]["training"] is False


def test_a_model_without_symmetries_says_so(capsys):
    assert inspect("models:pinned", "--input", "2x3", "--verify") == 0
    assert "models:pinned has no symmetries that were found" in capsys.readouterr().out


@pytest.mark.parametrize(("size", "code"), [(1e-9, 0), (1e-8, 1), (math.inf, 1), (math.nan, 1)])
def test_a_symmetry_that_does_not_hold_fails(monkeypatch, capsys, tmp_path, size, code):
    monkeypatch.setattr(Symmetries, "errors", lambda *args: {"good": 1e-16, "other": size, "last": 0.0})
    assert inspect("models:mlp", "--input", "3x4", "--verify", "--json", "out.json") == code
    printed = capsys.readouterr().out
    assert printed.count("FAILED") == 2 * code
    assert f"largest error {size:.1e}" in printed
    written = json.loads((tmp_path / "out.json").read_text())["errors"]["other"]
    assert written == (size if math.isfinite(size) else None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["models", "--input", "3x4"],
            "TARGET must be package.module:callable or path/to/file.py:callable; found",
        ),
        (["models:mpl", "--input", "3x4"], "there is no 'mpl' in 'models'; did you mean mlp?"),
        (["missing:mlp", "--input", "3x4"], "cannot import 'missing': ModuleNotFoundError"),
        (["models:not_a_model", "--input", "3x4"], "must give a torch.nn.Module; found int"),
        (["models:mlp", "--input", "3,4"], "--input needs lengths of at least 1"),
        (["models:mlp", "--input", "3x4:float31"], "--input needs one of the types"),
        (["models:mlp", "--input", "3x5"], "models:mlp must run on --input 3x5; it does not: "),
        (
            ["models:mlp", "--input", "3x4", "--input", "3x1"],
            "models:mlp must run on --input 3x4 --input 3x1; it",
        ),
        (
            ["torch.nn:ReLU", "--input", "3x4"],
            "torch.nn:ReLU cannot be inspected: model must have parameters",
        ),
        (
            ["models:SinglePrecision", "--input", "3x4", "--verify"],
            "--verify needs a model that runs in float64; it",
        ),
        (
            ["models:mlp", "--input", "3x4", "--why", "0.wait"],
            "name must be that of a parameter, a module, a symmetry or its space; found '0.wait', did "
            "you mean '0.weight'?",
        ),
        (
            ["models:mlp", "--input", "3x4", "--json", "no/folder.json"],
            "--json must name a file that can be written",
        ),
    ],
)
def test_what_cannot_be_done_is_one_line_that_says_why(capsys, arguments, message):
    assert inspect(*arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("lightning-symmetry inspect: error: ") and message in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "arguments are required: COMMAND"),
        (["inspect", "models:mlp"], "arguments are required: --input"),
        (["look"], "invalid choice: 'look'"),
    ],
)
def test_wrong_usage_is_one_line_too(capsys, arguments, message):
    with pytest.raises(SystemExit) as left:
        main(arguments)
    error = capsys.readouterr().err
    assert left.value.code == 2 and message in error and error.count("\n") == 1


def test_help_warns_that_code_is_run(capsys):
    with pytest.raises(SystemExit) as left:
        inspect("--help")
    assert (
        left.value.code == 0 and "imports the module that TARGET names and calls" in capsys.readouterr().out
    )


@pytest.mark.parametrize("missing", ["sklearn", "rich", "matplotlib", "jinja2"])
def test_the_demo_names_the_extra_that_it_needs(monkeypatch, capsys, missing):
    shells = ("lightning_symmetry.demo", "lightning_symmetry.report", f"{missing}.")
    for name in [name for name in sys.modules if name.startswith(shells)]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    assert main(["demo"]) == 2
    error = capsys.readouterr().err
    assert f'the demo needs {missing}: pip install "lightning-symmetry[demo]"' in error
    assert error.count("\n") == 1


def test_a_mistake_in_the_package_is_no_missing_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "lightning_symmetry.demo", None)
    with pytest.raises(ModuleNotFoundError, match="lightning_symmetry"):
        main(["demo"])


def test_the_demo_writes_where_it_is_told(monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr("lightning_symmetry.demo.run_demo", asked.append)
    assert main(["demo", "--out", str(tmp_path / "a" / "b")]) == 0
    assert asked == [tmp_path / "a" / "b"] and asked[0].is_dir()


def test_the_demo_needs_a_folder(capsys, tmp_path):
    assert main(["demo", "--out", str(tmp_path / "models.py")]) == 2
    error = capsys.readouterr().err
    assert "--out must name a folder; found" in error and error.count("\n") == 1


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lightning_symmetry", *arguments],
        capture_output=True,
        # Also where the package is not installed.
        env={**os.environ, "PYTHONPATH": str(Path(lightning_symmetry.__file__).parents[1])},
        text=True,
        timeout=120,
        check=False,
    )


def test_runs_as_a_module_from_the_current_directory():
    done = run("inspect", "models:mlp", "--input", "3x4", "--verify")
    assert done.returncode == 0 and "every symmetry holds" in done.stdout and done.stderr == ""


def test_a_failure_on_fake_tensors_prints_no_traceback():
    done = run("inspect", "models:mlp", "--input", "3x5")
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("lightning-symmetry inspect: error: ") and done.stderr.count("\n") == 1


def test_leaves_with_the_code_of_the_command(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["lightning-symmetry", "inspect", "torch.nn:ReLU", "--input", "3"])
    with pytest.raises(SystemExit) as left:
        runpy.run_path(str(Path(lightning_symmetry.__file__).with_name("__main__.py")), run_name="__main__")
    assert left.value.code == 2 and "model must have parameters" in capsys.readouterr().err
