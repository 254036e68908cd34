"""Lightning callbacks that measure and steer the symmetries of the model in training."""

from lightning_symmetry.callbacks.remove_symmetry import RemoveSymmetry

__all__ = ["RemoveSymmetry"]
