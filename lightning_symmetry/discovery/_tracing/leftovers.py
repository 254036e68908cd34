"""Tensors of a trace must not outlive it: in training, they would fail where real ones are expected."""

from __future__ import annotations

import gc
import traceback
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from torch import Tensor

_Cached = type(lru_cache(maxsize=None)(len))

_DEPTH = 3
"""How deep in tuples, lists and dictionaries a function may have hidden a tensor that it keeps."""


@contextmanager
def no_leftovers() -> Iterator[list[weakref.ref[Tensor]]]:
    """Empty the caches, anywhere in Python, in which tensors are left at the end of this context.

    Yields:
        A list to be filled with references to the tensors.
    """
    made: list[weakref.ref[Tensor]] = []
    try:
        with _collecting_young(made):
            yield made
    finally:
        if _left(made):
            _empty_caches(_left(made))
            _take_out(_left(made))


@contextmanager
def _collecting_young(made: list[weakref.ref[Tensor]]) -> Iterator[None]:
    """In the end collect what only a cycle keeps, without a look at all that was there before."""
    freezes = not gc.get_freeze_count()  # whoever has frozen objects would find them thawed
    if freezes:
        gc.freeze()
    try:
        yield
    except BaseException as error:
        _let_go(error)
        raise
    finally:
        if _left(made):
            gc.collect()
        if freezes:
            gc.unfreeze()


def _let_go(error: BaseException | None) -> None:
    """Drop what the frames of an exception hold."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__


def _left(made: list[weakref.ref[Tensor]]) -> list[Any]:
    return [tensor for tensor in (reference() for reference in made) if tensor is not None]


def _empty_caches(kept: list[Any]) -> None:
    """Empty the caches of functions that have returned any of these, or containers of these."""
    for _ in range(_DEPTH):
        holders = [holder for holder in gc.get_referrers(*kept) if holder is not kept] if kept else []
        for holder in holders:
            if isinstance(holder, _Cached):
                holder.cache_clear()
        kept = [holder for holder in holders if isinstance(holder, (dict, list, tuple))]


def _take_out(kept: list[Any]) -> None:
    """Take these out of the dictionaries and lists that they are in."""
    own = {id(value) for value in kept}
    holders = [holder for holder in gc.get_referrers(*kept) if holder is not kept] if kept else []
    for holder in holders:
        if isinstance(holder, list):
            holder[:] = [item for item in holder if id(item) not in own]
        elif isinstance(holder, dict):
            for key in [key for key, item in holder.items() if id(item) in own]:
                del holder[key]
