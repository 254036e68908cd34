"""Write a parameter as an entrywise product, so that weight decay makes it sparse."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce

from torch import Size, Tensor

from lightning_symmetry.surgery.factorisation import Factorisation, check_depth, gates


@dataclass(frozen=True)
class Hadamard(Factorisation):
    r"""Entrywise product of factors, :math:`w = u_1 \odot \dots \odot u_D`.

    Adds the rescalings and sign flips of the factors of every entry. Weight decay :math:`\lambda` (the
    penalty :math:`\frac\lambda2 \sum_d \|u_d\|^2`) equals the penalty

    .. math:: \frac{\lambda D}{2} \sum_i |w_i|^{2/D},

    which for :math:`D = 2` is L1 with strength :math:`\lambda`, the Lasso, and for larger :math:`D` favours
    sparsity beyond it. The minima are the same for coupled weight decay, as in SGD and Adam; the decoupled
    decay of AdamW minimises another function. Entries that the penalty zeroes shrink exponentially, so
    thresholds from 1e-3 to 1e-12 give the same support once training has converged.

    Exact at insertion to a few units of rounding of each entry. The factors after the first are larger by a
    mean entry, so that entries can grow from zero and change sign: with factors of equal size gradient
    descent never would.

    Reference: Ziyin, Wang, *spred: Solving L1 Penalty with SGD*, arXiv 2210.01212.

    Args:
        depth: Number of factors :math:`D`, at least 2.

    Raises:
        ValueError: If ``depth`` breaks its rule.

    Example:
        >>> import torch
        >>> from lightning_symmetry import add_symmetry
        >>> model = add_symmetry(torch.nn.Linear(3, 2), Hadamard())
        >>> [name for name, _ in model.named_parameters()]
        ['bias', 'weight_factors.factor0', 'weight_factors.factor1']
        >>> Hadamard(depth=1)
        Traceback (most recent call last):
        ...
        ValueError: `depth` must be an integer of at least 2, found 1
    """

    depth: int = 2

    def __post_init__(self) -> None:
        check_depth(self.depth)

    def split(self, weight: Tensor) -> dict[str, Tensor]:
        """Return factors, the first of which has the sign and the others of which are equal.

        Args:
            weight: The weight.

        Returns:
            The factors.
        """
        gate = gates(weight.abs(), self.depth)
        factors = {f"factor{k}": gate.clone() for k in range(1, self.depth)}
        return {"factor0": weight / gate ** (self.depth - 1), **factors}

    def join(self, factors: Mapping[str, Tensor], shape: Size) -> Tensor:
        """Return the entrywise product.

        Args:
            factors: The factors.
            shape: Shape of the weight.

        Returns:
            The weight.
        """
        return reduce(Tensor.mul, factors.values())

    def prune(self, factors: Mapping[str, Tensor], shape: Size, threshold: float) -> dict[str, Tensor]:
        """Zero every entry of at most the threshold.

        Args:
            factors: The factors.
            shape: Shape of the weight.
            threshold: Largest absolute value that counts as zero.

        Returns:
            The factors.
        """
        kept = self.join(factors, shape).abs() > threshold
        return {name: factor * kept for name, factor in factors.items()}
