"""The public names that are fuzzed, so that none is forgotten."""

import pytest

FUZZED: set[str] = set()


def place(thing) -> str:
    """Where something public is defined."""
    return f"{thing.__module__}.{thing.__qualname__}"


def each(argument, things):
    """Fuzz each of these functions, classes and methods, which the test gets as an argument."""
    things = list(things)
    FUZZED.update(map(place, things))
    return pytest.mark.parametrize(argument, things, ids=lambda thing: thing.__qualname__)
