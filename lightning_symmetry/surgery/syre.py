"""Remove every symmetry of a loss with a frozen random offset and weight decay (Syre)."""

import math
from dataclasses import dataclass, replace
from typing import Literal, get_args

from torch import Tensor, nn
from torch.optim import Optimizer

from lightning_symmetry.functional._check import check
from lightning_symmetry.surgery._decay_form import is_decoupled
from lightning_symmetry.surgery._module import parameter_of
from lightning_symmetry.surgery._plain_name import plain_name
from lightning_symmetry.surgery.initial_std import initial_std
from lightning_symmetry.surgery.seeded import seeded_normal

Units = Literal["init", "absolute"]

_STD, _STD_IF_DECOUPLED = 0.01, 0.1
# Entries of the metric lie within sqrt(3) spreads of 1, and none may turn decay into growth.
_SPREAD_LIMIT = 1 / math.sqrt(3)


@dataclass(frozen=True)
class Syre:
    r"""Symmetry removal by a frozen random offset of the parameters.

    The loss :math:`\ell(\theta)` is trained as

    .. math:: \ell_r(\theta) = \ell(\theta + \theta_0) + \gamma \|\theta\|^2, \qquad
        \theta_0 \sim \mathcal{N}(0, \sigma_0^2) \text{ drawn once and frozen,}

    which with probability 1 leaves no reflection symmetry in the regularised loss. The offset alone only
    moves the symmetry: it is the weight decay :math:`\gamma` towards a point that no group element fixes
    which removes it.

    What does fix it are rotations of spaces wider than all that is written to and read from them, about the
    offset's own directions. They leave :math:`\|\theta\|^2` as it is; a ``spread`` replaces that by

    .. math:: \|\theta\|_D^2 = \sum_i d_i \theta_i^2, \qquad d_i = 1 + \mathrm{spread} \cdot \xi_i,

    with frozen :math:`\xi_i` of mean 0 and variance 1, uniform, all different. It is done by the optimizer
    (:class:`~lightning_symmetry.OffsetDecay`) alone: a layer could have it by a change of scale of each entry
    only, which would change the steps along the gradient too.

    **Size.** Where decay is a part of the gradient, as in SGD and Adam, its step is scaled as that of the
    gradient. Where it stands beside an adaptive step, as in AdamW, it is weaker: it goes
    :math:`1 - \exp(-\sum \eta\lambda)` of the way to the offset. A larger offset makes up for a part of that;
    so does decay until :math:`\sum \eta\lambda`, over all steps, is about 1 or more. Of 32 equal units that
    fit what one unit can, 4,000 steps at a rate of 0.003 with a decay of 0.1 make 14 distinct ones under Adam
    and 5 under AdamW at ``std=0.01``, 32 and 19 at 0.1; with a decay of 0.01, AdamW makes 1 and 3.

    **By layer.** ``"init"`` follows the fan-in of each layer. A mapping from patterns of names to configs
    gives each layer a size of its own (:class:`~lightning_symmetry.RemoveSymmetry`,
    :func:`~lightning_symmetry.remove_symmetry`). There is no unit of present weights: at resume it would be
    another one.

    Reference: Ziyin, Xu, Chuang, *Remove Symmetries to Control Model Expressivity and Improve Optimization*,
    arXiv 2408.15495, the last form being its advanced one.

    Args:
        std: Size of the offset, in ``units``. The paper finds accuracy unchanged up to about 0.2 initial
            standard deviations. None is the paper's 0.01, and 0.1 where :meth:`sized` finds that the decay of
            an optimizer is decoupled; in layers, which do not know, give 0.1 under AdamW.
        units: ``"init"``: :math:`\sigma_0 = \mathrm{std} / \sqrt d`, where :math:`1 / d` is the variance at
            initialisation, see :func:`initial_std`. ``"absolute"``: :math:`\sigma_0 = \mathrm{std}`.
        seed: Seed of the offset, at least 0.
        spread: Standard deviation of the entries of :math:`D`, from 0 up to :math:`1 / \sqrt 3`, exclusive.
            The paper wants it much smaller than the offset.

    Raises:
        ValueError: If an argument breaks its rule.

    Example:
        >>> Syre(std=0.05)
        Syre(std=0.05, units='init', seed=0, spread=0.0)
        >>> Syre(std=0.0)
        Traceback (most recent call last):
        ...
        ValueError: `std` must be a finite number above 0, found 0.0
    """

    std: float | None = None
    units: Units = "init"
    seed: int = 0
    spread: float = 0.0

    def __post_init__(self) -> None:
        if not isinstance(self.units, str) or self.units not in get_args(Units):
            raise ValueError(f"`units` must be one of {get_args(Units)}, found {self.units!r}")
        if self.std is None and self.units == "absolute":
            raise ValueError("`std` must be given in absolute units, found None")
        if self.std is not None and not (_is_finite(self.std) and self.std > 0):
            raise ValueError(f"`std` must be a finite number above 0, found {self.std!r}")
        if not (_is_finite(self.spread) and 0 <= self.spread < _SPREAD_LIMIT):
            raise ValueError(
                f"`spread` must be a number from 0 up to 1/sqrt(3), exclusive, found {self.spread!r}"
            )
        if not isinstance(self.seed, int) or isinstance(self.seed, bool) or self.seed < 0:
            raise ValueError(f"`seed` must be an integer of at least 0, found {self.seed!r}")

    def sized(self, optimizer: Optimizer) -> "Syre":
        """Choose the size of the offset for an optimizer, if it is left open.

        Args:
            optimizer: The one that will decay towards the offset. That of one that is not of torch counts as
                coupled unless its groups say ``decoupled_weight_decay``.

        Returns:
            The same config with a number as ``std``.

        Example:
            >>> import torch
            >>> Syre().sized(torch.optim.AdamW([torch.zeros(1)])).std
            0.1
        """
        if self.std is not None:
            return self
        decoupled = any(is_decoupled(optimizer, group) for group in optimizer.param_groups)
        return replace(self, std=_STD_IF_DECOUPLED if decoupled else _STD)


