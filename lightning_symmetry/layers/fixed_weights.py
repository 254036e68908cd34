"""A weight some of whose entries are frozen at random values."""

from torch import Tensor

from lightning_symmetry.layers._alike import check_alike
from lightning_symmetry.surgery._installed import Installed


class FixedWeights(Installed):
    r"""Computes :math:`(1 - M) \odot W + M \odot F` from a trained :math:`W`, with frozen mask and values.

    The entries of :math:`W` where :math:`M = 1` are neither used nor given a gradient, but weight decay
    shrinks them: undo leaves them as they are, fold overwrites them by :math:`F`. Mask and values are
    functions of a seed, so they are no part of the ``state_dict``; the mask is floating point because
    averages of weights reject others.

    Reference: Lim, Putterman, Walters, Maron, Jegelka, *The Empirical Impact of Neural Parameter Symmetries,
    or Lack Thereof*, arXiv 2405.20231.

    Args:
        mask: 1 where the weight is frozen, 0 elsewhere, of the weight's shape, device and precision.
        values: Frozen values, used where the mask is 1.

    Raises:
        ValueError: If one is no tensor of floating-point or complex numbers, or not of the other's shape and
            device.

    Example:
        >>> import torch
        >>> fixed = FixedWeights(torch.tensor([[1.0, 0.0]]), torch.tensor([[-3.0, 8.0]]))
        >>> fixed(torch.ones(1, 2)).tolist()
        [[-3.0, 1.0]]
    """

    trained: Tensor
    frozen: Tensor

    def __init__(self, mask: Tensor, values: Tensor) -> None:
        super().__init__()
        check_alike(mask=mask, values=values)
        self.register_buffer("trained", 1 - mask, persistent=False)
        self.register_buffer("frozen", mask * values, persistent=False)

    def forward(self, weight: Tensor) -> Tensor:
        """Put the frozen values in.

        Args:
            weight: The trained parameter.

        Returns:
            The weight as the module uses it.
        """
        return self.trained * weight + self.frozen
