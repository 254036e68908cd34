import math

import numpy as np
import pytest
import torch

from lightning_symmetry.functional import (
    CanonicalAlignments,
    LayerMatrices,
    canonical_alignments,
    canonical_phase,
    layer_matrices,
    raw_layer_matrices,
    shuffled_canonical_alignments,
)


def layer(seed=0, n=40, width=5, out=4, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    shapes = (n, width), (n, width), (n, out), (n, out), (out, width)
    return [torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype) for shape in shapes]


def reference(tensors, normalised):
    """The six correlations, written out."""
    h_a, g_a, h_b, g_b, w = (tensor.double().numpy() for tensor in tensors)

    def matrix(x):
        if not normalised:
            return x.T @ x / len(x)
        x = x / np.linalg.norm(x, axis=1, keepdims=True)
        return np.cov(x.T, bias=True)

    def alpha(one, other):
        return np.corrcoef(one.flatten(), other.flatten())[0, 1]

    found = []
    for h, g, z in ((matrix(h_b), matrix(g_b), w @ w.T), (matrix(h_a), matrix(g_a), w.T @ w)):
        found += [alpha(h, g), alpha(g, z), alpha(h, z)]
    return found


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("matrices", "normalised"), [(layer_matrices, True), (raw_layer_matrices, False)])
def test_six_alignments_follow_the_definition(matrices, normalised, dtype):
    for seed in range(5):
        tensors = layer(seed, dtype=dtype)
        found = canonical_alignments(matrices(*tensors))
        assert [value.item() for value in found] == pytest.approx(reference(tensors, normalised), abs=2e-5)


def test_a_mask_leaves_samples_out():
    tensors = layer()
    mask = torch.arange(40) % 3 > 0
    kept = layer_matrices(*(tensor[mask] for tensor in tensors[:4]), tensors[4])
    for tensor in tensors[:4]:
        tensor[~mask] = math.nan
    for one, other in zip(layer_matrices(*tensors, mask=mask), kept, strict=True):
        torch.testing.assert_close(one, other)


def test_a_layer_in_canonical_form_holds_all_six():
    # isotropic inputs and gradients pulled back through the same weight
    generator = torch.Generator().manual_seed(0)
    q = torch.linalg.qr(torch.randn(6, 6, generator=generator, dtype=torch.float64)).Q
    matrix = q @ torch.diag(torch.arange(1.0, 7.0, dtype=torch.float64)) @ q.mT
    matrices = LayerMatrices(*(factor * matrix for factor in (1, 2, 3, 4, 5, 6)))
    found = canonical_alignments(matrices)
    assert [value.item() for value in found] == pytest.approx([1] * 6)
    assert canonical_phase(found).all()
    assert max(shuffled_canonical_alignments(matrices)) < 0.9


def test_the_phase_compares_with_one_threshold_or_with_six():
    values = CanonicalAlignments(*torch.tensor([0.9, 0.8, 0.71, 0.4, math.nan, 0.75]))
    assert canonical_phase(values).tolist() == [True, True, True, False, False, True]
    initial = torch.tensor([0.5, 0.9, 0.8, 0.1, 0.1, 0.1])
    assert canonical_phase(values, initial).tolist() == [True, False, False, True, False, True]


def test_degenerate_samples():
    h_a, g_a, h_b, g_b, weight = layer()
    single = canonical_alignments(layer_matrices(h_a[:1], g_a[:1], h_b[:1], g_b[:1], weight))
    assert [value.item() for value in single] == [0] * 6
    constant = canonical_alignments(layer_matrices(h_a[:1].expand(40, -1), g_a, h_b, g_b, weight))
    assert constant.backward_hg == constant.backward_hz == 0 and constant.backward_gz != 0
    dead = canonical_alignments(layer_matrices(h_a, 0 * g_a, 0 * h_b, 0 * g_b, weight))
    assert dead.forward_hg == dead.forward_gz == dead.backward_gz == 0 and dead.backward_hz != 0
    nobody = layer_matrices(h_a[:0], g_a[:0], h_b[:0], g_b[:0], weight)
    assert all(value.isnan() for value in canonical_alignments(nobody))
    h_a[3, 2] = math.inf
    broken = canonical_alignments(layer_matrices(h_a, g_a, h_b, g_b, weight))
    assert [value.isnan().item() for value in broken] == [False, False, False, True, False, True]


@pytest.mark.parametrize(
    ("place", "shape", "message"),
    [
        (1, (40, 4), r"`input_gradients` must have shape \(40, 5\), got \(40, 4\)"),
        (2, (39, 4), r"`outputs` must have shape \(40, 4\), got \(39, 4\)"),
        (3, (40, 5), r"`output_gradients` must have shape \(40, 4\), got \(40, 5\)"),
        (4, (4, 6), r"`weight` must have 5 columns, one an input, got \(4, 6\)"),
        (0, (40,), r"`inputs` must have shape \(\.\.\., n, k\), got \(40,\)"),
    ],
)
def test_tensors_that_do_not_fit_are_named(place, shape, message):
    tensors = layer()
    tensors[place] = torch.ones(shape, dtype=torch.float64)
    for matrices in (layer_matrices, raw_layer_matrices):
        with pytest.raises(ValueError, match=message):
            matrices(*tensors)
