"""Whether a model is plain."""

from torch import nn

from ...layers.asymmetric_activation import AsymmetricActivation
from ...surgery._computed import computed_modules


def is_steered(model: nn.Module) -> bool:
    """Tell whether anything of a model could be folded or undone.

    Args:
        model: A model.

    Returns:
        True or false.
    """
    return bool(computed_modules(model)) or any(isinstance(m, AsymmetricActivation) for m in model.modules())
