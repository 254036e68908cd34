"""What all functions share: how they take dtypes, devices, autocast and wrong input."""

import pytest
import torch

from lightning_symmetry import functional as F

CALLS = {
    "symmetry_breaking_distance": lambda a, b: F.symmetry_breaking_distance([a, b], [a[..., -1:], b]),
    "permutation_distance": lambda a, b: F.permutation_distance([a, b]),
    "norm_distance": lambda a, b: F.norm_distance([a, b]),
    "dead_units": lambda a, b: F.dead_units(a),
    "distinct_units": lambda a, b: F.distinct_units(a, modulo="scaling", sizes=a.abs().amax(dim=-1)),
    "participation_ratio": lambda a, b: F.participation_ratio(a),
    "effective_rank": lambda a, b: F.effective_rank(a),
    "stable_rank": lambda a, b: F.stable_rank(a),
    "numerical_rank": lambda a, b: F.numerical_rank(a, 0.2),
    "product_singular_values": lambda a, b: F.product_singular_values(a, b)[..., -1].to(
        torch.promote_types(a.dtype, torch.float32)
    ),
    "broken_share": lambda a, b: F.broken_share([a, b]),
    "norm_sorted_distance": lambda a, b: F.norm_sorted_distance([a, b]),
    "broken_part": lambda a, b: F.broken_part([a, b])[0].sum(dim=(-2, -1)),
    "cluster_sizes": lambda a, b: F.cluster_sizes(a),
    "duplicate_units": lambda a, b: F.duplicate_units(a, 0.9),
    "unbroken_permutations": lambda a, b: F.unbroken_permutations(a, 0.9),
    "growth_rate": lambda a, b: F.growth_rate([a, b], [a + 1, b - 1]),
    "random_projection": lambda a, b: F.random_projection(a, 2).sum(dim=(-2, -1)),
    "sketched_participation_ratio": lambda a, b: F.sketched_participation_ratio(a, 3),
    "bulk_std": lambda a, b: F.bulk_std(a),
    "learned_modes": lambda a, b: F.learned_modes(a),
    "localisation": lambda a, b: F.localisation(a)[..., 0],
    "ignition_times": lambda a, b: F.ignition_times(torch.arange(4), a)[..., 0].nan_to_num(),
    "scaling_charges": lambda a, b: F.scaling_charges([a, b], [1, -1]),
    "scaling_imbalance": lambda a, b: F.scaling_imbalance([a, b], [1, -1]),
    "general_linear_charge": lambda a, b: F.general_linear_charge(a, b),
    "general_linear_imbalance": lambda a, b: F.general_linear_imbalance(a, b),
    "scaling_drift": lambda a, b: F.scaling_drift([a, b], [a + 1, 2 * b], [1, -1], [0.9, 1]).unexplained,
    "general_linear_drift": lambda a, b: F.general_linear_drift([a, b], [a + 1, b], [1, -1], [0.9, 1]).moved,
    "scaling_slopes": lambda a, b: F.scaling_slopes([a, b], [a + 1, b - 1], [1, -1]),
    "general_linear_slopes": lambda a, b: F.general_linear_slopes([a, b], [a + 1, b - 1], [1, -1]),
    "alignment": lambda a, b: F.alignment(a, b),
    "mechanisms": lambda a, b: F.mechanisms([a, b], [2 * a.flip(-1), b + 1]).growth,
    "feature_learning": lambda a, b: F.feature_learning([a, b], [2 * a.flip(-1), b + 1]),
    "moments": lambda a, b: F.moments(a).covariance().sum(dim=(-2, -1)),
    "normalised_samples": lambda a, b: F.normalised_samples(a).sum(dim=(-2, -1)),
    "matrix_alignment": lambda a, b: F.matrix_alignment(square(a), square(b)),
    "off_diagonal_alignment": lambda a, b: F.off_diagonal_alignment(square(a), square(b)),
    "shuffled_alignment": lambda a, b: F.shuffled_alignment(square(a), square(b)),
    "sketched_samples": lambda a, b: F.sketched_samples(a, 2).sum(dim=(-2, -1)),
    "sketched_alignment": lambda a, b: F.sketched_alignment(square(a), square(b), 9),
    "sketched_shuffled_alignment": lambda a, b: F.sketched_shuffled_alignment(square(a), square(b), 9),
    "layer_matrices": lambda a, b: F.layer_matrices(a, a, b, b, layer(a, b)).h_a.sum(dim=(-2, -1)),
    "raw_layer_matrices": lambda a, b: F.raw_layer_matrices(a, a, b, b, layer(a, b)).g_b.sum(dim=(-2, -1)),
    "spectral_power_law": lambda a, b: F.spectral_power_law(square(a), square(b)).exponent.nan_to_num(),
    "scale_charge": lambda a, b: F.scale_charge([a, b]),
    "translation_charge": lambda a, b: F.translation_charge(a).sum(dim=-1),
    "decayed_charge": lambda a, b: F.decayed_charge(F.scaling_charges([a, b], [1, -1]), 0.1, 2.0),
    "linear_cka": lambda a, b: F.linear_cka(a, b),
    "unbiased_linear_cka": lambda a, b: F.unbiased_linear_cka(a, b),
    "unbiased_rbf_cka": lambda a, b: F.unbiased_rbf_cka(a, b),
    "mutual_nearest_neighbours": lambda a, b: F.mutual_nearest_neighbours(a, b, 2),
    "procrustes_similarity": lambda a, b: F.procrustes_similarity(a, b),
    "procrustes_distance": lambda a, b: F.procrustes_distance(a, b),
    "inner_product_correlation": lambda a, b: F.inner_product_correlation(a, b),
    "inner_product_error": lambda a, b: F.inner_product_error(a, b),
    "class_moments": lambda a, b: (
        F.class_moments(a, labels(a), 2)
        .scatter.sum(dim=(-2, -1))
        .to(torch.promote_types(a.dtype, torch.float32))
    ),
    "neural_collapse": lambda a, b: torch.stack(F.neural_collapse(a, labels(a), 2)[:5]).sum(dim=0),
    "separability": lambda a, b: torch.stack(F.separability(a, labels(a), 2)).sum(dim=0),
    "nearest_centre_accuracy": lambda a, b: F.nearest_centre_accuracy(a, labels(a), a, 2 + 0 * labels(a)),
    "nearest_centre_disagreement": lambda a, b: F.nearest_centre_disagreement(a, labels(a), a),
    "rankme": lambda a, b: F.rankme(a),
    "feature_ranks": lambda a, b: F.feature_ranks(a).effective_rank,
    "dormancy_scores": lambda a, b: F.dormancy_scores(a)[..., 0],
    "dormant_units": lambda a, b: F.dormant_units(a, 0.8),
    "stepped_charge": lambda a, b: F.stepped_charge(F.scaling_charges([a, b], [1, -1]), 0.1, 0.1, 3),
}
UNITS = {
    "cluster_sizes": (4,),
    "decayed_charge": (4,),
    "stepped_charge": (4,),
    "scaling_charges": (4,),
    "scaling_slopes": (4,),
    "general_linear_slopes": (4, 4),
    "general_linear_charge": (4, 4),
}
every_function = pytest.mark.parametrize("name", CALLS)


