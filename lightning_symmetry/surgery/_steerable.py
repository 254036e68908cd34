"""Which parameters of a model can be computed."""

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from lightning_symmetry.surgery._asymmetry import Asymmetry
from lightning_symmetry.surgery._computed import ComputedModule
from lightning_symmetry.surgery._factors import Factors
from lightning_symmetry.surgery._named import Named

# Below float32 an offset of the usual size is under the rounding step of the weight that it is added to, and
# a product of factors is not the weight that they were made from.
_PRECISIONS = (torch.float32, torch.float64)


def untrained(named: Named) -> str | None:
    """Say why a parameter is not trained, and need not be steered unless it is named itself."""
    parameter = named.parameter
    if _sharded(parameter) or is_lazy(parameter):
        return None
    kinds = [kind for kind in (type(parameter), type(parameter.data)) if kind not in (nn.Parameter, Tensor)]
    if kinds:
        return f"be a plain tensor, not quantised, found {kinds[0].__name__}"
    if not parameter.is_floating_point():
        return f"be float32 or float64, not quantised, found {parameter.dtype}"
    if not parameter.requires_grad:
        return "be trained, found it frozen (requires_grad=False)"
    return None


def check_steerable(named: Named) -> None:
    """Refuse a parameter that is trained and cannot be steered, with the reason."""
    reasons = [*(_of_owner(*owner) for owner in named.owners), _of_value(named.parameter)]
    for reason in reasons:
        if reason:
            raise ValueError(f"parameter `{named.names[0]}` must {reason}; leave it out with `filter`")


def _of_owner(owner: nn.Module, attribute: str) -> str | None:
    if isinstance(owner, Factors):
        return "be no factor of an added symmetry, found that it is one; take that back with `undo` or `fold`"
    if isinstance(owner, ComputedModule) and attribute in dict(owner.computed):
        return "not be steered already, found that it is; take that back with `undo` or `fold`"
    for suffix in (Factors.suffix, Asymmetry.suffix):
        if hasattr(owner, f"{attribute}_{suffix}"):
            return f"be in a module without `{attribute}_{suffix}`, found one"
    return None


def _of_value(parameter: nn.Parameter) -> str | None:
    if _sharded(parameter):
        return "not be sharded yet, found that it is"
    if is_lazy(parameter):
        return f"have a shape, found it lazy ({type(parameter).__name__})"
    if parameter.dtype not in _PRECISIONS:
        return f"be float32 or float64, not of half precision or complex, found {parameter.dtype}"
    if parameter.is_meta:
        return "have values to start from, found it on the meta device"
    if not parameter.numel() or not parameter.isfinite().all():
        found = "an infinity or NaN" if parameter.numel() else "none"
        return f"hold finite numbers, at least one, found {found}"
    return None


def _sharded(parameter: Tensor) -> bool:
    return hasattr(parameter, "placements")
