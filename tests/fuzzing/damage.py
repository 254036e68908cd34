"""Plain data with one thing wrong in it."""

import copy

from hypothesis import strategies as st

from .hostile import anything

WAYS = ("absent", "other", "other", "shorter", "longer")


def places(plain, path=()):
    """The way to everything that is in plain data."""
    pairs = plain.items() if isinstance(plain, dict) else enumerate(plain) if isinstance(plain, list) else ()
    for key, value in pairs:
        yield (*path, key)
        yield from places(value, (*path, key))


def changed(plain, path, way, value):
    """A copy in which one place is absent, holds something else, or is a list of another length."""
    plain = copy.deepcopy(plain)
    *owners, last = path
    owner = plain
    for key in owners:
        owner = owner[key]
    if way == "absent":
        del owner[last]
    elif way == "other" or not isinstance(owner[last], list):
        owner[last] = value
    else:
        owner[last] = owner[last][:-1] if way == "shorter" else [*owner[last], value]
    return plain


def damaged(plain, values=anything):
    """A strategy of such copies."""
    found = sorted(places(plain), key=str)
    return st.builds(changed, st.just(plain), st.sampled_from(found), st.sampled_from(WAYS), values)
