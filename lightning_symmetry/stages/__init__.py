"""Stages of training: plateaus, and the jumps between them at which symmetries break or are restored.

:class:`StageTracker` and :class:`JumpDetector` follow a run point by point in constant memory;
:func:`transitions` divides a series that is complete, with the ``report`` extra. None needs Lightning.
Learning in stages: Ziyin, Xu, Poggio, Chuang, arXiv 2502.05300.
"""

from lightning_symmetry.stages.offline import transitions
from lightning_symmetry.stages.online import Jump, JumpDetector
from lightning_symmetry.stages.tracker import StageTracker
from lightning_symmetry.stages.transition import Transition

__all__ = ["Jump", "JumpDetector", "StageTracker", "Transition", "transitions"]
