"""A function returns, or raises what its docstring says."""

import builtins
import inspect
import re
import warnings

ERROR = re.compile(r"^\s*((?:\w+(?:, )?)+):", re.MULTILINE)


def documented(function) -> tuple[type[BaseException], ...]:
    """The errors that a docstring names under ``Raises:``, of the function or the class of a method."""
    text = inspect.getdoc(function) or ""
    _, _, section = text.partition("Raises:\n")
    section = re.split(r"\n(?=\S)", section)[0]
    names = [name for line in ERROR.findall(section) for name in line.split(", ")]
    found = [getattr(builtins, name, None) for name in names]
    return tuple(error for error in found if isinstance(error, type) and issubclass(error, BaseException))


def check(function, call, *errors) -> None:
    """Call, and let nothing pass but a result, and errors that are documented and say a rule."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            call()
        except errors:
            return
        except documented(function) as error:
            assert "must" in str(error) or "holds no tensor" in str(error), f"{error!r} says no rule"
