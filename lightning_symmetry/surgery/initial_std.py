"""How large a parameter is when it is initialised."""

import math

from torch import nn

from lightning_symmetry.surgery._module import parameter_of


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

    Raises:
        TypeError: If ``model`` is not a module.
        ValueError: If it has no parameter of that name.

    Example:
        >>> model = nn.Sequential(nn.Linear(16, 3), nn.LayerNorm(3))
        >>> [initial_std(model, name) for name, _ in model.named_parameters()]
        [0.25, 0.25, 1.0, 1.0]
    """
    parameter = parameter_of(model, name)
    owner, _, leaf = name.rpartition(".")
    siblings = dict(model.get_submodule(owner).named_parameters(recurse=False, remove_duplicate=False))
    if parameter.ndim < 2:
        parameter = siblings.get(leaf.replace("bias", "weight"), parameter)
    return 1.0 if parameter.ndim < 2 else math.sqrt(len(parameter) / parameter.numel())
