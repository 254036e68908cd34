"""Prove symmetries numerically."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ._module import check_module
from ._real import like, real
from ._tracing.replay import double, outputs
from .symmetry import Symmetry

TOLERANCE = 1e-8
"""Relative change of the outputs under a random group element, in float64, from which a symmetry counts as
false."""

TOGETHER = "all together"
"""The key of the error with a random element of every group at once."""


def errors(
    symmetries: Sequence[Symmetry],
    model: nn.Module,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    loss: Callable[..., Any] | None = None,
    seed: int = 0,
) -> dict[str, float]:
    """Act with random group elements in float64 and compare what the model computes.

    The parameters are first moved away from special values (zero biases, unit gains), at which a false
    symmetry could pass. Normalisations run with eps driven to zero. Where a symmetry holds in distribution,
    the random numbers of the forward pass are moved along, which does not change how likely they are. The
    model, its buffers and all random generators stay as they were.

    Args:
        symmetries: What to prove.
        model: The model, in the mode in which it was traced.
        args: Inputs of the model.
        kwargs: Keyword inputs of the model.
        loss: The function of the outputs that stays the same.
        seed: Seed of the group elements.

    Returns:
        By the name of each symmetry, and for all at once under ``"all together"``: the largest change of any
        output relative to the largest output. NaN if the outputs are not finite.

    Raises:
        TypeError: If ``model`` is not a module.
        ValueError: If the outputs hold no real number.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from lightning_symmetry import find_symmetries
        >>> model, x = nn.Sequential(nn.Linear(3, 5), nn.GELU(), nn.Linear(5, 2)), torch.randn(7, 3)
        >>> sorted(find_symmetries(model, x).errors(model, x))
        ['0.permutation', 'all together']
    """
    check_module(model)
    generator = torch.Generator().manual_seed(seed)
    moved = {leg.parameter for symmetry in symmetries for leg in symmetry.legs}
    state = double(dict(model.named_parameters()) | dict(model.named_buffers()))
    buffers = {name for name, _ in model.named_buffers()}
    state = {
        name: like(tensor, _generic(real(tensor), generator, name in buffers))
        if real(tensor).is_floating_point() and (name in moved or name not in buffers)
        else tensor
        for name, tensor in state.items()
    }
    args, kwargs = double((args, dict(kwargs)))
    with torch.no_grad():
        noise: dict[str, Tensor] = {}
        before = outputs(model, state, args, kwargs, loss, noise=noise, seed=seed)
        if not before.numel():
            raise ValueError("the outputs must hold real numbers to compare; found none for these inputs")

        def change(move: Callable[[dict[str, Tensor]], dict[str, Tensor]]) -> float:
            moved_state = move(state | noise)
            replayed = {name: moved_state[name] for name in noise}
            after = outputs(model, moved_state, args, kwargs, loss, noise=replayed, seed=seed)
            scale = before.abs().max().clamp_min(torch.finfo(before.dtype).tiny)
            return float((after - before).abs().max() / scale)

        result = {s.name: change(lambda p, s=s: _moved([s], p, generator)) for s in symmetries}  # type: ignore[misc]
        result[TOGETHER] = change(lambda p: _moved(symmetries, p, generator))
    return result


def fitting(symmetry: Symmetry, element: Any, params: Mapping[str, Tensor]) -> Any:
    """Give a translation the size of what it shifts: beside tiny weights another one leaves rounding errors.

    Args:
        symmetry: Any.
        element: One of its elements.
        params: What it is to act on.

    Returns:
        The element, smaller or larger if it is a translation.
    """
    if symmetry.group != "translation":
        return element
    shifted = symmetry.legs[0].copied(params)
    return element * shifted.double().square().mean().sqrt().to(element)


def _moved(
    symmetries: Sequence[Symmetry], params: dict[str, Tensor], generator: torch.Generator
) -> dict[str, Tensor]:
    for symmetry in symmetries:
        params = symmetry.act(params, fitting(symmetry, symmetry.sample(generator), params))
    return params


def _generic(tensor: Tensor, generator: torch.Generator, buffer: bool) -> Tensor:
    """Move a tensor to a point without accidental structure; a statistic keeps its sign."""
    noise = torch.randn(tensor.shape, generator=generator, dtype=torch.float64).to(tensor.device)
    if buffer:
        return tensor * (0.3 * noise).exp() + 0.1 * noise * (tensor == 0)
    size = tensor.square().mean().sqrt() if tensor.numel() else tensor.sum()
    return tensor + 0.3 * noise * torch.where(size > 0, size, torch.ones_like(size))
