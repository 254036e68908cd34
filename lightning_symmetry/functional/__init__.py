"""Order parameters of parameter symmetries, as pure functions of tensors.

Nothing here knows of models, training or logging: a function takes the weights of one index space and returns
numbers on the same device. The weights come as *legs*, tensors ``(..., n, k)`` with one hidden unit (or
channel, or head dimension) a row and its coordinates in the columns; leading dimensions are copies of the
same space, such as the heads of a layer, and each copy gets its own number.

Half-precision inputs are summed in float32, and results are float32 or better. A NaN or an infinity gives NaN
for the copy it stands in, or for its unit's charge, and for nothing else. Nothing waits for the device except
what needs eigenvalues: :func:`effective_rank`, :func:`feature_learning`, :func:`bulk_std`,
:func:`learned_modes`, :func:`localisation` and :func:`spectral_power_law`. All functions are differentiable
except :func:`feature_learning`, :func:`localisation`, the power laws and the counts of units and modes.

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
from lightning_symmetry.functional.drift import general_linear_drift, scaling_drift
from lightning_symmetry.functional.feature_learning import feature_learning
from lightning_symmetry.functional.growth import broken_part, growth_rate
from lightning_symmetry.functional.ignition import ignition_times, predicted_ignition_times
from lightning_symmetry.functional.localisation import localisation
from lightning_symmetry.functional.marchenko_pastur import bulk_std, learned_modes, marchenko_pastur_edges
from lightning_symmetry.functional.mechanisms import alignment, mechanisms
from lightning_symmetry.functional.orbit_slopes import general_linear_slopes, scaling_slopes
from lightning_symmetry.functional.rank import (
    effective_rank,
    numerical_rank,
    participation_ratio,
    product_singular_values,
    stable_rank,
)
from lightning_symmetry.functional.representation.alignment import (
    matrix_alignment,
    off_diagonal_alignment,
    shuffled_alignment,
)
from lightning_symmetry.functional.representation.canonical import (
    CanonicalAlignments,
    canonical_alignments,
    canonical_phase,
    shuffled_canonical_alignments,
)
from lightning_symmetry.functional.representation.canonical_exponents import canonical_exponents
from lightning_symmetry.functional.representation.class_moments import class_moments
from lightning_symmetry.functional.representation.convolution import LayerSamples, convolution_samples
from lightning_symmetry.functional.representation.depth_profile import depth_profile
from lightning_symmetry.functional.representation.dormant_units import dormancy_scores, dormant_units
from lightning_symmetry.functional.representation.feature_ranks import feature_ranks, rankme
from lightning_symmetry.functional.representation.inner_products import (
    inner_product_correlation,
    inner_product_error,
)
from lightning_symmetry.functional.representation.layer_matrices import (
    LayerMatrices,
    layer_matrices,
    raw_layer_matrices,
)
from lightning_symmetry.functional.representation.linear_cka import linear_cka, unbiased_linear_cka
from lightning_symmetry.functional.representation.moments import Moments, moments
from lightning_symmetry.functional.representation.mutual_neighbours import (
    mutual_nearest_neighbours,
    mutual_nearest_neighbours_chance,
)
from lightning_symmetry.functional.representation.nearest_centre import (
    nearest_centre_accuracy,
    nearest_centre_disagreement,
)
from lightning_symmetry.functional.representation.neural_collapse import neural_collapse
from lightning_symmetry.functional.representation.normalised_samples import normalised_samples
from lightning_symmetry.functional.representation.power_law import PowerLaw, fit_power_law, spectral_power_law
from lightning_symmetry.functional.representation.procrustes import procrustes_distance, procrustes_similarity
from lightning_symmetry.functional.representation.rbf_cka import unbiased_rbf_cka
from lightning_symmetry.functional.representation.samples import as_samples
from lightning_symmetry.functional.representation.separability import separability
from lightning_symmetry.functional.representation.sketched_alignment import (
    sketched_alignment,
    sketched_samples,
    sketched_shuffled_alignment,
)
from lightning_symmetry.functional.sketch import random_projection, sketched_participation_ratio
from lightning_symmetry.functional.two_layer import TwoLayerFlow
from lightning_symmetry.functional.units import dead_units, distinct_units, duplicate_units

__all__ = [
    "CanonicalAlignments",
    "LayerMatrices",
    "LayerSamples",
    "Moments",
    "PowerLaw",
    "TwoLayerFlow",
    "alignment",
    "as_samples",
    "broken_part",
    "broken_share",
    "bulk_std",
    "canonical_alignments",
    "canonical_exponents",
    "canonical_phase",
    "class_moments",
    "cluster_sizes",
    "collapse_risk",
    "convolution_samples",
    "dead_units",
    "decayed_charge",
    "depth_profile",
    "distinct_units",
    "dormancy_scores",
    "dormant_units",
    "duplicate_units",
    "effective_rank",
    "feature_learning",
    "feature_ranks",
    "fit_power_law",
    "general_linear_charge",
    "general_linear_drift",
    "general_linear_imbalance",
    "general_linear_slopes",
    "growth_rate",
    "ignition_times",
    "inner_product_correlation",
    "inner_product_error",
    "layer_matrices",
    "learned_modes",
    "linear_cka",
    "localisation",
    "marchenko_pastur_edges",
    "matrix_alignment",
    "mechanisms",
    "moments",
    "mutual_nearest_neighbours",
    "mutual_nearest_neighbours_chance",
    "nearest_centre_accuracy",
    "nearest_centre_disagreement",
    "neural_collapse",
    "norm_distance",
    "norm_sorted_distance",
    "normalised_samples",
    "numerical_rank",
    "off_diagonal_alignment",
    "participation_ratio",
    "permutation_distance",
    "predicted_ignition_times",
    "procrustes_distance",
    "procrustes_similarity",
    "product_singular_values",
    "random_projection",
    "rankme",
    "raw_layer_matrices",
    "scale_charge",
    "scaling_charges",
    "scaling_drift",
    "scaling_imbalance",
    "scaling_slopes",
    "separability",
    "shuffled_alignment",
    "shuffled_canonical_alignments",
    "sketched_alignment",
    "sketched_participation_ratio",
    "sketched_samples",
    "sketched_shuffled_alignment",
    "spectral_power_law",
    "stable_rank",
    "stepped_charge",
    "symmetry_breaking_distance",
    "translation_charge",
    "unbiased_linear_cka",
    "unbiased_rbf_cka",
    "unbroken_permutations",
]
