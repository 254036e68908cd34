"""Float32 weights behind parameters of half precision."""

import torch
from torch import Tensor


class MasterWeights:
    r"""Keeps what rounding to half precision takes from weights, from step to step.

    A step of size :math:`\eta\lambda|\theta' - \theta_0|` is far less than the distance of two neighbouring
    numbers of half precision, about :math:`2^{-8}|\theta'|` for bfloat16, and is lost if it is added to such
    a number. So the optimizer steps from 0, where only its own relative rounding counts, and the sum is
    kept here in float32 (compensated summation, as in Zamirai et al., arXiv 2010.06192).

    The parameter is always the kept weight, rounded. If it is not, somebody has set it, and it counts.
    """

    def __init__(self) -> None:
        self._kept: dict[Tensor, Tensor] = {}

    def of(self, parameters: list[Tensor]) -> list[Tensor]:
        """Return the float32 weights of parameters.

        Args:
            parameters: Of half precision.

        Returns:
            Tensors that are kept: what is done to them in place lasts.
        """
        for parameter in parameters:
            kept = self._kept.get(parameter)
            if kept is None or kept.device != parameter.device:
                self._kept[parameter] = parameter.detach().float()
            else:
                kept.copy_(torch.where(kept.to(parameter.dtype) == parameter, kept, parameter.float()))
        return [self._kept[parameter] for parameter in parameters]


class FromZero:
    """Shows the optimizer weights of 0, and adds what becomes of them to the weights."""

    def __init__(self, parameters: list[Tensor], weights: list[Tensor]) -> None:
        self._lent = (parameters, weights)
        torch._foreach_zero_(parameters)

    def close(self) -> None:
        """Give the parameters their values, moved and rounded."""
        for parameter, weight in zip(*self._lent, strict=True):
            parameter.copy_(weight.add_(parameter))
