"""What weight decay of the factors minimises, against solvers that never see a factor."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Lasso
from torch import nn

from lightning_symmetry import GroupGate, Hadamard, LowRank, Mirror, ScalarGate, add_symmetry, fold, prune


class Weight(nn.Module):
    """A parameter by itself."""

    def __init__(self, value: torch.Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(value.clone())


def momentum(parameters, decay, lr=0.05):
    return torch.optim.SGD(parameters, lr=lr, momentum=0.9, weight_decay=decay)


def adam(parameters, decay):
    return torch.optim.Adam(parameters, lr=0.01, weight_decay=decay)


def adamw(parameters, decay):
    return torch.optim.AdamW(parameters, lr=0.01, weight_decay=decay)


def minimised(model, loss, decay, steps, make=momentum, **options):
    """Train with weight decay, and return the weight."""
    optimizer = make(model.parameters(), decay, **options)
    for _ in range(steps):
        optimizer.zero_grad()
        loss(model.weight).backward()
        optimizer.step()
    return model.weight.detach()


def regression(outputs=1):
    """A sparse linear model with noise: inputs, targets and a start whose signs are half wrong."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((60, 20))
    true = np.zeros((20, outputs))
    true[:5] = np.array([[2.0], [-1.5], [1.0], [-0.8], [0.5]]) * rng.choice([-1, 1], (1, outputs))
    y = x @ true + 0.3 * rng.standard_normal((60, outputs))
    return x, y, rng.standard_normal((outputs, 20))


def squares(x, y):
    inputs, targets = torch.from_numpy(x), torch.from_numpy(y)
    return lambda weight: (inputs @ weight.mT - targets).square().sum() / (2 * len(inputs))


def shrunk(values, amount):
    return torch.clamp(values - amount, min=0)


def lasso(x, y):
    found = Lasso(alpha=0.2, fit_intercept=False, tol=1e-14, max_iter=100_000).fit(x, y[:, 0]).coef_
    assert 0 < np.count_nonzero(found) < 20
    return found


@pytest.mark.parametrize(("make", "steps"), [(momentum, 2000), (adam, 3000)])
def test_hadamard_is_the_lasso(make, steps):
    x, y, start = regression()
    expected = lasso(x, y)
    model = add_symmetry(Weight(torch.from_numpy(start)), Hadamard())
    weight = minimised(model, squares(x, y), 0.2, steps, make)[0].numpy()
    assert (np.sign(start[0]) * expected < 0).any()
    assert np.abs(weight - expected).max() < 1e-4
    for threshold in (1e-3, 1e-6, 1e-9, 1e-12):
        assert np.array_equal(np.abs(weight) > threshold, expected != 0)
    folded = fold(prune(model, 1e-12)).weight.detach()[0].numpy()
    assert np.array_equal(folded != 0, expected != 0)


def test_decoupled_decay_is_not_the_lasso():
    x, y, start = regression()
    model = add_symmetry(Weight(torch.from_numpy(start)), Hadamard())
    weight = minimised(model, squares(x, y), 0.2, 2000, adamw)[0].numpy()
    assert np.abs(weight - lasso(x, y)).max() > 0.1


def test_weight_decay_alone_makes_nothing_sparse():
    x, y, start = regression()
    weight = minimised(Weight(torch.from_numpy(start)), squares(x, y), 0.2, 500)
    assert (weight.abs() > 1e-3).all()


@pytest.mark.parametrize("depth", [2, 3])
def test_group_gate_is_stationary_for_its_penalty(depth):
    x, y, start = regression(outputs=3)
    loss, decay = squares(x, y), 0.2
    model = add_symmetry(Weight(torch.from_numpy(start)), GroupGate(dim=1, depth=depth))
    weight = minimised(model, loss, decay, 2500, lr=0.03).requires_grad_()
    norms = weight.detach().norm(dim=0)
    kept = norms > 1e-6
    assert 0 < kept.sum() < 20
    objective = loss(weight) + decay * depth / 2 * weight[:, kept].norm(dim=0).pow(2 / depth).sum()
    (gradient,) = torch.autograd.grad(objective, weight)
    assert gradient[:, kept].norm() < 1e-8
    torch.testing.assert_close(model.weight_factors.gate1[kept].square(), norms[kept] ** (2 / depth))


def test_group_gate_is_the_group_lasso():
    x, y, start = regression(outputs=3)
    decay, weight = 0.4, np.zeros((20, 3))
    rate = len(x) / np.linalg.norm(x, 2) ** 2
    for _ in range(2000):
        weight = weight - rate * x.T @ (x @ weight - y) / len(x)
        norms = np.linalg.norm(weight, axis=1, keepdims=True)
        weight *= np.maximum(1 - rate * decay / np.maximum(norms, 1e-300), 0)
    support = np.linalg.norm(weight, axis=1) > 0
    assert 0 < support.sum() < 20

    model = add_symmetry(Weight(torch.from_numpy(start)), GroupGate(dim=1))
    found = minimised(model, squares(x, y), decay, 2500).numpy().T
    assert np.abs(found - weight).max() < 1e-8
    for threshold in (1e-3, 1e-6, 1e-9, 1e-12):
        assert np.array_equal(np.linalg.norm(found, axis=1) > threshold, support)
    folded = fold(prune(model, 1e-12)).weight.detach().numpy().T
    assert np.array_equal((folded != 0).any(axis=1), support)


