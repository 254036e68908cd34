"""A weight that is stored as its distance from a frozen offset."""

from torch import Tensor

from lightning_symmetry.surgery._installed import Installed


class Offset(Installed):
    r"""Parametrisation :math:`\theta \mapsto \theta + \theta_0` with a frozen :math:`\theta_0`.

    Registering it stores :math:`\theta = w - \theta_0` for a present weight :math:`w`, so that the function
    of the module does not change (up to one rounding of the weight). Weight decay then pulls :math:`\theta`
    to zero, which is the weight to :math:`\theta_0`. The offset costs one addition and one tensor of the
    weight's size a forward pass. It is a function of a seed, so it is no part of the ``state_dict``.

    Taken off, the weight is left at :math:`\theta + \theta_0`, by fold and undo alike.

    Reference: Ziyin, Xu, Chuang, *Remove Symmetries to Control Model Expressivity and Improve Optimization*,
    arXiv 2408.15495.

    Args:
        offset: Frozen offset, of the weight's shape, device and precision.

    Example:
        >>> import torch
        >>> from torch.nn.utils import parametrize
        >>> linear = torch.nn.Linear(2, 1, bias=False)
        >>> _ = torch.nn.init.ones_(linear.weight)
        >>> _ = parametrize.register_parametrization(linear, "weight", Offset(torch.tensor([[0.25, 0.5]])))
        >>> linear.weight.tolist(), linear.parametrizations.weight.original.tolist()
        ([[1.0, 1.0]], [[0.75, 0.5]])
    """

    offset: Tensor

    def __init__(self, offset: Tensor) -> None:
        super().__init__()
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

    def settled(self, original: Tensor) -> Tensor:
        """Leave the parameter: what undoing gives is what the module uses.

        Args:
            original: The trained parameter.

        Returns:
            The same.
        """
        return original

    def undone(self, original: Tensor) -> Tensor:
        """Keep the function: a weight without its offset would be that of another one.

        Args:
            original: The trained parameter.

        Returns:
            The weight as the module uses it.
        """
        return self.forward(original)
