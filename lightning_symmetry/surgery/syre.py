"""Remove every symmetry of a loss with a frozen random offset and weight decay (Syre)."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

from torch import Tensor, nn

from lightning_symmetry.surgery._plain_name import plain_name
from lightning_symmetry.surgery.seeded import seeded_normal

Units = Literal["init", "absolute"]


@dataclass(frozen=True)
class Syre:
    r"""Symmetry removal by a frozen random offset of the parameters.

    The loss :math:`\ell(\theta)` is trained as

    .. math:: \ell_r(\theta) = \ell(\theta + \theta_0) + \gamma \|\theta\|^2, \qquad
        \theta_0 \sim \mathcal{N}(0, \sigma_0^2) \text{ drawn once and frozen,}

    which with probability 1 leaves no reflection symmetry in the regularised loss. The offset alone only
    moves the symmetry: it is the weight decay :math:`\gamma` towards a point that no group element fixes
    which removes it.

    Reference: Ziyin, Xu, Chuang, *Remove Symmetries to Control Model Expressivity and Improve Optimization*,
    arXiv 2408.15495.

    Args:
        std: Size of the offset, in ``units``. The paper finds accuracy unchanged up to about 0.2 initial
            standard deviations.
        units: ``"init"``: :math:`\sigma_0 = \mathrm{std} / \sqrt d`, where :math:`1 / d` is the variance at
            initialisation, see :func:`initial_std`. ``"absolute"``: :math:`\sigma_0 = \mathrm{std}`.
        seed: Seed of the offset, at least 0.

    Raises:
        ValueError: If an argument breaks its rule.

    Example:
        >>> Syre(std=0.05)
        Syre(std=0.05, units='init', seed=0)
        >>> Syre(std=0.0)
        Traceback (most recent call last):
        ...
        ValueError: `std` must be a finite number above 0, found 0.0
    """

    std: float = 0.01
    units: Units = "init"
    seed: int = 0

    def __post_init__(self) -> None:
        number = isinstance(self.std, (int, float)) and not isinstance(self.std, bool)
        if not (number and math.isfinite(self.std) and self.std > 0):
            raise ValueError(f"`std` must be a finite number above 0, found {self.std!r}")
        if self.units not in get_args(Units):
            raise ValueError(f"`units` must be one of {get_args(Units)}, found {self.units!r}")
        if not isinstance(self.seed, int) or isinstance(self.seed, bool) or self.seed < 0:
            raise ValueError(f"`seed` must be an integer of at least 0, found {self.seed!r}")


def initial_std(model: nn.Module, name: str) -> float:
    r"""Standard deviation :math:`1 / \sqrt d` at which a parameter is commonly initialised.

    A parameter of two or more dimensions has :math:`d` = its size over its first dimension, which is the
    fan-in of linear layers and convolutions and the feature dimension of embeddings. A bias takes the
    :math:`d` of the weight beside it (``bias_ih_l0`` that of ``weight_ih_l0``). Everything else, such as the
    gain and shift of a normalisation, has :math:`d = 1`. Only shapes count, so a resumed or pretrained model
    has the scale of a fresh one.

    Args:
        model: Module that owns the parameter.
        name: Name of the parameter in ``model``.

    Returns:
        A number above 0.

    Example:
        >>> model = nn.Sequential(nn.Linear(16, 3), nn.LayerNorm(3))
        >>> [initial_std(model, name) for name, _ in model.named_parameters()]
        [0.25, 0.25, 1.0, 1.0]
    """
    owner, _, leaf = name.rpartition(".")
    siblings = dict(model.get_submodule(owner).named_parameters(recurse=False, remove_duplicate=False))
    parameter = siblings[leaf]
    if parameter.ndim < 2:
        parameter = siblings.get(leaf.replace("bias", "weight"), parameter)
    return 1.0 if parameter.ndim < 2 else math.sqrt(len(parameter) / parameter.numel())


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

    Example:
        >>> model = nn.Linear(4, 2)
        >>> syre_offset(model, "weight", Syre()).shape
        torch.Size([2, 4])
    """
    parameter = model.get_parameter(name)
    std = config.std * (initial_std(model, name) if config.units == "init" else 1.0)
    noise = seeded_normal(parameter.shape, config.seed, plain_name(name))
    offset = (noise * std).to(parameter.device, parameter.dtype)
    return _shard_like(offset, parameter) if hasattr(parameter, "placements") else offset


def _shard_like(offset: Tensor, parameter: Tensor) -> Tensor:
    # Imported late because builds of torch without distributed support lack the module.
    from torch.distributed.tensor import DTensor, Replicate

    assert isinstance(parameter, DTensor)
    mesh = parameter.device_mesh
    # Every rank drew the whole offset, so each keeps its shard without a word to the others.
    whole = DTensor.from_local(offset, mesh, [Replicate()] * mesh.ndim, run_check=False)
    return whole.redistribute(mesh, parameter.placements)
