"""Which parameters of a model a parametrisation can be put on."""

import torch
from torch import nn
from torch.nn.utils import parametrize

from lightning_symmetry.surgery._factors import Factors
from lightning_symmetry.surgery._installed import Installed
from lightning_symmetry.surgery._selection import Named, named_once

# Below float32 an offset of the usual size is under the rounding step of the weight that it is added to.
_PRECISIONS = (torch.float32, torch.float64)


def plainly_named(model: nn.Module) -> list[Named]:
    """List the parameters once each, by the names that they had before anything was put on them."""
    found = named_once(model)
    for named in found:
        for i, (owner, _) in enumerate(named.owners):
            if isinstance(owner, parametrize.ParametrizationList):
                named.names[i] = named.names[i].replace("parametrizations.", "").removesuffix(".original")
    return found


def check_steerable(named: Named) -> None:
    """Refuse a parameter that cannot be steered, with the reason."""
    for reason in (_of_owner(*owner) for owner in named.owners):
        if reason:
            raise ValueError(f"parameter `{named.names[0]}` must {reason}; leave it out with `filter`")
    reason = _of_value(named.parameter)
    if reason:
        raise ValueError(f"parameter `{named.names[0]}` must {reason}; leave it out with `filter`")


def _of_owner(owner: nn.Module, attribute: str) -> str | None:
    if isinstance(owner, parametrize.ParametrizationList):
        if any(isinstance(parametrisation, Installed) for parametrisation in owner):
            return "not be steered already, found that it is; take that back with `undo` or `fold`"
        return f"have no parametrisation, found {', '.join(type(other).__name__ for other in owner)}"
    if isinstance(owner, Factors):
        return "be no factor of an added symmetry, found that it is one"
    if isinstance(owner, nn.RNNBase):
        return (
            f"be read anew in every pass, found it in {type(owner).__name__}, which keeps a list of its "
            "weights (use `RemoveSymmetry` or `OffsetDecay`, which act in the optimizer, or a recurrent cell)"
        )
    return None


def _of_value(parameter: nn.Parameter) -> str | None:
    if hasattr(parameter, "placements"):
        return "not be sharded yet, found that it is"
    if parameter.dtype not in _PRECISIONS:
        return f"be float32 or float64, neither quantised nor of half precision, found {parameter.dtype}"
    if not parameter.requires_grad:
        return "be trained, found it frozen (requires_grad=False)"
    if parameter.is_meta:
        return "have values, found it on the meta device"
    return None
