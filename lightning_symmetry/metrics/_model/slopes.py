"""The weights and the gradients of one step, arranged alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import torch
from torch import Tensor

from ...discovery._real import real
from ...discovery.leg import Leg
from ...functional._norm import frobenius_norm
from .reader import Reader
from .sharded_lengths import sharded_lengths
from .space import Piece
from .whole_values import is_sharded, whole_values


class Slopes:
    """Weights and gradients, of the loss or of what is minimised, piece by piece.

    Args:
        params: parameters by name.
        gradients: gradients by name; one that is missing counts as zero.
        decay: weight decay by name.

    Attributes:
        is_sharded: whether some are sharded, so that no more than one piece should be whole at a time.
    """

    def __init__(
        self, params: Mapping[str, Tensor], gradients: Mapping[str, Tensor], decay: Mapping[str, float]
    ) -> None:
        self._read, self._decay = Reader(params), decay
        self._params, self._gradients = self._read.params.stored, whole_values(gradients)
        self.is_sharded = any(map(self._read.params.is_sharded, self._params))

    def know(self, moved: Sequence[Piece]) -> bool:
        """Whether all parameters are there that some pieces belong to."""
        return all(leg.parameter in self._params for leg, _ in moved)

    def spread(self, piece: Piece) -> tuple[Tensor, Tensor]:
        """The weights of a piece without a copy, ``(copies, n, ...)``, and their gradients."""
        leg, act = piece
        return self._read.unflattened(piece), leg.spread(self._any_gradient(leg), act)

    def pairs(self, moved: Iterable[Piece]) -> Iterator[tuple[Tensor, Tensor]]:
        """The weights of pieces, ``(copies, n, k)``, and the gradients of the loss, without weight decay."""
        for leg, act in moved:
            (weights,) = self._read([(leg, act)])
            yield weights, leg.units(self.gradient(leg), act)
            del weights

    def decays(self, moved: Sequence[Piece]) -> list[float]:
        """The weight decay of each."""
        return [self._decay.get(leg.parameter, 0.0) for leg, _ in moved]

    def gradient(self, leg: Leg) -> Tensor:
        """That of a piece, as it lies in its parameter."""
        return leg.of(self._gradients[leg.parameter]).to(self._params[leg.parameter].dtype)

    def have(self, parameters: Iterable[str]) -> bool:
        """Whether all these parameters have gradients."""
        return all(name in self._params and name in self._gradients for name in parameters)

    def steepness(self) -> Tensor:
        """The norm of the gradient of the loss with respect to all parameters, 1 where it is zero."""
        return steepness(self._gradients.stored.values(), self._gradients.meet)

    def _any_gradient(self, leg: Leg) -> Tensor:
        if leg.parameter in self._gradients:
            return self.gradient(leg)
        param = self._params[leg.parameter]
        return leg.of(torch.zeros(param.shape, dtype=param.dtype, device=param.device))


def steepness(gradients: Iterable[Tensor], meet: Callable[[str], object] = str) -> Tensor:
    """Compute the norm of what is finite of a gradient.

    Args:
        gradients: its tensors.
        meet: called before processes exchange anything.

    Returns:
        Scalar tensor, float32 or better; 1 where the gradient is zero, to be divided by.
    """
    all_gradients = [gradient.detach() for gradient in gradients]
    norms = [_length(gradient) for gradient in all_gradients if not is_sharded(gradient)]
    norms += sharded_lengths([gradient for gradient in all_gradients if is_sharded(gradient)], _length, meet)
    if not norms:
        return torch.ones(())
    lengths = torch.stack(norms)
    norm: Tensor = torch.linalg.vector_norm(torch.where(lengths.isfinite(), lengths, 0.0))
    return torch.where(norm == 0, 1.0, norm)


def _length(gradient: Tensor) -> Tensor:
    gradient = real(gradient)
    precise = gradient.to(torch.promote_types(gradient.dtype, torch.float32))
    return frobenius_norm(precise.reshape(len(precise) if precise.ndim else 1, -1))
