"""What symmetries do to parameters: random moves, and the directions of all continuous ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from ..functional._check import check, check_device, check_tensor
from ..groups import GROUPS
from ._real import real
from .symmetry import Symmetry


def transform(
    symmetries: Iterable[Symmetry], params: Mapping[str, Tensor], generator: torch.Generator | None
) -> dict[str, Tensor]:
    """Return ``params`` moved by one random element of every group."""
    for symmetry in symmetries:
        params = symmetry.act(params, symmetry.sample(generator))
    return dict(params)


def generators(symmetries: Iterable[Symmetry], params: Mapping[str, Tensor]) -> Tensor:
    """Return the tangents of all continuous directions, ``(k, P)``, columns in the order of ``params``.

    A complex parameter counts twice: for the real and the imaginary part of each number.
    """
    check(isinstance(params, Mapping) and len(params) > 0, "params", "be a mapping with tensors", params)
    for name, param in params.items():
        check_tensor(param, f"params[{name!r}]")
        check_device(param, next(iter(params.values())), f"params[{name!r}]", "the first")
    rows = [_tangents(symmetry, params) for symmetry in symmetries if symmetry.dimension]
    if rows:
        return torch.cat(rows)
    first = real(next(iter(params.values())))
    return first.new_zeros(0, sum(real(p).numel() for p in params.values()))


def _tangents(symmetry: Symmetry, params: Mapping[str, Tensor]) -> Tensor:
    symmetry.check(params)
    group = GROUPS[symmetry.group]
    plain = {name: p.detach() for name, p in params.items()}
    changing = [plain[leg.parameter] for leg in symmetry.legs if leg.parameter in plain]
    for tensor in changing:
        check(tensor.is_floating_point() or tensor.is_complex(), "params", "be floating-point", tensor.dtype)
    first = real(changing[0])

    with torch.inference_mode(False), torch.enable_grad():
        origin = first.new_zeros(symmetry.copies, group.dimension(symmetry.size)).requires_grad_()
        moved = symmetry.act(plain, group.exponential(origin, symmetry.size))
        orbit = torch.cat([real(moved[name]).reshape(-1) for name in plain])
        # forward derivatives by differentiating backward ones, which are linear in what is pulled back
        dual = torch.zeros_like(orbit).requires_grad_()
        (pulled,) = torch.autograd.grad(orbit, origin, dual, create_graph=True)
        basis = torch.eye(origin.numel(), dtype=first.dtype, device=first.device)
        (rows,) = torch.autograd.grad(pulled, dual, basis.reshape(-1, *origin.shape), is_grads_batched=True)
    return rows
