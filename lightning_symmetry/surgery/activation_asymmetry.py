"""Remove the symmetries of hidden units by an activation that mixes them."""

from dataclasses import dataclass

from torch import nn

from lightning_symmetry.layers.asymmetric_activation import AsymmetricActivation
from lightning_symmetry.surgery._fields import check_scale, check_seed
from lightning_symmetry.surgery._plain_name import plain_name

ACTIVATIONS = (
    nn.CELU,
    nn.ELU,
    nn.GELU,
    nn.Hardswish,
    nn.Hardtanh,
    nn.LeakyReLU,
    nn.Mish,
    nn.ReLU,
    nn.SELU,
    nn.Sigmoid,
    nn.SiLU,
    nn.Softplus,
    nn.Tanh,
)

# The size of what a layer returns, and the axis it lies on.
_WIDTHS: dict[type[nn.Module], tuple[str, int]] = {
    nn.Linear: ("out_features", -1),
    nn.modules.conv._ConvNd: ("out_channels", 1),
    nn.modules.batchnorm._BatchNorm: ("num_features", 1),
    nn.GroupNorm: ("num_channels", 1),
}


@dataclass(frozen=True)
class ActivationAsymmetry:
    r"""Symmetry removal by activations :math:`x \odot \operatorname{sigmoid}(C x)`.

    Stands in for the activation modules of a model, such as ``nn.ReLU``; :math:`C` is frozen and random. An
    activation's width and axis are those of the last linear layer, convolution, batch or group norm before
    it, in the order in which the model registers its modules. Where that is wrong the first call raises, and
    an :class:`~lightning_symmetry.layers.AsymmetricActivation` set by hand does it. Activations that are
    called as functions are not found.

    The model's function changes when this is installed: it is meant for the start of training. No plain
    model computes the same, so it can be undone but not folded.

    Reference: Lim, Putterman, Walters, Maron, Jegelka, *The Empirical Impact of Neural Parameter Symmetries,
    or Lack Thereof*, arXiv 2405.20231.

    Args:
        scale: Size of :math:`C x` for an :math:`x` of size 1.
        seed: Seed of :math:`C`, at least 0.

    Raises:
        ValueError: If an argument breaks its rule.

    Example:
        >>> ActivationAsymmetry(seed=3)
        ActivationAsymmetry(scale=1.0, seed=3)
    """

    scale: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        check_scale("scale", self.scale)
        check_seed(self.seed)


def asymmetric_activation(model: nn.Module, name: str, config: ActivationAsymmetry) -> AsymmetricActivation:
    """Make what stands in for one activation of a model.

    Args:
        model: The model.
        name: Name of the activation module in ``model``.
        config: Scale and seed.

    Returns:
        A module of the width found, on the device and in the precision of the layer that has this width.

    Raises:
        ValueError: If it is one already, is the model itself, or no layer before it tells the width.

    Example:
        >>> model = nn.Sequential(nn.Linear(2, 5), nn.ReLU())
        >>> asymmetric_activation(model, "1", ActivationAsymmetry())
        AsymmetricActivation(
          width=5, axis=-1
          (replaced): ReLU()
        )
    """
    activation = model.get_submodule(name)
    if isinstance(activation, AsymmetricActivation):
        raise ValueError(
            f"activation `{name}` must not be steered already, found that it is; take that back with `undo`"
        )
    layer: nn.Module | None = None
    for other, module in model.named_modules():
        if other == name:
            break
        if any(isinstance(module, kind) for kind in _WIDTHS):
            layer = module
    if layer is None:
        raise ValueError(
            f"`{name}` must follow a linear layer, a convolution or a batch or group norm, whose width it "
            "takes, found none before it; leave it out with `filter`"
        )
    attribute, axis = next(_WIDTHS[kind] for kind in _WIDTHS if isinstance(layer, kind))
    width = getattr(layer, attribute)
    made = AsymmetricActivation(width, axis, config.scale, config.seed, plain_name(name), activation)
    like = next(layer.parameters(), None)
    return made if like is None else made.to(like.device, like.dtype)
