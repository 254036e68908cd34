"""The proof that no continuous symmetry is missing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ._acting import generators
from ._module import check_module
from ._real import like, real
from ._tracing.replay import double, outputs
from .symmetry import Symmetry

GAP = 1e3
"""Singular values count as zero below the widest gap, which must be at least this wide."""

SPARE = 32
"""Random combinations of outputs beyond the number of parameters: their null space is that of all."""

CHUNK = 64
"""Rows of the Jacobian computed at once."""


@dataclass(frozen=True)
class Completeness:
    """Generators against the Jacobian's null space.

    Attributes:
        rank: Dimension of the span of the generators.
        nullity: Dimension of the null space of the Jacobian of the outputs with respect to the trained
            parameters.
        parameters: Number of trained parameters.
        gap: Ratio of the smallest singular value kept to the largest counted as zero; trust ``nullity`` when
            it is large.
        leak: Largest change of an output along a generator, relative to the Jacobian's norm and the
            generator's: 0 when every generator lies in the null space.
        missing: Orthonormal directions ``(nullity − rank, parameters)`` of the null space that no generator
            reaches.
    """

    rank: int
    nullity: int
    parameters: int
    gap: float
    leak: float
    missing: Tensor

    @property
    def ratio(self) -> float:
        """Rank over nullity; 1 when nothing is missing, also when there is nothing to find."""
        return self.rank / self.nullity if self.nullity else 1.0


def completeness(
    symmetries: Sequence[Symmetry], model: nn.Module, inputs: Any, loss: Callable[..., Any] | None = None
) -> Completeness:
    """Compare the span of the generators with the null space of the Jacobian, in float64.

    For generic parameters and enough inputs the null space of the Jacobian of all outputs *is* the tangent
    space of all continuous symmetries, so ``ratio == 1`` proves that none is missing. Give at least as many
    outputs (batch × output size) as the model has parameters, and random inputs; dead units, a bottleneck
    before the output or too few inputs add null directions that are no symmetries. Normalisations run with
    eps driven to zero. Models with batch normalisation should be in training mode, as in evaluation the
    running statistics, which are no parameters, move along. Needs O(parameters²) memory: for models of a few
    thousand parameters.

    Args:
        symmetries: What was found.
        model: The model, in the mode in which it was traced.
        inputs: A tensor, a tuple of positional inputs, or a dict of keyword inputs.
        loss: A function of the outputs, entries of which count as outputs.

    Returns:
        Rank, nullity, the gap between zero and nonzero singular values, and the missing directions.

    Raises:
        TypeError: If ``model`` is not a module.
        ValueError: If the model gives fewer outputs than it has trained parameters, has none that are
            trained, or gives outputs or gradients that are not finite.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from lightning_symmetry import find_symmetries
        >>> _ = torch.manual_seed(0)
        >>> model, x = nn.Sequential(nn.Linear(5, 9), nn.ReLU(), nn.Linear(9, 3)), torch.randn(200, 5)
        >>> result = find_symmetries(model, x).completeness(model, x)
        >>> result.rank, result.nullity
        (9, 9)
    """
    check_module(model)
    args = inputs if isinstance(inputs, tuple) else () if isinstance(inputs, dict) else (inputs,)
    kwargs = inputs if isinstance(inputs, dict) else {}
    with torch.inference_mode(False), torch.enable_grad():
        return _compare(symmetries, model, args, kwargs, loss)


def _compare(
    symmetries: Sequence[Symmetry],
    model: nn.Module,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    loss: Callable[..., Any] | None,
) -> Completeness:
    args, kwargs = double((args, kwargs))
    named = dict(model.named_parameters())
    trained = {name: p for name, p in double(named).items() if named[name].requires_grad}
    rest = double({**dict(model.named_parameters()), **dict(model.named_buffers())})
    if not trained:
        raise ValueError("model must have trained parameters; all of its parameters are frozen")
    leaves = {name: real(p).clone().requires_grad_() for name, p in trained.items()}
    moved = {name: like(trained[name], leaf) for name, leaf in leaves.items()}
    vector = outputs(model, {**rest, **moved}, args, kwargs, loss)
    count = sum(leaf.numel() for leaf in leaves.values())
    if len(vector) < count:
        raise ValueError(
            f"inputs must give at least as many outputs as there are trained parameters, {count}; "
            f"they give {len(vector)}"
        )
    jacobian = _jacobian(vector, list(leaves.values()))
    if not jacobian.isfinite().all():
        raise ValueError(
            "model must have finite outputs and gradients at these inputs; found NaN or infinity"
        )
    _, values, directions = torch.linalg.svd(jacobian, full_matrices=False)
    nullity, gap = _count_zero(values)
    null = directions[len(values) - nullity :]
    tangents = generators(symmetries, {**trained, **{k: v for k, v in rest.items() if k not in trained}})
    tangents = tangents[:, :count]
    tangents = tangents / tangents.norm(dim=1, keepdim=True).clamp_min(torch.finfo(tangents.dtype).tiny)
    span = _row_space(tangents)
    leak = float((jacobian @ tangents.mT).norm(dim=0).max() / values[0]) if len(tangents) else 0.0
    missing = _row_space(null - null @ span.mT @ span)
    return Completeness(len(span), nullity, count, gap, leak, missing)


def _jacobian(vector: Tensor, leaves: list[Tensor]) -> Tensor:
    """The Jacobian's rows, or as many random combinations of them as surely have the same null space."""
    # Jᵀ J has the same null space but squares the singular values: rows are computed one block at a time
    # instead
    wanted = sum(leaf.numel() for leaf in leaves) + SPARE
    count = min(len(vector), wanted)
    generator = torch.Generator().manual_seed(0)
    rows = []
    for start in range(0, count, CHUNK):
        if count == wanted:
            shape = (min(CHUNK, count - start), len(vector))
            block = torch.randn(shape, generator=generator, dtype=vector.dtype).to(vector.device)
        else:
            block = torch.eye(len(vector), dtype=vector.dtype, device=vector.device)[start : start + CHUNK]
        grads = torch.autograd.grad(
            vector, leaves, block, retain_graph=True, is_grads_batched=True, allow_unused=True
        )
        unused = (leaf.new_zeros(len(block), leaf.numel()) for leaf in leaves)
        pairs = zip(grads, unused, strict=True)
        rows.append(torch.cat([z if g is None else g.reshape(len(block), -1) for g, z in pairs], dim=1))
    return torch.cat(rows)


def _count_zero(values: Tensor) -> tuple[int, float]:
    """Count the singular values below the widest gap, and say how wide it is."""
    floor = values[0] * torch.finfo(values.dtype).eps
    padded = torch.cat([values, floor.reshape(1)]).clamp_min(floor)
    small = padded[1:] < values[0] * 1e-7
    ratios = torch.where(small, padded[:-1] / padded[1:], torch.ones_like(padded[1:]))
    best = int(ratios.argmax())
    gap = float(ratios[best])
    return (len(values) - 1 - best, gap) if gap >= GAP else (0, gap)


def _row_space(matrix: Tensor) -> Tensor:
    """An orthonormal basis of the span of the rows."""
    if not len(matrix):
        return matrix
    _, values, directions = torch.linalg.svd(matrix, full_matrices=False)
    span: Tensor = directions[values > 1e-8 * max(1.0, float(values[0]))]
    return span
