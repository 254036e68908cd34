"""Write a parameter as a function of factors, so that weight decay of the factors favours a structure."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from torch import Size, Tensor


class Factorisation(ABC):
    """What the configs that add a symmetry have in common.

    A subclass is a frozen dataclass. Its factors are a mapping from names to tensors, of which those that
    :meth:`split` returns are trained and those that :meth:`constants` returns are not.
    """

    def check(self, name: str, parameter: Tensor) -> None:  # noqa: B027
        """Refuse a parameter that cannot be written in this way.

        Args:
            name: Name of the parameter, for the message.
            parameter: Its value.
        """

    @abstractmethod
    def split(self, weight: Tensor) -> dict[str, Tensor]:
        """Return the factors of a weight; no gradient vanishes at all of them at once.

        Args:
            weight: The weight.

        Returns:
            Factors that :meth:`join` gives the weight back from, up to rounding.
        """

    @abstractmethod
    def join(self, factors: Mapping[str, Tensor], shape: Size) -> Tensor:
        """Return the weight that the factors make.

        Args:
            factors: Trained factors and constants.
            shape: Shape of the weight.

        Returns:
            The weight.
        """

    @abstractmethod
    def prune(self, factors: Mapping[str, Tensor], shape: Size, threshold: float) -> dict[str, Tensor]:
        """Return trained factors in which every unit of the penalty up to a threshold is exactly zero.

        Args:
            factors: Trained factors and constants.
            shape: Shape of the weight.
            threshold: Largest size of a unit that counts as zero.

        Returns:
            The trained factors. A pruned unit stays at zero when training goes on.
        """

    def constants(self, weight: Tensor) -> dict[str, Tensor]:
        """Return tensors that take part in :meth:`join` and are not trained.

        Args:
            weight: The weight, for its shape, device and precision.

        Returns:
            Tensors that depend on nothing else but the config.
        """
        return {}


def check_depth(depth: int) -> None:
    """Refuse a number of factors below two.

    Args:
        depth: Number of factors.

    Raises:
        ValueError: If it is no integer of at least 2.
    """
    if not isinstance(depth, int) or isinstance(depth, bool) or depth < 2:
        raise ValueError(f"`depth` must be an integer of at least 2, found {depth!r}")


def gates(sizes: Tensor, depth: int) -> Tensor:
    r"""Value of each of the ``depth - 1`` gates that multiply units of the given sizes.

    They are :math:`(s + \bar s)^{1 / D}` for a unit of size :math:`s`, with the mean size :math:`\bar s`, or
    1 if all are zero; what is left for the first factor is smaller. Factors of exactly equal size have the
    least decay, but gradient descent keeps them equal: the unit could never pass through zero, and an entry
    never change its sign. For the same reason a unit of size zero must not have all its factors zero.
    Weight decay balances the factors later.

    Args:
        sizes: Sizes of units, at least 0.
        depth: Number of factors :math:`D`.

    Returns:
        Gates above 0, of the same shape.

    Example:
        >>> gates(torch.tensor([4.0, 2.0, 0.0]), depth=2) ** 2
        tensor([6.0000, 4.0000, 2.0000])
    """
    mean = sizes.mean()
    return (sizes + torch.where(mean > 0, mean, 1)) ** (1 / depth)
