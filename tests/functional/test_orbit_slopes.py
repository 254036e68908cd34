"""Slopes along orbits against derivatives of the loss along them."""

import pytest
import torch

from lightning_symmetry.functional import general_linear_slopes, scaling_slopes

POWERS = [1, 2, -1]


def legs(seed):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(2, 4, k, generator=generator, dtype=torch.float64) for k in (3, 1, 2)]


def derivative(moved, origin):
    """Of a linear loss whose gradient is given, where the group is at the identity."""
    return torch.autograd.functional.jacobian(
        lambda e: sum((g * z).sum() for g, z in zip(legs(1), moved(e), strict=True)), origin
    )


def test_scalings():
    expected = derivative(
        lambda e: [(e * p).exp().unsqueeze(-1) * z for p, z in zip(POWERS, legs(0), strict=True)],
        torch.zeros(2, 4, dtype=torch.float64),
    )
    torch.testing.assert_close(scaling_slopes(legs(0), legs(1), POWERS), expected)


def test_changes_of_basis():
    def moved(e):
        basis, pairs = torch.matrix_exp(e), zip(POWERS, legs(0), strict=True)
        return [basis @ z if p > 0 else torch.linalg.inv(basis).mT @ z for p, z in pairs]

    expected = derivative(moved, torch.zeros(2, 4, 4, dtype=torch.float64))
    torch.testing.assert_close(general_linear_slopes(legs(0), legs(1), POWERS), expected)


@pytest.mark.parametrize("slopes", [scaling_slopes, general_linear_slopes])
def test_looks_that_do_not_fit_are_refused(slopes):
    with pytest.raises(ValueError, match="`gradients` must have the shapes of the weights, got"):
        slopes(legs(0), [leg[..., :1] for leg in legs(1)], POWERS)
    with pytest.raises(ValueError, match="`powers` must hold one number per leg, got 2 for 3 legs"):
        slopes(legs(0), legs(1), POWERS[:2])


def test_a_unit_that_is_not_finite_is_nan_alone():
    gradients = legs(1)
    gradients[0][1, 2, 0] = torch.inf
    broken = scaling_slopes(legs(0), gradients, POWERS).isnan()
    assert broken.nonzero().tolist() == [[1, 2]]
    assert general_linear_slopes(legs(0), gradients, POWERS).isnan().any(-1).nonzero().tolist() == [[1, 2]]
