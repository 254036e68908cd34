"""Import and call what builds a model."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from lightning_symmetry.inspection.error import InspectionError

# Not the name of the file, which may be that of a module in use.
_FILE_MODULE = "_inspected_file"


def load_model(target: str) -> nn.Module:
    """Build the model that a target names. This imports and runs the code of the target.

    Args:
        target: ``package.module:callable`` or ``path/to/file.py:callable``. The callable takes no arguments
            and returns a model; it may be a class, have dots, or be a model itself. The current directory
            can be imported from, and so can the directory of the file.

    Returns:
        The model, in the mode in which it was built.

    Raises:
        InspectionError: If there is no such module or name, if it raises, or if it gives no ``nn.Module``.
    """
    source, colon, name = target.rpartition(":")
    if not (source and colon and name):
        raise InspectionError(
            f"TARGET must be package.module:callable or path/to/file.py:callable; found {target!r}"
        )
    is_file = source.endswith(".py")
    with _importable(Path(source).resolve().parent if is_file else Path.cwd()):
        found = _attribute(_run_file(Path(source)) if is_file else _import(source), name, target)
        if isinstance(found, nn.Module):
            return found
        if not callable(found):
            raise InspectionError(f"{target} must be callable or a model; found {type(found).__name__}")
        try:
            model = found()
        # The code is the user's: whatever it raises is the answer to what was asked.
        except (Exception, SystemExit) as error:
            raise InspectionError(
                f"{target} must give a model when it is called without arguments; it raised", error
            ) from error
    if not isinstance(model, nn.Module):
        raise InspectionError(f"{target} must give a torch.nn.Module; found {type(model).__name__}")
    return model


def _import(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit) as error:
        raise InspectionError(f"cannot import {name!r}", error) from error


def _run_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise InspectionError(f"TARGET must name an existing file; found no {str(path)!r}")
    spec = importlib.util.spec_from_file_location(_FILE_MODULE, path)
    # The name ends in .py, for which Python has a loader.
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses and pickle look modules up by name.
    sys.modules[_FILE_MODULE] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise InspectionError(f"cannot run {str(path)!r}", error) from error
    return module


def _attribute(module: ModuleType, dotted: str, target: str) -> Any:
    found: Any = module
    for name in dotted.split("."):
        if not hasattr(found, name):
            near = get_close_matches(name, dir(found), n=3)
            hint = f"; did you mean {' or '.join(near)}?" if near else ""
            raise InspectionError(f"there is no {name!r} in {target.removesuffix(f':{dotted}')!r}{hint}")
        found = getattr(found, name)
    return found


@contextmanager
def _importable(directory: Path) -> Iterator[None]:
    """Let imports look into a directory first, as ``python -m`` and ``python FILE`` do."""
    sys.path.insert(0, str(directory))
    try:
        yield
    finally:
        sys.path.remove(str(directory))
