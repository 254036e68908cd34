"""A weight that is stored as its distance from a frozen offset."""

from torch import Tensor

from lightning_symmetry.functional._check import check_tensor
from lightning_symmetry.surgery._installed import Installed


class Offset(Installed):
    r"""Computes :math:`\theta + \theta_0` from a trained :math:`\theta`, with a frozen :math:`\theta_0`.

    For a present weight :math:`w` the stored parameter is :math:`\theta = w - \theta_0`, so that the function
    of the module does not change (up to one rounding of the weight). Weight decay then pulls :math:`\theta`
    to zero, which is the weight to :math:`\theta_0`. The offset costs one addition and one tensor of the
    weight's size a forward pass. It is a function of a seed, so it is no part of the ``state_dict``.

    Taken off, the weight is left at :math:`\theta + \theta_0`, by fold and undo alike.

    Reference: Ziyin, Xu, Chuang, *Remove Symmetries to Control Model Expressivity and Improve Optimization*,
    arXiv 2408.15495.

    Args:
        offset: Frozen offset, of the weight's shape, device and precision.

    Raises:
        ValueError: If ``offset`` is no tensor.

    Example:
        >>> import torch
        >>> offset = Offset(torch.tensor([[0.25, 0.5]]))
        >>> stored = offset.right_inverse(torch.ones(1, 2))
        >>> stored.tolist(), offset(stored).tolist()
        ([[0.75, 0.5]], [[1.0, 1.0]])
    """

    offset: Tensor

    def __init__(self, offset: Tensor) -> None:
        super().__init__()
        check_tensor(offset, "offset")
        self.register_buffer("offset", offset, persistent=False)

    def forward(self, theta: Tensor) -> Tensor:
        r"""Add the offset.

        Args:
            theta: The trained parameter.

        Returns:
            :math:`\theta + \theta_0`.
        """
        return theta + self.offset

    def right_inverse(self, weight: Tensor) -> Tensor:
        r"""Subtract the offset.

        Args:
            weight: A weight as the module uses it.

        Returns:
            :math:`w - \theta_0`.
        """
        return weight - self.offset

    def undone(self, stored: Tensor) -> Tensor:
        """Keep the function: a weight without its offset would be that of another one.

        Args:
            stored: The trained parameter.

        Returns:
            The weight as the module uses it.
        """
        return self.forward(stored)
