"""What a mirror can be given as."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

# Largest entry of P P - P and of P - Pᵀ of a projector given in float32.
_ROUNDING = 1e-5


def nested_tuples(values: Any) -> Any:
    """Return a matrix or sets, given as sequences, array or tensor, as tuples of tuples."""
    if getattr(values, "is_meta", False):
        raise ValueError("a mirror must be made of values, found a tensor on the meta device")
    values = values.tolist() if hasattr(values, "tolist") else values
    values = values if isinstance(values, Sequence) else (values,)
    return tuple(tuple(row) if isinstance(row, Sequence) else row for row in values)


def check_projector(projector: Any) -> None:
    """Refuse what is no orthogonal projector, or projects on nothing."""
    square = bool(projector) and all(
        isinstance(row, tuple) and len(row) == len(projector) for row in projector
    )
    matrix = torch.tensor(projector, dtype=torch.float64) if square else torch.zeros(0)
    close = square and bool(
        (matrix - matrix.mT).abs().max() < _ROUNDING and (matrix @ matrix - matrix).abs().max() < _ROUNDING
    )
    if not (close and math.isfinite(matrix.sum()) and matrix.trace() > 0.5):
        raise ValueError(
            "`projector` must be a square, symmetric matrix that equals its own square and is not zero, "
            f"found {tuple(matrix.shape) if square else projector!r} that is not"
        )


def check_indices(indices: Any) -> None:
    """Refuse what are no disjoint sets of indices."""
    flat = [i for row in indices for i in (row if isinstance(row, tuple) else [None])]
    whole = all(isinstance(i, int) and not isinstance(i, bool) and i >= 0 for i in flat)
    if not whole or not all(indices) or not indices or len(set(flat)) < len(flat):
        raise ValueError(
            f"`indices` must be disjoint sets, none empty, of integers of at least 0, found {indices!r}"
        )


def check_fit(name: str, parameter: Tensor, projector: Any, indices: Any, dim: int | None) -> None:
    """Refuse a parameter whose size a mirror does not fit."""
    if dim is not None and not -parameter.ndim <= dim < parameter.ndim:
        raise ValueError(
            f"`dim` must be a dimension of parameter `{name}`, found {dim} for shape {tuple(parameter.shape)}"
        )
    size = parameter.numel() if dim is None else parameter.shape[dim]
    if projector is not None and len(projector) != size:
        raise ValueError(
            f"`projector` must have the size of parameter `{name}` along `dim`, {size}, found "
            f"{len(projector)}"
        )
    if indices is not None and max(map(max, indices)) >= size:
        raise ValueError(
            f"`indices` must be below the size of parameter `{name}` along `dim`, {size}, found "
            f"{max(map(max, indices))}"
        )
