"""Something for each argument of a function."""

import inspect

from hypothesis import strategies as st

from .hostile import anything

VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def arguments(function, **known):
    """Something for each argument, for optional ones only now and then; of some it is known what to give."""
    parameters = [p for p in inspect.signature(function).parameters.values() if p.kind not in VARIADIC]
    needed = {p.name: known.get(p.name, anything) for p in parameters if p.default is p.empty}
    optional = {p.name: known.get(p.name, anything) for p in parameters if p.default is not p.empty}
    return st.fixed_dictionaries(needed, optional=optional)
