"""The weights and the gradients of one step, arranged alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor

from ...discovery._real import real
from ...discovery.leg import Leg
from ...functional._norm import frobenius_norm
from .reader import Reader
from .space import Piece


class Slopes:
    """Weights and gradients, of the loss or of what is minimised, piece by piece.

    Args:
        params: parameters by name.
        gradients: gradients by name; one that is missing counts as zero.
        decay: weight decay by name.
    """

    def __init__(
        self, params: Mapping[str, Tensor], gradients: Mapping[str, Tensor], decay: Mapping[str, float]
    ) -> None:
        self._params, self._gradients, self._decay = params, gradients, decay
        self._read = Reader(params)

    def know(self, moved: Sequence[Piece]) -> bool:
        """Whether all parameters are there that some pieces belong to."""
        return all(leg.parameter in self._params for leg, _ in moved)

    def weights(self, moved: Sequence[Piece]) -> list[Tensor]:
        """The weights, ``(copies, n, k)`` each."""
        return self._read(moved)

    def spread(self, moved: Sequence[Piece]) -> list[Tensor]:
        """The weights without a copy, ``(copies, n, ...)`` each."""
        return [self._read.unflattened(piece) for piece in moved]

    def spread_gradients(self, moved: Sequence[Piece]) -> list[Tensor]:
        """Their gradients in the same arrangement."""
        return [leg.spread(self._gradient(leg), act) for leg, act in moved]

    def decays(self, moved: Sequence[Piece]) -> list[float]:
        """The weight decay of each."""
        return [self._decay.get(leg.parameter, 0.0) for leg, _ in moved]

    def gradients(self, moved: Sequence[Piece]) -> list[Tensor]:
        """The gradients of the loss alone, without weight decay."""
        return [leg.units(self.gradient(leg), act) for leg, act in moved]

    def gradient(self, leg: Leg) -> Tensor:
        """That of a piece, as it lies in its parameter."""
        return leg.of(self._gradients[leg.parameter].detach()).to(self._params[leg.parameter].dtype)

    def have(self, parameters: Iterable[str]) -> bool:
        """Whether all these parameters have gradients."""
        return all(name in self._params and name in self._gradients for name in parameters)

    def steepness(self) -> Tensor:
        """The norm of the gradient of the loss with respect to all parameters, 1 where it is zero."""
        return steepness(self._gradients.values())

    def _gradient(self, leg: Leg) -> Tensor:
        if leg.parameter in self._gradients:
            return self.gradient(leg)
        return leg.of(torch.zeros_like(self._params[leg.parameter], requires_grad=False))


def steepness(gradients: Iterable[Tensor]) -> Tensor:
    """Compute the norm of what is finite of a gradient.

    Args:
        gradients: its tensors.

    Returns:
        Scalar tensor, float32 or better; 1 where the gradient is zero, to be divided by.
    """
    norms = [_length(gradient.detach()) for gradient in gradients]
    if not norms:
        return torch.ones(())
    lengths = torch.stack(norms)
    norm: Tensor = torch.linalg.vector_norm(torch.where(lengths.isfinite(), lengths, 0.0))
    return torch.where(norm == 0, 1.0, norm)


def _length(gradient: Tensor) -> Tensor:
    gradient = real(gradient)
    precise = gradient.to(torch.promote_types(gradient.dtype, torch.float32))
    return frobenius_norm(precise.reshape(len(precise) if precise.ndim else 1, -1))
