import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import airy

from lightning_symmetry.functional import bulk_std, learned_modes, marchenko_pastur, marchenko_pastur_edges

SHAPES = [(24, 24), (64, 64), (16, 64), (64, 16), (8, 200), (200, 8)]


def noise(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def planted(m, n, strengths, seed=0, std=1.0):
    """Noise plus modes along random orthonormal vectors, each so many times the upper edge."""
    k = len(strengths)
    left, right = (torch.linalg.qr(noise(size, k, seed=seed + i + 1)).Q for i, size in enumerate((m, n)))
    edge = std * (math.sqrt(m) + math.sqrt(n))
    return (
        std * noise(m, n, seed=seed) + left @ torch.diag(torch.tensor(strengths).double() * edge) @ right.mT
    )


def reference_modes(matrix):
    """The definition, one singular value after the other."""
    sigma = np.linalg.svd(matrix.double().numpy(), compute_uv=False)
    m, n = matrix.shape
    learned = 0
    for k in range(1, min(m, n) // 2 + 1):
        rows, columns = m - k + 1, n - k + 1
        variance = np.sum(sigma[k - 1 :] ** 2) / (rows * columns)
        edge = math.sqrt(rows) + math.sqrt(columns)
        margin = 2.4224 * edge * (1 / math.sqrt(rows) + 1 / math.sqrt(columns)) ** (1 / 3)
        if sigma[k - 1] ** 2 > variance * (edge**2 + margin):
            learned = k
    return learned


def reference_std(matrix):
    k = reference_modes(matrix)
    m, n = matrix.shape
    sigma = np.linalg.svd(matrix.double().numpy(), compute_uv=False)
    return math.sqrt(np.sum(sigma[k:] ** 2) / ((m - k) * (n - k)))


@settings(deadline=None, max_examples=60)
@given(
    st.integers(1, 12),
    st.integers(1, 12),
    st.integers(0, 2**20),
    st.sampled_from([0.0, 1.0, 3.0]),
    st.sampled_from([1e-30, 1e-3, 1.0, 1e30]),
)
def test_both_follow_the_definition_at_every_scale(m, n, seed, decay, scale):
    matrix = noise(m, n, seed=seed) * torch.exp(-decay * torch.arange(n, dtype=torch.float64) / 4)
    for given_matrix in (scale * matrix, scale * matrix.mT, (scale * matrix).float()):
        assert learned_modes(given_matrix) == reference_modes(given_matrix)
        assert bulk_std(given_matrix).item() == pytest.approx(reference_std(given_matrix), rel=1e-5)


@pytest.mark.parametrize(("m", "n"), [(600, 600), (300, 1200), (1200, 300)])
@pytest.mark.parametrize("law", ["normal", "uniform"])
def test_noise_fills_the_interval_between_the_edges(m, n, law):
    uniform = torch.rand(m, n, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    matrix = 0.3 * noise(m, n) if law == "normal" else (uniform - 0.5) * 0.3 * math.sqrt(12)
    sigma = torch.linalg.svdvals(matrix)
    lower, upper = marchenko_pastur_edges(m, n, torch.tensor(0.3, dtype=torch.float64))
    assert sigma[0].item() == pytest.approx(upper.item(), rel=0.02)
    # At a square's lower edge, zero, the smallest value is of the order of std / sqrt(n).
    assert sigma[-1].item() == pytest.approx(lower.item(), rel=0.02, abs=0.3)
    inside = (sigma > 0.99 * lower) & (sigma < 1.01 * upper)
    assert inside.double().mean() > 0.995


def test_edges_in_numbers():
    lower, upper = marchenko_pastur_edges(9, 25, torch.tensor([0.0, 1.0, 2.0, math.inf, math.nan]))
    assert lower.tolist()[:3] == [0, 2, 4] and upper.tolist()[:3] == [0, 8, 16]
    assert lower[3:].isnan().all() and upper[3:].isnan().all()
    assert marchenko_pastur_edges(25, 9, 1) == (2, 8)
    for edge in marchenko_pastur_edges(9, 25, torch.ones(2, dtype=torch.bfloat16)):
        assert edge.dtype == torch.float32 and edge.shape == (2,)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 3, 1.0), "`rows` must be at least 1, got 0"),
        ((3, -1, 1.0), "`columns` must be at least 1, got -1"),
        ((3, 3, "1"), "`std` must be a number or a real floating-point tensor, got str"),
        ((3, 3, torch.ones(2, dtype=torch.int64)), "`std` must be .* tensor, got torch.int64"),
    ],
)
def test_wrong_edges_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        marchenko_pastur_edges(*arguments)


def test_the_margin_is_a_quantile_of_the_tracy_widom_law():
    # The law's distribution function is the Fredholm determinant of Ai((x + y) / 2) / 2 on [s, inf)
    # (Ferrari & Spohn 2005), here by Gauss-Legendre quadrature (Bornemann 2010).
    nodes, weights = np.polynomial.legendre.leggauss(60)
    x = marchenko_pastur._TRACY_WIDOM + 8 * (nodes + 1)
    roots = np.sqrt(8 * weights)
    kernel = airy((x[:, None] + x) / 2)[0] / 2
    assert np.linalg.det(np.eye(60) - roots[:, None] * kernel * roots) == pytest.approx(0.995, abs=2e-6)


