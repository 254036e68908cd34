"""Remove the symmetries of a weight by freezing random entries of it."""

from dataclasses import dataclass

import torch
from torch import Tensor

from lightning_symmetry.layers.fixed_weights import FixedWeights
from lightning_symmetry.surgery._fields import check_scale, check_seed
from lightning_symmetry.surgery.seeded import seeded_normal


@dataclass(frozen=True)
class WeightAsymmetry:
    r"""Symmetry removal by freezing random entries of a weight at random values.

    In each row of the weight (each entry of its first axis, the others flattened), ``fixed`` entries chosen
    at random are replaced by frozen draws from :math:`\mathcal{N}(0, \kappa^2)` and never trained. No
    permutation, sign, scaling or rotation of the units maps such weights onto each other. A unit whose every
    entry is trained keeps its symmetries, so columns too have to be hit: ``fixed`` times the rows has to
    exceed the columns well.

    The model's function changes when this is installed: it is meant for the start of training.

    Reference: Lim, Putterman, Walters, Maron, Jegelka, *The Empirical Impact of Neural Parameter Symmetries,
    or Lack Thereof*, arXiv 2405.20231, who freeze 64, 64, 64 and 256 entries a row in the layers of an MLP
    of width 512 with :math:`\kappa` = 1, 1, 0.5 and 0.25.

    Args:
        fixed: Number of frozen entries in each row, at least 1 and fewer than the row has.
        scale: Deviation :math:`\kappa` of the frozen values.
        seed: Seed of mask and values, at least 0.

    Raises:
        ValueError: If an argument breaks its rule.

    Example:
        >>> WeightAsymmetry(fixed=2)
        WeightAsymmetry(fixed=2, scale=1.0, seed=0)
    """

    fixed: int
    scale: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.fixed, int) or isinstance(self.fixed, bool) or self.fixed < 1:
            raise ValueError(f"`fixed` must be an integer of at least 1, found {self.fixed!r}")
        check_scale("scale", self.scale)
        check_seed(self.seed)


def fixed_weights(weight: Tensor, name: str, config: WeightAsymmetry) -> FixedWeights:
    """Draw mask and values for one weight.

    Args:
        weight: A weight of two or more dimensions.
        name: Its name in the plain model, which tells its draws from those of other weights.
        config: Number, scale and seed of the frozen entries.

    Returns:
        What computes the weight, equal in every process, on every device and in every precision.

    Raises:
        ValueError: If the weight has no rows, or rows of ``fixed`` entries or fewer.

    Example:
        >>> fixed_weights(torch.zeros(2, 3), "weight", WeightAsymmetry(fixed=1)).trained.sum(1)
        tensor([2., 2.])
    """
    if weight.ndim < 2 or weight[0].numel() <= config.fixed:
        raise ValueError(
            f"`fixed` must be less than the entries in a row of `{name}`, found {config.fixed} for shape "
            f"{tuple(weight.shape)}; leave it out with `filter`, or give it a config of its own"
        )
    order = seeded_normal(weight.shape, config.seed, f"{name}:mask").flatten(1).argsort(dim=1, stable=True)
    mask = torch.zeros(order.shape).scatter_(1, order[:, : config.fixed], 1.0).view(weight.shape)
    values = config.scale * seeded_normal(weight.shape, config.seed, f"{name}:values")
    return FixedWeights(mask.to(weight.device, weight.dtype), values.to(weight.device, weight.dtype))
