"""Random generators that Python code draws from: where they stand, and how to set them."""

from __future__ import annotations

import pickle
import random
import sys
from functools import lru_cache
from typing import Any

import torch

_MARK = 0x5EED_5EED


def global_generators() -> list[Any]:
    """The generators behind the functions of ``random``, ``torch`` and, if it is in use, ``numpy.random``."""
    found: list[Any] = [random._inst, torch.default_generator]
    return found if _numpy() is None else [*found, _numpy().mtrand._rand]


def is_generator(value: Any) -> bool:
    """Whether an object draws random numbers."""
    return _draws(type(value))  # type: ignore[arg-type]


@lru_cache
def _draws(kind: type) -> bool:
    if issubclass(kind, (random.Random, torch.Generator)):
        return True
    return _numpy() is not None and issubclass(kind, (_numpy().RandomState, _numpy().Generator))


def state(generator: Any) -> Any:
    """Where a generator stands."""
    if isinstance(generator, random.Random):
        return generator.getstate()
    return generator.get_state() if hasattr(generator, "get_state") else generator.bit_generator.state


def restore(generator: Any, earlier: Any) -> None:
    """Put a generator back to where it stood."""
    if isinstance(generator, random.Random):
        generator.setstate(earlier)
    elif hasattr(generator, "set_state"):
        generator.set_state(earlier)
    else:
        generator.bit_generator.state = earlier


def has_drawn(generator: Any, earlier: Any) -> bool:
    """Whether a generator has left the state in which it stood."""
    now = state(generator)
    if isinstance(now, torch.Tensor):
        return not torch.equal(now, earlier)
    return pickle.dumps(now) != pickle.dumps(earlier)


def mark() -> None:
    """Give the global generator of torch a seed by which to tell whether anybody gives it another."""
    torch.default_generator.manual_seed(_MARK)


def is_seeded(generator: torch.Generator | None) -> bool:
    """Whether what is drawn may be the same each time: from a generator of one's own, or after seeding."""
    return generator is not None or torch.default_generator.initial_seed() != _MARK


def _numpy() -> Any:
    """The module ``numpy.random`` if something has imported it: what does not, does not draw from it."""
    return sys.modules.get("numpy.random")
