import numpy as np
import pytest
import torch

from lightning_symmetry.layers import AsymmetricActivation


@pytest.mark.parametrize(("axis", "shape"), [(-1, (4, 7, 5)), (1, (4, 5, 7, 3)), (0, (5,))])
def test_equals_definition(axis, shape):
    activation = AsymmetricActivation(5, axis, seed=2).double()
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    mixed = np.moveaxis(np.tensordot(activation.mixing.numpy(), x.numpy(), (1, axis)), 0, axis)
    expected = x.numpy() / (1 + np.exp(-mixed))
    np.testing.assert_allclose(activation(x).numpy(), expected, rtol=1e-12)


def test_scale_is_that_of_the_mixture():
    activation = AsymmetricActivation(400, scale=0.5)
    # 160,000 draws: within 1 % with a margin of five standard errors.
    assert abs(float(activation.mixing.std()) * 400**0.5 / 0.5 - 1) < 0.01


def test_draws_depend_on_seed_and_name():
    activations = [AsymmetricActivation(3, seed=seed, name=name) for seed in (0, 1) for name in ("a", "b")]
    assert len({tuple(activation.mixing.flatten().tolist()) for activation in activations}) == 4


def test_half_precision_input_keeps_its_precision():
    assert AsymmetricActivation(3)(torch.ones(2, 3, dtype=torch.bfloat16)).dtype == torch.bfloat16


def test_no_permutation_commutes_with_it():
    activation = AsymmetricActivation(4).double()
    x = torch.randn(50, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    swap = torch.tensor([1, 0, 2, 3])
    assert (activation(x[:, swap]) - activation(x)[:, swap]).abs().max() > 0.01


def test_wrong_width_is_refused():
    with pytest.raises(ValueError, match=r"`x` must have 3 units along axis -1, found \(2, 4\)"):
        AsymmetricActivation(3)(torch.ones(2, 4))
