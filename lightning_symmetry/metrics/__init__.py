"""Order parameters of parameter symmetries, as torchmetrics.

:class:`OrderParameters` measures all of them for a whole model. Each other class is a shell over the function
of the same name in :mod:`lightning_symmetry.functional` and returns one number: counts are summed over the
copies of a space, distances joined as root of summed squares, ranks and imbalances averaged. Weights have no
batches, so an update replaces the value, and processes that train the same weights have nothing to
synchronise. :class:`FeatureLearning` and :class:`Mechanisms` compare two looks, and the latter returns three
numbers; :class:`IgnitionTimes` keeps the series of all looks and returns one time a mode.

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
from lightning_symmetry.metrics.collapse_risk import CollapseRisk
from lightning_symmetry.metrics.distance import BrokenShare, NormSortedDistance, SymmetryBreakingDistance
from lightning_symmetry.metrics.growth import GrowthRate
from lightning_symmetry.metrics.ignition import IgnitionTimes
from lightning_symmetry.metrics.localisation import Localisation
from lightning_symmetry.metrics.marchenko_pastur import LearnedModes
from lightning_symmetry.metrics.mechanisms import Alignment, FeatureLearning, Mechanisms
from lightning_symmetry.metrics.orbits import Travelled, orbit_leak, travelled
from lightning_symmetry.metrics.order_parameters import OrderParameters
from lightning_symmetry.metrics.rank import EffectiveRank, NumericalRank, ParticipationRatio, StableRank
from lightning_symmetry.metrics.units import DeadUnits, DistinctUnits, DuplicateUnits, UnbrokenPermutations

__all__ = [
    "Alignment",
    "BrokenShare",
    "CollapseRisk",
    "DeadUnits",
    "DistinctUnits",
    "DuplicateUnits",
    "EffectiveRank",
    "FeatureLearning",
    "GeneralLinearImbalance",
    "GrowthRate",
    "IgnitionTimes",
    "LearnedModes",
    "Localisation",
    "Mechanisms",
    "NormSortedDistance",
    "NumericalRank",
    "OrderParameters",
    "ParticipationRatio",
    "ScalingImbalance",
    "StableRank",
    "SymmetryBreakingDistance",
    "Travelled",
    "UnbrokenPermutations",
    "orbit_leak",
    "travelled",
]
