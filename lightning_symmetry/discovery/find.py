"""Find every parameter symmetry of a model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from ._absorbed import Absorption
from ._assemble import Assembler
from ._compensated import Compensation
from ._constants import Constants
from ._equivariance import Equivariance
from ._families import Families
from ._flow import Flow
from ._linear_spaces import LinearSpaces
from ._lower import lower
from ._names import named
from ._normal_form import normal_form
from ._program import Program
from ._relations import Relations
from ._trace import TraceError, trace, trace_running
from .symmetries import Symmetries

__all__ = ["TraceError", "find_symmetries", "find_symmetries_running"]


def find_symmetries(
    model: nn.Module, *args: Any, loss: Callable[..., Any] | None = None, **kwargs: Any
) -> Symmetries:
    """Find the groups that act on a model's parameters without changing what it computes.

    The model runs once on fake tensors, in the mode (training or evaluation) it is in: nothing is allocated,
    no random number is drawn, no buffer is written and the model is left as it was. Operations without a
    rule, data and frozen parameters pin what they touch: a symmetry may be missed, but none is invented.
    Theory: arXiv 2502.05300, Sec. 2.

    Args:
        model: Any eager ``nn.Module``, on any device, the meta device included.
        *args: Inputs of the model; only shapes and dtypes matter.
        loss: A function of the model's output that is to stay the same. Without one it is the outputs
            themselves. A cross-entropy, for instance, lets all logits shift together.
        **kwargs: Keyword inputs of the model.

    Returns:
        The symmetries, in the order in which the model uses their parameters.

    Raises:
        TypeError: If ``model`` is not a module.
        ValueError: If the model has no parameters.
        TraceError: If the model does not run on fake tensors with these inputs (a wrong shape, or control
            flow that depends on data); the message names the cause.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from lightning_symmetry import find_symmetries
        >>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
        >>> for symmetry in find_symmetries(model, torch.zeros(1, 4)):
        ...     print(symmetry.name, symmetry.size, symmetry.dimension)
        0.permutation 8 0
        0.positive_scaling 8 8
    """
    return _symmetries(trace, model, args, kwargs, loss)


def find_symmetries_running(model: nn.Module, *args: Any, **kwargs: Any) -> Symmetries:
    """Find the same on copies of the real tensors, where what the model does depends on numbers.

    Costs one forward pass in time and memory. Numbers that Python reads (``loss.item()``) have to stay the
    same: what would change them is pinned.

    Args:
        model: Any eager ``nn.Module``.
        *args: Inputs of the model, as real as in training.
        **kwargs: Keyword inputs of the model.

    Returns:
        The symmetries.
    """
    return _symmetries(trace_running, model, args, kwargs, None)


def _symmetries(
    tracer: Callable[..., Program],
    model: nn.Module,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    loss: Callable[..., Any] | None,
) -> Symmetries:
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a torch.nn.Module; found {type(model).__name__}")
    if next(model.parameters(), None) is None:
        raise ValueError(f"model must have parameters; found none in {type(model).__name__}")
    lowered = normal_form(lower(tracer(model, args, kwargs, loss)))
    flow = Flow(lowered)
    constants = Constants(flow)
    relations = Relations(flow, constants)
    families = Families(lowered, Equivariance(lowered), LinearSpaces(lowered, flow, constants))
    assembler = Assembler(lowered, families, flow)
    absorption = Absorption(flow, constants, relations)
    found = [assembler.symmetry(family) for family in families.find()]
    found += absorption.symmetries()
    found += Compensation(lowered, flow, constants, relations, absorption, families.class_of).symmetries()
    rank = {block.value.name: i for i, block in enumerate(lowered.blocks)}
    found.sort(key=lambda symmetry: min(rank[leg.parameter] for leg in symmetry.legs))
    return Symmetries(named(found), loss=loss)