@pytest.mark.parametrize(
    ("m", "n", "matrices"),
    [
        (2, 2, 4000),
        (8, 8, 4000),
        (24, 24, 4000),
        (8, 200, 4000),
        (100, 5, 4000),
        (64, 64, 1000),
        (128, 32, 1000),
    ],
)
def test_noise_shows_a_mode_in_less_than_one_of_a_hundred_matrices(m, n, matrices):
    assert (learned_modes(noise(matrices, m, n)) > 0).double().mean() < 0.01


def test_noise_that_is_not_normal_is_noise_all_the_same():
    uniform = torch.rand(2000, 24, 48, generator=torch.Generator().manual_seed(0))
    assert (learned_modes(uniform - 0.5) > 0).double().mean() < 0.01
    assert (learned_modes((uniform - 0.5).sign()) > 0).double().mean() < 0.01


@pytest.mark.parametrize(("m", "n"), SHAPES)
@pytest.mark.parametrize("share", [0, 1 / 8, 1 / 4])
def test_planted_modes_are_counted_and_the_noise_beside_them_is_measured(m, n, share):
    k = round(share * min(m, n))
    matrix = planted(m, n, [2.5 + 0.5 * i for i in range(k)], std=0.1)
    assert learned_modes(matrix) == k
    assert learned_modes(matrix.float()) == k
    left = (m - k) * (n - k)
    assert bulk_std(matrix).item() == pytest.approx(0.1, rel=5 / math.sqrt(2 * left) + 0.02)


@pytest.mark.parametrize("k", [1, 5, 32])
def test_one_mode_far_above_the_others_hides_none_of_them(k):
    matrix = planted(128, 128, [100.0] + [2.5] * (k - 1))
    assert learned_modes(matrix) == k


def test_a_mode_shows_once_it_is_a_little_above_the_edge():
    # A mode weaker than std * (m n)^(1/4), half the edge of a square, does not leave the bulk; one of 0.85
    # edges comes out at 1.14 (Benaych-Georges & Nadakuditi 2012), the margin ends at 1.03.
    weak = torch.stack([planted(128, 128, [0.4], seed=10 * i) for i in range(50)])
    strong = torch.stack([planted(128, 128, [0.85], seed=10 * i) for i in range(50)])
    assert learned_modes(weak).sum() <= 1
    assert (learned_modes(strong) == 1).sum() >= 49


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("m", "n"), [(16, 16), (64, 64), (40, 300), (300, 40)])
def test_without_noise_the_modes_are_the_rank(m, n, dtype):
    matrix = (noise(m, 3, seed=1) * torch.tensor([1.0, 1e-2, 1e-4]).double()) @ noise(3, n, seed=2)
    assert learned_modes(matrix.to(dtype)) == 3
    assert bulk_std(matrix.to(dtype)) == 0


def test_half_precision_is_taken_as_it_is():
    matrix = planted(64, 48, [3.0, 2.0]).bfloat16()
    assert learned_modes(matrix) == 2
    assert bulk_std(matrix).dtype == torch.float32
    torch.testing.assert_close(bulk_std(matrix), bulk_std(matrix.float()))


@pytest.mark.parametrize("shape", [(3, 4), (1, 1), (1, 5), (0, 4), (3, 0), (0, 0)])
def test_a_zero_matrix_has_neither_noise_nor_modes(shape):
    assert bulk_std(torch.zeros(shape)) == 0
    assert learned_modes(torch.zeros(shape)) == 0


def test_a_single_row_is_all_noise():
    row = torch.tensor([[3.0, 4.0]])
    assert learned_modes(row) == 0
    assert bulk_std(row).item() == pytest.approx(math.sqrt(12.5))


@pytest.mark.parametrize("function", [bulk_std, learned_modes])
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_copies_are_measured_one_by_one(function, bad):
    matrix = torch.stack([planted(12, 20, [3.0] * (i % 3), seed=i) for i in range(6)]).reshape(2, 3, 12, 20)
    matrix[1, 2] = 0
    matrix[0, 1, 0, 0] = bad
    batched = function(matrix)
    assert batched.shape == (2, 3)
    assert batched.isnan().nonzero().tolist() == [[0, 1]]
    for i in range(2):
        for j in range(3):
            torch.testing.assert_close(batched[i, j], function(matrix[i, j]), equal_nan=True)


def test_gradients_of_the_noise_agree_with_finite_differences():
    matrix = planted(8, 9, [4.0]).requires_grad_()
    assert learned_modes(matrix) == 1 and not learned_modes(matrix).requires_grad
    assert torch.autograd.gradcheck(bulk_std, matrix)
    zero = torch.zeros(3, 4, requires_grad=True)
    bulk_std(zero).backward()
    assert zero.grad.isfinite().all()
