import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lightning_symmetry.functional import scale_charge, scaling_charges, translation_charge


def legs_of(seed, copies=()):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(*copies, 4, k, generator=generator, dtype=torch.float64) for k in (3, 1)]


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**20))
def test_both_follow_the_definition(seed):
    legs = legs_of(seed)
    entries = [entry for leg in legs for entry in leg.flatten().tolist()]
    assert scale_charge(legs).item() == pytest.approx(math.fsum(entry**2 for entry in entries))
    assert translation_charge(legs[0]).tolist() == pytest.approx(
        [math.fsum(column) for column in legs[0].mT.tolist()]
    )
    torch.testing.assert_close(scale_charge(legs), scaling_charges(legs, [1, 1]).sum())


def softmax_loss(weight, x, labels):
    return torch.nn.functional.cross_entropy(x @ weight.mT, labels)


def normalised_loss(weight, x, labels):
    return (torch.nn.functional.normalize(x @ weight.mT, dim=-1)[:, 0] - labels).square().mean()


def test_gradients_are_orthogonal_to_the_transformations_that_they_are_the_charges_of():
    generator = torch.Generator().manual_seed(0)
    weight, x = legs_of(0)[0].requires_grad_(), torch.randn(8, 3, generator=generator, dtype=torch.float64)
    labels = torch.randint(4, (8,), generator=generator)
    for loss, moved in (
        (softmax_loss, weight + torch.tensor([1.0, -2.0, 0.5])),
        (normalised_loss, 3 * weight),
    ):
        torch.testing.assert_close(loss(weight, x, labels), loss(moved, x, labels))
    (gradient,) = torch.autograd.grad(softmax_loss(weight, x, labels), weight)
    torch.testing.assert_close(translation_charge(gradient), torch.zeros(3).double(), atol=1e-14, rtol=0)
    (gradient,) = torch.autograd.grad(normalised_loss(weight, x, labels), weight)
    assert abs((gradient * weight).sum()) < 1e-14
    assert gradient.norm() > 1e-3


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_nan_and_nothing_else(bad):
    legs = legs_of(0, copies=(2,))
    legs[1][1, 0, 0] = bad
    charge = scale_charge(legs)
    assert charge[0].isfinite() and charge[1].isnan()
    legs[0][1, 2, 1] = bad
    charges = translation_charge(legs[0])
    assert charges.isnan().tolist() == [[False] * 3, [False, True, False]]


def test_zero_weights_and_one_unit():
    assert scale_charge([torch.zeros(3, 2), torch.zeros(3, 0)]) == 0
    assert torch.equal(translation_charge(torch.tensor([[2.0, -1.0]])), torch.tensor([2.0, -1.0]))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_summed_in_float32(dtype):
    ones = torch.ones(5000, 2, dtype=dtype)
    assert scale_charge([ones]).dtype == translation_charge(ones).dtype == torch.float32
    assert scale_charge([ones]) == 10000
    assert torch.equal(translation_charge(ones), torch.tensor([5000.0, 5000.0]))


def test_wrong_input_is_refused():
    with pytest.raises(ValueError, match="`legs` must be a sequence of tensors, got one tensor"):
        scale_charge(torch.ones(3, 2))
    with pytest.raises(ValueError, match="`leg` must hold at least one unit"):
        translation_charge(torch.ones(0, 2))
