"""Find every parameter symmetry of a model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from ._module import check_module
from ._names import named
from ._program.program import Program
from ._solving.assemble import Assembler
from ._solving.branches import Branches
from ._solving.constants import Constants
from ._solving.equivariance import Equivariance
from ._solving.families import Families
from ._solving.joined import joined
from ._solving.linear_spaces import LinearSpaces
from ._solving.planes import Planes
from ._steps.flow import Flow
from ._steps.lower import Lowered, lower
from ._steps.normal_form import normal_form
from ._steps.numbering import Numbering
from ._tracing.error import TraceError
from ._tracing.trace import Inputs, trace
from ._translations.absorbed import Absorption
from ._translations.compensated import Compensation
from ._translations.relations import Relations
from ._uncollected import uncollected
from .known import with_known
from .symmetries import Symmetries
from .symmetry import Symmetry

__all__ = ["TraceError", "find_symmetries"]


def find_symmetries(
    model: nn.Module, *args: Any, loss: Callable[..., Any] | None = None, **kwargs: Any
) -> Symmetries:
    """Find the groups that act on a model's parameters without changing what it computes.

    The model runs once on fake tensors, in the mode (training or evaluation) it is in: nothing is allocated,
    no random number is drawn, no buffer is written and the model is left as it was. Operations without a
    rule, data and frozen parameters pin what they touch: a symmetry may be missed, but none is invented.
    What stays the same is the value: gradients that are stopped (``detach``) or replaced (a backward of one's
    own) need not follow. Theory: arXiv 2502.05300, Sec. 2.

    A model whose path depends on numbers (``if y.sum() > 0``) runs on copies of its real tensors instead, for
    the time and memory of a forward pass, and a warning says so: the symmetries hold where it takes the same
    path. A model that draws random numbers from Python takes several paths, for all of which they hold.

    Args:
        model: Any eager ``nn.Module``, on any device, the meta device included.
        *args: Inputs of the model, tensors or any objects that hold some; only shapes and dtypes matter.
        loss: A function of the model's output that is to stay the same. Without one it is the outputs
            themselves: all tensors in whatever the model returns. A cross-entropy, for instance, lets all
            logits shift together.
        **kwargs: Keyword inputs of the model.

    Returns:
        The symmetries, in the order in which the model uses their parameters.

    Raises:
        TypeError: If ``model`` is not a module.
        ValueError: If the model has no parameters, or a declared symmetry does not hold.
        TraceError: If the model does not run with these inputs (a wrong shape, or a path that depends on
            numbers where there are none, as on the meta device); the message names the cause.

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
    found = solved(traced(model, args, kwargs, loss))
    return Symmetries(with_known(found, model, args, kwargs, loss), loss=loss)


def traced(
    model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], loss: Callable[..., Any] | None
) -> Lowered:
    """Trace a model and its loss, and return the steps in normal form."""

    def computed(*args: Any, **kwargs: Any) -> Any:
        output = model(*args, **kwargs)
        return output if loss is None else loss(output)

    return steps(trace, model, computed, (args, kwargs))


@uncollected()
def steps(
    tracer: Callable[[nn.Module, Callable[..., Any], Inputs], Program],
    model: nn.Module,
    function: Callable[..., Any],
    inputs: Inputs,
) -> Lowered:
    """Trace a function of a model's parameters, and return the steps in normal form."""
    check_module(model)
    if next(model.parameters(), None) is None:
        raise ValueError(f"model must have parameters; found none in {type(model).__name__}")
    return normal_form(lower(tracer(model, function, inputs)))


@uncollected()
def solved(lowered: Lowered) -> tuple[Symmetry, ...]:
    """Return all symmetries of some steps, named and in the order of first use."""
    flow = Flow(lowered)
    constants = Constants(flow)
    relations = Relations(flow, constants)
    families = Families(lowered, Equivariance(lowered), LinearSpaces(lowered, flow, constants))
    assembler = Assembler(families, flow)
    absorption = Absorption(flow, constants, relations)
    found = [assembler.symmetry(family) for family in families.find()]
    found += absorption.symmetries()
    found += Compensation(lowered, flow, constants, relations, absorption, families.class_of).symmetries()
    found += Branches(lowered, flow).symmetries()
    found += Planes(flow, Numbering(flow), families.class_of).symmetries()
    found = joined(found)
    rank = {block.value.name: i for i, block in enumerate(lowered.blocks)}
    found.sort(key=lambda symmetry: min(rank[leg.parameter] for leg in symmetry.legs))
    return named(found)
