"""The package itself reads nothing that could be code: it has no unpickler and evaluates no text."""

import ast
from pathlib import Path

import lightning_symmetry
from lightning_symmetry.cli import main

FORBIDDEN = {"eval", "exec", "dill", "marshal", "shelve", "joblib", "yaml", "torch.load"}
FORBIDDEN |= {"pickle.load", "pickle.loads", "pickle.Unpickler"}
SOURCES = sorted(Path(lightning_symmetry.__file__).parent.rglob("*.py"))


def used(tree):
    """The names that code imports or calls."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names))
        elif isinstance(node, ast.Call):
            yield ast.unparse(node.func)


def test_nothing_is_unpickled_or_evaluated():
    assert len(SOURCES) > 300
    found = {
        (path.name, name)
        for path in SOURCES
        for name in used(ast.parse(path.read_text("utf-8")))
        if name in FORBIDDEN
    }
    assert not found
    bad = ast.parse("from pickle import loads\ntorch.load(x)\nimport yaml")
    assert set(used(bad)) & FORBIDDEN == {"pickle.loads", "torch.load", "yaml"}


def test_inspect_imports_nothing_but_what_is_named(tmp_path, capsys):
    mark = tmp_path / "mark"
    for name in ("neighbour", "conftest", "__init__"):
        (tmp_path / f"{name}.py").write_text(f"open({str(mark)!r}, 'w')")
    (tmp_path / "named.py").write_text("from torch import nn\nmodel = nn.Linear(3, 2)\n")
    assert main(["inspect", f"{tmp_path / 'named.py'}:model", "--input", "2x3"]) == 0
    assert capsys.readouterr().out
    assert not mark.exists()
