"""The weights and the gradients of one step, arranged alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

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
    """

    def __init__(
        self, params: Mapping[str, Tensor], gradients: Mapping[str, Tensor], decay: Mapping[str, float]
    ) -> None:
        self._read, self._decay = Reader(params), decay
        self._params, self._gradients = self._read.params.stored, whole_values(gradients)

    @property
    def is_sharded(self) -> bool:
        """Whether no more than one weight and its gradient should be whole at a time."""
        return self._read.is_sharded

    def let_go(self) -> None:
        """Keep nothing whole."""
        self._read.let_go()
        self._gradients.let_go()

    def know(self, moved: Sequence[Piece]) -> bool:
        """Whether all parameters are there that some pieces belong to."""
        return all(leg.parameter in self._params for leg, _ in moved)

    def pair(self, piece: Piece) -> tuple[str, Callable[[], tuple[Tensor, Tensor]]]:
        """The parameter of a piece, and what reads its weights, ``(copies, n, ...)``, and their gradients."""
        return piece[0].parameter, partial(self._pair, piece)

    def decay(self, piece: Piece) -> float:
        """The weight decay of a piece."""
        return self._decay.get(piece[0].parameter, 0.0)

    def gradient(self, leg: Leg) -> Tensor:
        """That of a piece, as it lies in its parameter."""
        return leg.of(self._gradients[leg.parameter]).to(self._params[leg.parameter].dtype)

    def have(self, parameters: Iterable[str]) -> bool:
        """Whether all these parameters have gradients."""
        return all(name in self._params and name in self._gradients for name in parameters)

    def steepness(self) -> Tensor:
        """The norm of the gradient of the loss with respect to all parameters, 1 where it is zero."""
        return steepness(self._gradients.stored.values(), self._gradients.meet)

    def _pair(self, piece: Piece) -> tuple[Tensor, Tensor]:
        leg, act = piece
        return self._read.unflattened(piece), leg.spread(self._any_gradient(leg), act)

    def _any_gradient(self, leg: Leg) -> Tensor:
        if leg.parameter in self._gradients:
            return self.gradient(leg)
        param = self._params[leg.parameter]
        return leg.of(torch.zeros((), dtype=param.dtype, device=param.device).expand(param.shape))


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
    if not precise.numel():
        return precise.sum()
    return frobenius_norm(precise.reshape(len(precise) if precise.ndim else 1, -1))
