"""An activation that treats no two of its units alike."""

import math

import torch
from torch import Tensor, nn

from lightning_symmetry.functional._check import check, check_integer, check_number, check_size
from lightning_symmetry.surgery.seeded import seeded_normal


class AsymmetricActivation(nn.Module):
    r"""The activation :math:`x \odot \operatorname{sigmoid}(C x)` with a frozen random :math:`C`.

    :math:`C` has independent normal entries of deviation ``scale / sqrt(width)``, so that :math:`C x` is of
    the size of :math:`x` whatever the width. No permutation, sign or scale of the units commutes with it. It
    costs one matrix product of the size of a layer, and no plain activation equals it.

    Reference: Lim, Putterman, Walters, Maron, Jegelka, *The Empirical Impact of Neural Parameter Symmetries,
    or Lack Thereof*, arXiv 2405.20231.

    Args:
        width: Number of units. It has to be known: a matrix that is drawn on the first call would be missing
            from models that are moved, compiled or traced before.
        axis: Axis of the units: -1 after linear layers, 1 after convolutions.
        scale: Size of :math:`C x` for an :math:`x` of size 1.
        seed: Seed of :math:`C`, a function of which it is; it is no part of the ``state_dict``.
        name: Tells this draw from the others of the same seed.
        replaced: The activation that this one stands in for.

    Raises:
        ValueError: If an argument is something else.

    Example:
        >>> activation = AsymmetricActivation(width=3)
        >>> activation(torch.ones(5, 3)).shape
        torch.Size([5, 3])
        >>> list(activation.state_dict())
        []
    """

    mixing: Tensor

    def __init__(
        self,
        width: int,
        axis: int = -1,
        scale: float = 1.0,
        seed: int = 0,
        name: str = "",
        replaced: nn.Module | None = None,
    ) -> None:
        super().__init__()
        check_size(width, "width")
        check_integer(axis, "axis")
        check_number(scale, "scale")
        check_integer(seed, "seed")
        check(seed >= 0, "seed", "be at least 0", seed)
        check(isinstance(name, str), "name", "be a text", name)
        is_module = replaced is None or isinstance(replaced, nn.Module)
        check(is_module, "replaced", "be a module or None", replaced)
        self.axis = axis
        self.replaced = replaced
        mixing = seeded_normal(torch.Size([width, width]), seed, f"{name}:mixing") * (
            scale / math.sqrt(width)
        )
        self.register_buffer("mixing", mixing, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Gate every unit by a mixture of all of them.

        Args:
            x: Preactivations, ``width`` of them along ``axis``.

        Returns:
            A tensor of the same shape.

        Raises:
            ValueError: If the axis does not have ``width`` entries.
        """
        if x.shape[self.axis] != len(self.mixing):
            raise ValueError(
                f"`x` must have {len(self.mixing)} units along axis {self.axis}, found {tuple(x.shape)}"
            )
        units = x.movedim(self.axis, -1)
        gates = nn.functional.linear(units, self.mixing.to(x.dtype)).sigmoid()
        return (units * gates).movedim(-1, self.axis)

    def extra_repr(self) -> str:
        """Say the width.

        Returns:
            What ``repr`` shows between the brackets.
        """
        return f"width={len(self.mixing)}, axis={self.axis}"