def test_deeper_hadamard_is_stationary_for_its_penalty():
    x, y, start = regression()
    loss, decay = squares(x, y), 0.2
    model = add_symmetry(Weight(torch.from_numpy(start)), Hadamard(depth=3))
    weight = minimised(model, loss, decay, 2500, lr=0.03).requires_grad_()
    kept = weight.detach().abs() > 1e-6
    assert 0 < kept.sum() < 20
    objective = loss(weight) + 1.5 * decay * weight[kept].abs().pow(2 / 3).sum()
    (gradient,) = torch.autograd.grad(objective, weight)
    assert gradient[kept].norm() < 1e-8


def noisy_matrix():
    generator = torch.Generator().manual_seed(0)
    low = torch.randn(8, 2, generator=generator) @ torch.randn(2, 6, generator=generator)
    return (low + 0.1 * torch.randn(8, 6, generator=generator)).double(), generator


def test_low_rank_is_the_nuclear_norm():
    target, generator = noisy_matrix()
    decay = 0.7
    left, sizes, right = torch.linalg.svd(target, full_matrices=False)
    expected = left * shrunk(sizes, decay) @ right
    rank = int((sizes > decay).sum())
    assert 0 < rank < 6

    model = add_symmetry(Weight(torch.randn(8, 6, generator=generator).double()), LowRank())
    found = minimised(model, lambda weight: (weight - target).square().sum() / 2, decay, 2000)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)
    for threshold in (1e-3, 1e-6, 1e-9, 1e-12):
        assert (torch.linalg.svdvals(found) > threshold).sum() == rank
    prune(model, 1e-9)
    assert (
        (model.weight_factors.left != 0).any(0).sum()
        == (model.weight_factors.right != 0).any(1).sum()
        == rank
    )
    assert torch.linalg.matrix_rank(fold(model).weight) == rank


@pytest.mark.parametrize("decay", [0.5, 20.0])
def test_scalar_gate_is_a_norm(decay):
    target, generator = noisy_matrix()
    expected = target * shrunk(1 - decay / target.norm(), 0)
    assert (expected.norm() > 0) == (decay == 0.5)
    model = add_symmetry(Weight(torch.randn(8, 6, generator=generator).double()), ScalarGate())
    loss = lambda weight: (weight - target).square().sum() / 2  # noqa: E731
    found = minimised(model, loss, decay, 2000, lr=0.005)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)
    pruned = fold(prune(model, 1e-10)).weight
    assert torch.equal(pruned, found if decay == 0.5 else torch.zeros_like(target))


@pytest.mark.parametrize("decay", [0.1, 1.5])
def test_mirror_reaches_its_constraint(decay):
    target, generator = noisy_matrix()
    direction = torch.zeros(8).double()
    direction[0], direction[1] = 0.5**0.5, -(0.5**0.5)
    projector = torch.outer(direction, direction)
    # Rows 0 and 1 nearly agree, so the constraint that they are equal costs little.
    target[1] = target[0] + 0.3 * target[1]
    mirrored = projector @ target
    expected = (target - mirrored) / (1 + decay) + mirrored * shrunk(1 - decay / mirrored.norm(), 0)
    equal = bool(mirrored.norm() <= decay)
    assert equal == (decay == 1.5)

    model = add_symmetry(Weight(torch.randn(8, 6, generator=generator).double()), Mirror(projector, dim=0))
    found = minimised(model, lambda weight: (weight - target).square().sum() / 2, decay, 2500)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)
    folded = fold(prune(model, 1e-9)).weight
    assert torch.equal(folded[0], folded[1]) == equal
    torch.testing.assert_close(folded, expected, rtol=0, atol=1e-9)


def test_mirrors_of_index_sets_are_pruned_one_by_one():
    model = add_symmetry(
        Weight(torch.tensor([3.0, 4.0, 1.0, -2.0, 1e-8], dtype=torch.float64)),
        {"weight": Mirror(indices=[[0, 1], [2], [4]])},
    )
    torch.testing.assert_close(
        fold(prune(model, 1.0 + 1e-9)).weight.detach(), torch.tensor([3, 4, 0, -2, 0], dtype=torch.float64)
    )


@pytest.mark.parametrize("config", [Hadamard(), Hadamard(4), GroupGate(), LowRank(), ScalarGate()])
def test_pruned_units_stay_at_zero(config):
    target, _ = noisy_matrix()
    start = torch.zeros(8, 6, dtype=torch.float64)
    model = prune(add_symmetry(Weight(start), config), 0.0)
    found = minimised(model, lambda weight: (weight - target).square().sum() / 2, 0.01, 10)
    assert torch.equal(found, start)
