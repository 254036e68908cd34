"""By how much gradients are too large before a step that divides them itself."""

from __future__ import annotations

from torch.optim import Optimizer

from .._compat import Trainer


def loss_scale(trainer: Trainer, optimizer: Optimizer) -> float:
    """Say what the gradients have to be divided by, before an optimizer steps.

    Lightning does so beforehand where a gradient scaler has multiplied the loss, but leaves it to fused
    optimizers, whose kernels do it. That waits for the device.

    Args:
        trainer: The Trainer.
        optimizer: The one that is about to step.

    Returns:
        1 unless it divides the gradients itself.
    """
    scaler = getattr(trainer.precision_plugin, "scaler", None)
    if scaler is None or not getattr(optimizer, "_step_supports_amp_scaling", False):
        return 1.0
    return float(scaler.get_scale())
