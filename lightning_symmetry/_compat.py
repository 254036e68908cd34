"""The only place that knows ``lightning`` from ``pytorch_lightning``.

Lightning is published under two names whose classes are unrelated. Each name's command line accepts only its
own ``Callback``, so the callbacks of this package derive from both. A Trainer of either name runs them.
"""

from typing import TYPE_CHECKING

from lightning.pytorch import Callback as _LightningCallback
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities import rank_zero_info, rank_zero_warn
from torch.optim import Optimizer

__all__ = [
    "LOGGER_NAMES",
    "Callback",
    "LightningModule",
    "Logger",
    "Trainer",
    "rank_zero_info",
    "rank_zero_warn",
    "raw_optimizer",
]

# Where Lightning's information goes. Both names share one outlet: that of the name imported last.
LOGGER_NAMES = ("lightning.pytorch", "pytorch_lightning")

if TYPE_CHECKING:
    # A type checker cannot follow bases chosen at run time; both bases have the same hooks.
    Callback = _LightningCallback
else:
    _bases: tuple[type, ...] = (_LightningCallback,)
    try:
        from pytorch_lightning import Callback as _StandaloneCallback
    except ImportError:
        pass
    else:
        _bases = (*_bases, _StandaloneCallback)

    class Callback(*_bases):
        """Base of this package's callbacks, accepted by the Trainer and the command line of both names."""


def raw_optimizer(optimizer: Optimizer) -> Optimizer:
    """Unwrap the optimizer that Lightning hands to a user.

    Args:
        optimizer: A torch optimizer, or Lightning's wrapper around one. The wrapper imitates the class of the
            wrapped optimizer, so only its extra attribute tells them apart.

    Returns:
        The torch optimizer whose ``step`` updates the parameters.
    """
    wrapped = getattr(optimizer, "optimizer", None)
    return wrapped if isinstance(wrapped, Optimizer) else optimizer