def _is_finite(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def syre_offset(model: nn.Module, name: str, config: Syre) -> Tensor:
    r"""Draw the frozen offset :math:`\theta_0` of one parameter.

    The same model, name and configuration give the same offset in every process, on every device and rank
    and, up to rounding, in every precision.

    Args:
        model: Module that owns the parameter.
        name: Name of the parameter in ``model``.
        config: Scale and seed of the offset.

    Returns:
        A tensor with the shape, device and precision of the parameter, sharded as it is.

    Raises:
        TypeError: If ``model`` is not a module.
        ValueError: If it has no parameter of that name, or ``config`` is no Syre.

    Example:
        >>> model = nn.Linear(4, 2)
        >>> syre_offset(model, "weight", Syre()).shape
        torch.Size([2, 4])
    """
    check(isinstance(config, Syre), "config", "be a Syre", config)
    parameter = parameter_of(model, name)
    std = _STD if config.std is None else config.std
    if config.units == "init":
        std *= initial_std(model, name)
    noise = seeded_normal(parameter.shape, config.seed, plain_name(name))
    return _like(parameter, noise.mul_(std))


def syre_metric(model: nn.Module, name: str, config: Syre) -> Tensor:
    r"""Draw how the decay of each entry of one parameter differs from the others, :math:`d - 1`.

    It is as frozen and as independent of process, device and precision as :func:`syre_offset`.

    Args:
        model: Module that owns the parameter.
        name: Name of the parameter in ``model``.
        config: Spread and seed of the metric.

    Returns:
        A tensor with the shape, device and precision of the parameter, sharded as it is, whose entries are
        less than 1 in size.

    Raises:
        TypeError: If ``model`` is not a module.
        ValueError: If it has no parameter of that name, or ``config`` is no Syre.

    Example:
        >>> model = nn.Linear(4, 2)
        >>> syre_metric(model, "weight", Syre(spread=0.001)).abs().max() < 0.0018
        tensor(True)
    """
    check(isinstance(config, Syre), "config", "be a Syre", config)
    parameter = parameter_of(model, name)
    noise = seeded_normal(parameter.shape, config.seed, f"metric of {plain_name(name)}")
    # What is normal becomes uniform on (-1, 1).
    return _like(parameter, noise.div_(math.sqrt(2)).erf_().mul_(config.spread * math.sqrt(3)))


def _like(parameter: Tensor, drawn: Tensor) -> Tensor:
    drawn = drawn.to(parameter.device, parameter.dtype)
    return _shard_like(drawn, parameter) if hasattr(parameter, "placements") else drawn


def _shard_like(offset: Tensor, parameter: Tensor) -> Tensor:
    # Imported late because builds of torch without distributed support lack the module.
    from torch.distributed.tensor import DTensor, Replicate

    assert isinstance(parameter, DTensor)
    mesh = parameter.device_mesh
    # Every rank drew the whole offset, so each keeps its shard without a word to the others.
    whole = DTensor.from_local(offset, mesh, [Replicate()] * mesh.ndim, run_check=False)
    return whole.redistribute(mesh, parameter.placements)
