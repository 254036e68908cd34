import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lightning_symmetry.functional import localisation


def noise(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def reference(matrix):
    _, _, right = np.linalg.svd(matrix.double().numpy(), full_matrices=False)
    return [(v**4).sum() / (v**2).sum() ** 2 for v in right]


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 8), st.integers(1, 8), st.integers(0, 2**20), st.sampled_from([1e-30, 1.0, 1e30]))
def test_the_definition_holds_for_vectors_of_both_sides(m, n, seed, scale):
    matrix = scale * noise(m, n, seed=seed) * torch.exp(-torch.arange(n, dtype=torch.float64) / 2)
    for side in (matrix, matrix.mT):
        value = localisation(side)
        assert value.tolist() == pytest.approx(reference(side), rel=1e-6)
        assert ((value >= 1 / side.shape[1] - 1e-12) & (value <= 1 + 1e-12)).all()


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**20))
def test_only_rotations_of_the_other_side_leave_it_alone(seed):
    matrix = noise(5, 7, seed=seed)
    rows, columns = (torch.linalg.qr(noise(size, size, seed=seed + 1)).Q for size in (5, 7))
    value = localisation(matrix)
    torch.testing.assert_close(localisation(rows @ matrix), value, rtol=1e-6, atol=0)
    permuted = matrix[:, torch.randperm(7, generator=torch.Generator().manual_seed(seed))]
    torch.testing.assert_close(localisation(-permuted), value, rtol=1e-6, atol=0)
    assert not torch.allclose(localisation(matrix @ columns), value, rtol=1e-2)


@pytest.mark.parametrize("q", [1, 2, 5, 16])
def test_a_mode_spread_evenly_over_q_columns_has_the_inverse_of_q(q):
    right = torch.zeros(16)
    right[:q] = torch.tensor([1.0, -1.0]).repeat(8)[:q]  # signs do not matter
    matrix = torch.outer(torch.arange(1.0, 5.0), right)
    assert localisation(matrix).tolist() == pytest.approx([1 / q, 0, 0, 0], rel=1e-6)


@pytest.mark.parametrize("n", [4, 20, 100])
def test_a_random_direction_has_three_over_n_plus_two(n):
    value = localisation(noise(4000, 1, n, seed=n))
    deviation = value.std() / math.sqrt(4000)
    assert abs(value.mean() - 3 / (n + 2)) < 4 * deviation
    assert deviation < 0.01 * 3 / (n + 2)


def test_the_modes_of_noise_are_random_directions():
    value = localisation(noise(50, 30, 40))
    assert value.shape == (50, 30)
    assert value.mean().item() == pytest.approx(3 / 42, rel=0.02)


def test_a_localised_mode_is_found_in_noise_and_leads():
    matrix = noise(50, 80)
    matrix[:, 7] *= 10
    value = localisation(matrix)
    assert value[0] > 0.9
    assert value[1:].max() < 0.2
    assert localisation(matrix.mT)[0] < 0.2  # it is spread over the rows


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("m", "n"), [(12, 40), (40, 12), (20, 20)])
def test_directions_that_are_not_used_have_none(m, n, dtype):
    matrix = (noise(m, 2, seed=1) @ noise(2, n, seed=2)).to(dtype)
    value = localisation(matrix)
    assert (value[:2] > 0).all() and (value[2:] == 0).all()
    assert value[:2].tolist() == pytest.approx(reference(matrix)[:2], rel=1e-5)


@pytest.mark.parametrize("shape", [(3, 4), (1, 1), (0, 4), (3, 0)])
def test_a_zero_matrix_has_none(shape):
    assert localisation(torch.zeros(shape)).tolist() == [0] * min(shape)


def test_a_single_row_and_a_single_column():
    assert localisation(torch.tensor([[1.0, -1.0, 0.0, 0.0]])).tolist() == pytest.approx([0.5])
    assert localisation(torch.tensor([[1.0], [-1.0]])).tolist() == [1]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_copies_are_measured_one_by_one(bad):
    matrix = noise(2, 3, 4, 5)
    matrix[1, 2] = 0
    matrix[0, 1, 0, 0] = bad
    batched = localisation(matrix)
    assert batched.shape == (2, 3, 4)
    assert batched.isnan().all(dim=-1).nonzero().tolist() == [[0, 1]]
    assert batched.isnan().sum() == 4
    for i in range(2):
        for j in range(3):
            torch.testing.assert_close(batched[i, j], localisation(matrix[i, j]), equal_nan=True)


def test_half_precision_is_taken_as_it_is():
    matrix = noise(6, 9).bfloat16()
    assert localisation(matrix).dtype == torch.float32
    torch.testing.assert_close(localisation(matrix), localisation(matrix.float()))
