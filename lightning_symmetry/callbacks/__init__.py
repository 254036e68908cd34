"""Callbacks for the Trainer and the command line of both ``lightning`` and ``pytorch_lightning``.

Example:
    >>> from lightning_symmetry import RemoveSymmetry, SymmetryMonitor, Syre
    >>> callbacks = [SymmetryMonitor(every_n_steps=100), RemoveSymmetry(Syre())]
"""

from lightning_symmetry.callbacks.add_symmetry import AddSymmetry
from lightning_symmetry.callbacks.event import Event, OnMetric, OnTransition
from lightning_symmetry.callbacks.monitor import SymmetryMonitor
from lightning_symmetry.callbacks.remove_symmetry import RemoveSymmetry
from lightning_symmetry.callbacks.representation_monitor import RepresentationMonitor
from lightning_symmetry.callbacks.schedule import Schedule
from lightning_symmetry.callbacks.stage_detector import StageDetector

__all__ = [
    "AddSymmetry",
    "Event",
    "OnMetric",
    "OnTransition",
    "RemoveSymmetry",
    "RepresentationMonitor",
    "Schedule",
    "StageDetector",
    "SymmetryMonitor",
]
