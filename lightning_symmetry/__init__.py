"""See and steer the parameter symmetries of any PyTorch model, also while Lightning trains it.

- See: :func:`find_symmetries` says which groups act on a model's parameters without changing its loss;
  :class:`SymmetryMonitor` logs, while it trains, how far each is broken.
- Steer: :class:`RemoveSymmetry` with :class:`Syre` keeps training from falling back into symmetric states;
  :func:`add_symmetry` lets weight decay favour sparse, structured or low-rank weights.

Theory: Ziyin, Xu, Poggio, Chuang, *Parameter Symmetry Breaking and Restoration Determines the Hierarchical
    Learning in AI
Systems*, arXiv 2502.05300.

Example:
    >>> import torch
    >>> from torch import nn
    >>> import lightning_symmetry as ls
    >>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    >>> [(s.name, s.size) for s in ls.find_symmetries(model, torch.zeros(1, 4))]
    [('0.permutation', 8), ('0.positive_scaling', 8)]
"""

from typing import TYPE_CHECKING, Any

from lightning_symmetry.discovery import (
    Completeness,
    Explanation,
    Leg,
    Symmetries,
    Symmetry,
    TraceError,
    explain,
    find_symmetries,
)
from lightning_symmetry.surgery import (
    ActivationAsymmetry,
    AttentionBias,
    GroupGate,
    Hadamard,
    LowRank,
    Mirror,
    OffsetDecay,
    ScalarGate,
    Syre,
    WeightAsymmetry,
    add_symmetry,
    fold,
    prune,
    remove_symmetry,
    undo,
)

if TYPE_CHECKING:
    from lightning_symmetry.callbacks import (
        AddSymmetry,
        OnMetric,
        OnTransition,
        RemoveSymmetry,
        RepresentationMonitor,
        Schedule,
        StageDetector,
        SymmetryMonitor,
    )

__version__ = "0.1.0"

__all__ = [
    "ActivationAsymmetry",
    "AddSymmetry",
    "AttentionBias",
    "Completeness",
    "Explanation",
    "GroupGate",
    "Hadamard",
    "Leg",
    "LowRank",
    "Mirror",
    "OffsetDecay",
    "OnMetric",
    "OnTransition",
    "RemoveSymmetry",
    "RepresentationMonitor",
    "ScalarGate",
    "Schedule",
    "StageDetector",
    "Symmetries",
    "Symmetry",
    "SymmetryMonitor",
    "Syre",
    "TraceError",
    "WeightAsymmetry",
    "add_symmetry",
    "explain",
    "find_symmetries",
    "fold",
    "prune",
    "remove_symmetry",
    "undo",
]

_CALLBACKS = (
    "AddSymmetry",
    "OnMetric",
    "OnTransition",
    "RemoveSymmetry",
    "RepresentationMonitor",
    "Schedule",
    "StageDetector",
    "SymmetryMonitor",
)

if not TYPE_CHECKING:
    # the callbacks need Lightning, which discovery works without and which takes seconds to import
    def __getattr__(name: str) -> Any:
        if name in _CALLBACKS:
            from lightning_symmetry import callbacks

            return getattr(callbacks, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
