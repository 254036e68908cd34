"""Pieces of parameters, and the linear maps that they make up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor

from ..functional._check import check, check_tensor
from ._real import like, real


@dataclass(frozen=True)
class View:
    """A piece of a parameter seen as a tensor of atoms.

    Attributes:
        parameter: Dotted name in ``named_parameters()`` or ``named_buffers()``; ``noise:k`` for the k-th draw
            of random numbers in the forward pass.
        offset: Where the piece starts along each axis of the parameter.
        atoms: ``(axis, step, size)`` for each dimension of the piece; axis −1 adds a dimension of length one.
    """

    parameter: str
    offset: tuple[int, ...]
    atoms: tuple[tuple[int, int, int], ...]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Shape of the piece."""
        return tuple(size for _, _, size in self.atoms)

    def of(self, tensor: Tensor) -> Tensor:
        """Return the piece of ``tensor``, the parameter's value, without a copy."""
        tensor = real(tensor)
        strides = tensor.stride()
        start = sum(o * s for o, s in zip(self.offset, strides, strict=True))
        steps = [step * strides[axis] if axis >= 0 else 0 for axis, step, _ in self.atoms]
        return tensor.as_strided(self.sizes, steps, tensor.storage_offset() + start)

    def check(self, tensor: Tensor) -> None:
        """Raise unless a tensor can hold the piece.

        Raises:
            ValueError: If it is no tensor, or has no such entries.
        """
        check_tensor(tensor, self.parameter)
        shape, ends = tuple(real(tensor).shape), list(self.offset)
        for axis, step, size in self.atoms:
            if axis >= 0:
                ends[axis] += step * (size - 1)
        holds = len(shape) == len(ends) and all(end < length for end, length in zip(ends, shape, strict=True))
        check(holds, self.parameter, f"have an entry {tuple(ends)} that a symmetry moves", shape)

    def places(self, shape: torch.Size) -> Tensor:
        """Return the flat (row-major) index of every entry of the piece."""
        rows = [prod(shape[axis + 1 :]) for axis in range(len(shape))]
        index = torch.tensor(sum(o * row for o, row in zip(self.offset, rows, strict=True)))
        for axis, step, size in self.atoms:
            index = index.unsqueeze(-1) + torch.arange(size) * (step * rows[axis] if axis >= 0 else 0)
        return index

    def copied(self, params: Mapping[str, Tensor]) -> Tensor:
        """Return the piece as it is in ``params``, as a tensor of its own."""
        tensor = real(params[self.parameter])
        box = self._box()
        if box is None:
            return tensor.reshape(-1)[self.places(tensor.shape).to(tensor.device)]
        for axis, (start, length) in enumerate(box):
            tensor = tensor.narrow(axis, start, length)
        order = self._by_axis()
        split = tensor.reshape([self.sizes[d] for d in order])
        return split.permute([order.index(d) for d in range(len(order))]).clone()

    def replaced(self, tensor: Tensor, piece: Tensor) -> Tensor:
        """Return ``tensor``, the parameter's value, with another piece in its place."""
        box, numbers = self._box(), real(tensor)
        piece = piece.to(numbers)
        if box is None:
            index = self.places(numbers.shape).to(numbers.device)
            return like(tensor, numbers.reshape(-1).index_put((index,), piece).reshape(numbers.shape))
        piece = piece.permute(self._by_axis()).reshape([length for _, length in box])
        return like(tensor, _inserted(numbers, piece, [start for start, _ in box]))

    def _by_axis(self) -> list[int]:
        """The dimensions of the piece by the axis of the parameter that they cut, outer ones first."""
        return sorted(
            range(len(self.atoms)),
            key=lambda d: (self.atoms[d][0] % (len(self.offset) + 1), -self.atoms[d][1]),
        )

    def _box(self) -> list[tuple[int, int]] | None:
        """Where the piece starts along each axis and how long it is, None if it is no block of neighbours."""
        lengths = [1] * len(self.offset)
        for dim in reversed(self._by_axis()):
            axis, step, size = self.atoms[dim]
            if axis >= 0 and size > 1:
                if step != lengths[axis]:
                    return None
                lengths[axis] *= size
        return list(zip(self.offset, lengths, strict=True))


def _inserted(tensor: Tensor, piece: Tensor, starts: list[int]) -> Tensor:
    """Put a block into a tensor, one axis after the other."""
    for axis, start in enumerate(starts):
        length, end = piece.shape[axis], start + piece.shape[axis]
        if length < tensor.shape[axis]:
            inner = _inserted(
                tensor.narrow(axis, start, length), piece, [*starts[:axis], 0, *starts[axis + 1 :]]
            )
            rest = tensor.narrow(axis, end, tensor.shape[axis] - end)
            return torch.cat([tensor.narrow(axis, 0, start), inner, rest], dim=axis)
    return piece


@dataclass(frozen=True)
class Factor(View):
    """A function of a piece: ``(scale · piece + shift) ** power``."""

    power: int = 1
    scale: float = 1.0
    shift: float = 0.0

    def value(self, params: Mapping[str, Tensor]) -> Tensor:
        """Return the factor as the parameters make it."""
        value: Tensor = (self.scale * self.copied(params) + self.shift) ** self.power
        return value


@dataclass(frozen=True)
class Link:
    """A linear map on the way of a shift: the einsum of some factors and the shift, which comes last."""

    factors: tuple[Factor, ...]
    equation: str

    def __call__(self, vector: Tensor, params: Mapping[str, Tensor]) -> Tensor:
        """Return where ``vector`` goes."""
        factors = [factor.value(params).to(vector) for factor in self.factors]
        if self.equation.split("->")[0].endswith(","):
            vector = vector.reshape(())  # a vector of length one that runs along no axis
        image: Tensor = torch.einsum(self.equation, *factors, vector)
        return image