def weights(dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
    # Halves are exact in every dtype: the same numbers go in, so the same numbers have to come out.
    return [torch.randn(2, 4, k, generator=generator).mul(2).round().div(2).to(dtype) for k in (5, 3)]


def square(rows):
    return rows if rows.ndim < 2 else rows[..., :1] + rows[..., :1].mT


def layer(inputs, outputs):
    """Weights of a layer between them."""
    return inputs.new_ones(outputs.shape[-1], inputs.shape[-1])


def labels(features):
    shape = features.shape[:-1]
    return torch.arange(shape.numel(), device=features.device).reshape(shape) % 2


def test_every_function_is_covered():
    assert sorted(CALLS) == sorted(
        set(F.__all__)
        - {
            "TwoLayerFlow",
            "as_samples",  # which only arranges
            "convolution_samples",
            "Moments",  # and what is made of tensors that others have checked
            "LayerMatrices",
            "LayerSamples",
            "CanonicalAlignments",
            "PowerLaw",
            "fit_power_law",
            "canonical_alignments",
            "canonical_exponents",
            "canonical_phase",
            "shuffled_canonical_alignments",
            "depth_profile",
            "collapse_risk",
            "marchenko_pastur_edges",
            "mutual_nearest_neighbours_chance",
            "predicted_ignition_times",
        }  # which take no weights
    )


@every_function
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_sums_are_taken_in_float32_or_better(name, dtype):
    value = CALLS[name](*weights(dtype))
    assert value.dtype == torch.promote_types(dtype, torch.float32)
    torch.testing.assert_close(value.double(), CALLS[name](*weights(torch.float64)), rtol=1e-5, atol=1e-5)


@every_function
def test_nothing_waits_for_values(name):
    # Meta tensors have no values: an `.item()` or a branch on one raises.
    value = CALLS[name](*(weight.to("meta") for weight in weights()))
    assert value.shape == (2, *UNITS.get(name, ()))


@every_function
def test_autocast_does_not_reach_inside(name):
    plain = CALLS[name](
        *weights(),
    )
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(CALLS[name](*weights()), plain)


@every_function
def test_inputs_are_left_alone(name):
    given = weights()
    CALLS[name](*given)
    assert all(torch.equal(a, b) for a, b in zip(given, weights(), strict=True))


@every_function
def test_no_copies_give_no_values(name):
    value = CALLS[name](torch.zeros(0, 4, 3), torch.zeros(0, 4, 2))
    assert value.shape == (0, *UNITS.get(name, ()))


@every_function
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (torch.ones(3), r"must have shape \(\.\.\., n, k\), got \(3,\)"),
        (torch.ones(3, 2, dtype=torch.int64), "must be real and floating-point, got dtype torch.int64"),
        (
            torch.ones(3, 2, dtype=torch.complex64),
            "must be real and floating-point, got dtype torch.complex64",
        ),
    ],
)
def test_wrong_tensors_are_named(name, wrong, message):
    with pytest.raises(ValueError, match=message):
        CALLS[name](wrong, torch.ones(3, 2))


