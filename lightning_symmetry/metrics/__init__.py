"""Order parameters of parameter symmetries, as torchmetrics.

:class:`OrderParameters` measures all of them for a whole model. Each other class is a shell over the function
of the same name in :mod:`lightning_symmetry.functional` and returns one number: counts are summed over the
copies of a space, distances joined as root of summed squares, ranks and imbalances averaged. Weights have no
batches, so an update replaces the value, and processes that train the same weights have nothing to
synchronise.

Example:
    >>> import torch
    >>> from torchmetrics import MetricCollection
    >>> from lightning_symmetry.metrics import DeadUnits, DistinctUnits
    >>> metrics = MetricCollection([DeadUnits(), DistinctUnits()])
    >>> metrics.update(torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]))
    >>> metrics.compute()
    {'DeadUnits': tensor(1.), 'DistinctUnits': tensor(2.)}
"""

from lightning_symmetry.metrics.charge import GeneralLinearImbalance, ScalingImbalance
from lightning_symmetry.metrics.distance import SymmetryBreakingDistance
from lightning_symmetry.metrics.order_parameters import OrderParameters
from lightning_symmetry.metrics.rank import EffectiveRank, ParticipationRatio
from lightning_symmetry.metrics.units import DeadUnits, DistinctUnits

__all__ = [
    "DeadUnits",
    "DistinctUnits",
    "EffectiveRank",
    "GeneralLinearImbalance",
    "OrderParameters",
    "ParticipationRatio",
    "ScalingImbalance",
    "SymmetryBreakingDistance",
]
