"""Multiply a parameter by one learnable number that can switch it off."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Size, Tensor

from lightning_symmetry.surgery.factorisation import Factorisation


@dataclass(frozen=True)
class ScalarGate(Factorisation):
    r"""One learnable number in front of a parameter, :math:`W = v W'`.

    Adds the sign flip and the rescaling of :math:`v` against :math:`W'`. Weight decay :math:`\lambda` (the
    penalty :math:`\frac\lambda2 (v^2 + \|W'\|_F^2)`) equals the penalty

    .. math:: \lambda \|W\|_F,

    not squared, which a parameter of no use reaches zero under: :math:`v = 0` switches it off.

    Starts at :math:`v = 1`, so :math:`W` does not change by a single bit.

    Reference: Ziyin, Xu, Poggio, Chuang, arXiv 2502.05300, Sec. 6.

    Example:
        >>> import torch
        >>> from lightning_symmetry import add_symmetry
        >>> model = add_symmetry(torch.nn.Linear(3, 2), ScalarGate())
        >>> [name for name, _ in model.named_parameters()]
        ['bias', 'weight_factors.weight', 'weight_factors.gate']
    """

    def split(self, weight: Tensor) -> dict[str, Tensor]:
        """Return the weight and a gate of one.

        Args:
            weight: The weight.

        Returns:
            The factors.
        """
        return {"weight": weight.clone(), "gate": weight.new_ones(())}

    def join(self, factors: Mapping[str, Tensor], shape: Size) -> Tensor:
        """Return the gated weight.

        Args:
            factors: The factors.
            shape: Shape of the weight.

        Returns:
            The weight.
        """
        return factors["gate"] * factors["weight"]

    def prune(self, factors: Mapping[str, Tensor], shape: Size, threshold: float) -> dict[str, Tensor]:
        """Zero the whole parameter if its norm is at most the threshold.

        Args:
            factors: The factors.
            shape: Shape of the weight.
            threshold: Largest norm that counts as zero.

        Returns:
            The factors.
        """
        kept = self.join(factors, shape).norm() > threshold
        return {name: factor * kept for name, factor in factors.items()}
