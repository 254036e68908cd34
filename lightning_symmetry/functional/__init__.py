"""Order parameters of parameter symmetries, as pure functions of tensors.

Nothing here knows of models, training or logging: a function takes the weights of one index space and returns
numbers on the same device. The weights come as *legs*, tensors ``(..., n, k)`` with one hidden unit (or
channel, or head dimension) a row and its coordinates in the columns; leading dimensions are copies of the
same space, such as the heads of a layer, and each copy gets its own number.

Half-precision inputs are summed in float32, and results are float32 or better. A NaN or an infinity gives NaN
for the copy it stands in, or for its unit's charge, and for nothing else. Nothing waits for the device except
what needs eigenvalues: :func:`effective_rank`, :func:`feature_learning`, :func:`bulk_std`,
:func:`learned_modes` and :func:`localisation`. All functions are differentiable except
:func:`feature_learning`, :func:`localisation` and the counts of units and modes.

Example:
    >>> import torch
    >>> from lightning_symmetry.functional import distinct_units, permutation_distance, scaling_charges
    >>> first, second = torch.nn.Linear(2, 4, bias=False), torch.nn.Linear(4, 1, bias=False)
    >>> with torch.no_grad():
    ...     _ = first.weight.copy_(torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 2.0], [0.0, 2.0]]))
    ...     _ = second.weight.copy_(torch.tensor([[1.0, 1.0, 2.0, 1.0]]))
    >>> legs = [first.weight.detach(), second.weight.detach().mT]
    >>> permutation_distance(legs)
    tensor(2.3979)
    >>> distinct_units(torch.cat(legs, dim=-1))
    tensor(3.)
    >>> scaling_charges(legs, powers=[1, -1])
    tensor([0., 0., 0., 3.])
"""

from lightning_symmetry.functional.charge import (
    general_linear_charge,
    general_linear_imbalance,
    scaling_charges,
    scaling_imbalance,
)
from lightning_symmetry.functional.charge_drift import decayed_charge, stepped_charge
from lightning_symmetry.functional.clusters import cluster_sizes, unbroken_permutations
from lightning_symmetry.functional.collapse_risk import collapse_risk
from lightning_symmetry.functional.common_charge import scale_charge, translation_charge
from lightning_symmetry.functional.distance import (
    broken_share,
    norm_distance,
    norm_sorted_distance,
    permutation_distance,
    symmetry_breaking_distance,
)
from lightning_symmetry.functional.feature_learning import feature_learning
from lightning_symmetry.functional.growth import broken_part, growth_rate
from lightning_symmetry.functional.ignition import ignition_times, predicted_ignition_times
from lightning_symmetry.functional.localisation import localisation
from lightning_symmetry.functional.marchenko_pastur import bulk_std, learned_modes, marchenko_pastur_edges
from lightning_symmetry.functional.mechanisms import alignment, mechanisms
from lightning_symmetry.functional.rank import (
    effective_rank,
    numerical_rank,
    participation_ratio,
    product_singular_values,
    stable_rank,
)
from lightning_symmetry.functional.sketch import random_projection, sketched_participation_ratio
from lightning_symmetry.functional.two_layer import TwoLayerFlow
from lightning_symmetry.functional.units import dead_units, distinct_units, duplicate_units

__all__ = [
    "TwoLayerFlow",
    "alignment",
    "broken_part",
    "broken_share",
    "bulk_std",
    "cluster_sizes",
    "collapse_risk",
    "dead_units",
    "decayed_charge",
    "distinct_units",
    "duplicate_units",
    "effective_rank",
    "feature_learning",
    "general_linear_charge",
    "general_linear_imbalance",
    "growth_rate",
    "ignition_times",
    "learned_modes",
    "localisation",
    "marchenko_pastur_edges",
    "mechanisms",
    "norm_distance",
    "norm_sorted_distance",
    "numerical_rank",
    "participation_ratio",
    "permutation_distance",
    "predicted_ignition_times",
    "product_singular_values",
    "random_projection",
    "scale_charge",
    "scaling_charges",
    "scaling_imbalance",
    "sketched_participation_ratio",
    "stable_rank",
    "stepped_charge",
    "symmetry_breaking_distance",
    "translation_charge",
    "unbroken_permutations",
]