@pytest.mark.parametrize("function", [F.dead_units, F.distinct_units])
def test_a_space_holds_a_unit(function):
    with pytest.raises(ValueError, match=r"`units` must hold at least one unit, got shape \(0, 3\)"):
        function(torch.ones(0, 3))


@pytest.mark.parametrize(
    ("legs", "message"),
    [
        ([], "`legs` must hold at least one tensor, got none"),
        (torch.ones(2, 3), r"`legs` must be a sequence of tensors, got one tensor of shape \(2, 3\)"),
        ([torch.ones(2, 3), [1.0]], r"`legs\[1\]` must be a tensor, got list"),
        ([torch.ones(2, 3), torch.ones(4, 3)], r"`legs\[1\]` must agree.*got \(4, 3\) and \(2, 3\)"),
        ([torch.ones(5, 2, 3), torch.ones(2, 3)], r"`legs\[1\]` must agree.*got \(2, 3\) and \(5, 2, 3\)"),
    ],
)
def test_legs_of_different_spaces_are_refused(legs, message):
    for function in (F.permutation_distance, F.norm_distance):
        with pytest.raises(ValueError, match=message):
            function(legs)


@pytest.mark.parametrize("name", ["symmetry_breaking_distance", "norm_distance"])
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_distance_that_is_not_finite_is_nan_for_its_copy_alone(name, bad):
    one, two = weights()
    one[1, 2, 0] = bad
    assert CALLS[name](one, two).isnan().tolist() == [False, True]
