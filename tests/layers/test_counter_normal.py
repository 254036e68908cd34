import pytest
import torch
from scipy import stats

from lightning_symmetry.layers import counter_normal


def draws(steps: int, size: int, key: int = 5) -> torch.Tensor:
    return torch.stack([counter_normal(size, key, torch.tensor(step)) for step in range(steps)])


def test_numbers_are_standard_normal():
    # Fixed numbers: the p-values are what they are, and far from what a flaw would give.
    assert stats.kstest(draws(100, 1000).flatten().numpy(), "norm").pvalue > 0.01


@pytest.mark.parametrize("axis", [0, 1])
def test_neighbours_are_uncorrelated(axis):
    noise = draws(300, 300).double()
    steps, positions = noise.unbind(axis)[:-1], noise.unbind(axis)[1:]
    correlation = float((torch.stack(steps) * torch.stack(positions)).mean())
    assert abs(correlation) < 4 / noise.numel() ** 0.5


def test_numbers_depend_on_key_step_and_position_alone():
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    first = counter_normal(6, 3, torch.tensor(2))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(counter_normal(4, 3, torch.tensor(2)), first[:4])
    assert not torch.isin(counter_normal(6, 4, torch.tensor(2)), first).any()
    assert not torch.isin(counter_normal(6, 3, torch.tensor(3)), first).any()


@pytest.mark.parametrize("step", [0, 2**32 - 1, 2**40, 2**62])
def test_any_step_gives_finite_numbers(step):
    assert counter_normal(1000, 2**32 - 1, torch.tensor(step)).isfinite().all()


def test_numbers_are_the_same_in_every_release():
    # Runs resume with the draws that they would have gone on with, so these numbers must never change.
    expected = torch.tensor([-1.001134, -0.378949, 0.666463])
    torch.testing.assert_close(counter_normal(3, 7, torch.tensor(11)), expected, rtol=0, atol=1e-6)
