"""Running a model without a trace: its attributes, and all random generators, are put back."""

from __future__ import annotations

import logging
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

# says on the error stream, with a traceback, what is raised as well
_COMPLAINTS = logging.getLogger("torch._subclasses.fake_tensor")


@contextmanager
def unchanged(model: nn.Module) -> Iterator[None]:
    """Put back every attribute that running the model sets and every random generator that it draws from."""
    before = [(module, dict(module.__dict__)) for module in model.modules()]
    containers: dict[int, tuple[Any, Any]] = {}
    for _, attributes in before:
        _remember(attributes, containers)
    # models import numpy if they draw from it
    numpy = sys.modules.get("numpy")
    drawn = (random.getstate(), torch.get_rng_state(), numpy and numpy.random.get_state())
    complaints = _COMPLAINTS.disabled
    _COMPLAINTS.disabled = True
    try:
        yield
    finally:
        _COMPLAINTS.disabled = complaints
        random.setstate(drawn[0])
        torch.set_rng_state(drawn[1])
        if numpy is not None:
            numpy.random.set_state(drawn[2])
        for module, attributes in before:
            module.__dict__.clear()
            module.__dict__.update(attributes)
        for value, content in containers.values():
            value.clear()
            value.extend(content) if isinstance(value, list) else value.update(content)


def _remember(value: Any, containers: dict[int, tuple[Any, Any]]) -> None:
    """Keep a copy of a list, dictionary or set, and of those inside."""
    if isinstance(value, (list, dict, set)) and id(value) not in containers:
        containers[id(value)] = (value, value.copy())
        for item in value.values() if isinstance(value, dict) else value:
            _remember(item, containers)
