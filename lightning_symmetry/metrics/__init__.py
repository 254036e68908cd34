"""Order parameters of parameter symmetries, as torchmetrics.

:class:`OrderParameters` measures all of them for a whole model. Each other class is a shell over the function
of the same name in :mod:`lightning_symmetry.functional` and returns one number: counts are summed over the
copies of a space, distances joined as root of summed squares, ranks and imbalances averaged. Weights have no
batches, so an update replaces the value, and processes that train the same weights have nothing to
synchronise. :class:`FeatureLearning`, :class:`Mechanisms`, :class:`ScalingDrift` and
:class:`GeneralLinearDrift` compare two looks, and all but the first return three numbers, as does
:class:`ChargeDrift` for a whole model; :class:`IgnitionTimes` keeps the series of all looks and returns one
time a mode.

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
from lightning_symmetry.metrics.charge_drift import ChargeDrift
from lightning_symmetry.metrics.collapse_risk import CollapseRisk
from lightning_symmetry.metrics.distance import BrokenShare, NormSortedDistance, SymmetryBreakingDistance
from lightning_symmetry.metrics.drift import GeneralLinearDrift, ScalingDrift
from lightning_symmetry.metrics.growth import GrowthRate
from lightning_symmetry.metrics.ignition import IgnitionTimes
from lightning_symmetry.metrics.localisation import Localisation
from lightning_symmetry.metrics.marchenko_pastur import LearnedModes
from lightning_symmetry.metrics.mechanisms import Alignment, FeatureLearning, Mechanisms
from lightning_symmetry.metrics.orbits import Travelled, orbit_leak, travelled
from lightning_symmetry.metrics.order_parameters import OrderParameters
from lightning_symmetry.metrics.rank import EffectiveRank, NumericalRank, ParticipationRatio, StableRank
from lightning_symmetry.metrics.representation.canonical import CanonicalAlignment, RawCanonicalAlignment
from lightning_symmetry.metrics.representation.depth_profile import DepthProfile
from lightning_symmetry.metrics.representation.dormant_units import DormantUnits
from lightning_symmetry.metrics.representation.ensemble import EnsembleAgreement
from lightning_symmetry.metrics.representation.feature_ranks import FeatureRanks, RankMe
from lightning_symmetry.metrics.representation.inner_products import (
    InnerProductCorrelation,
    InnerProductError,
)
from lightning_symmetry.metrics.representation.linear_cka import LinearCKA, UnbiasedLinearCKA
from lightning_symmetry.metrics.representation.mutual_neighbours import MutualNearestNeighbours
from lightning_symmetry.metrics.representation.nearest_centre import (
    NearestCentreAccuracy,
    NearestCentreDisagreement,
)
from lightning_symmetry.metrics.representation.neural_collapse import NeuralCollapse
from lightning_symmetry.metrics.representation.polynomial import PolynomialAlignment
from lightning_symmetry.metrics.representation.procrustes import ProcrustesDistance, ProcrustesSimilarity
from lightning_symmetry.metrics.representation.rbf_cka import UnbiasedRBFCKA
from lightning_symmetry.metrics.representation.separability import Separability
from lightning_symmetry.metrics.units import DeadUnits, DistinctUnits, DuplicateUnits, UnbrokenPermutations

__all__ = [
    "Alignment",
    "BrokenShare",
    "CanonicalAlignment",
    "ChargeDrift",
    "CollapseRisk",
    "DeadUnits",
    "DepthProfile",
    "DistinctUnits",
    "DormantUnits",
    "DuplicateUnits",
    "EffectiveRank",
    "EnsembleAgreement",
    "FeatureLearning",
    "FeatureRanks",
    "GeneralLinearDrift",
    "GeneralLinearImbalance",
    "GrowthRate",
    "IgnitionTimes",
    "InnerProductCorrelation",
    "InnerProductError",
    "LearnedModes",
    "LinearCKA",
    "Localisation",
    "Mechanisms",
    "MutualNearestNeighbours",
    "NearestCentreAccuracy",
    "NearestCentreDisagreement",
    "NeuralCollapse",
    "NormSortedDistance",
    "NumericalRank",
    "OrderParameters",
    "ParticipationRatio",
    "PolynomialAlignment",
    "ProcrustesDistance",
    "ProcrustesSimilarity",
    "RankMe",
    "RawCanonicalAlignment",
    "ScalingDrift",
    "ScalingImbalance",
    "Separability",
    "StableRank",
    "SymmetryBreakingDistance",
    "Travelled",
    "UnbiasedLinearCKA",
    "UnbiasedRBFCKA",
    "UnbrokenPermutations",
    "orbit_leak",
    "travelled",
]
