"""Removal of symmetries in the reproductions, each at a tiny size."""

from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import pytest
import torch
from torch import nn

pytest.importorskip("sklearn")

from benchmarks.reproductions.removal import (
    accuracy,
    continual,
    regression,
    reinforcement,
    rotation,
    self_supervised,
    vae,
)
from benchmarks.reproductions.removal._comparison import compare
from benchmarks.reproductions.removal._controls import (
    ALONE,
    NOISE,
    RENEWED,
    SYRE,
    Noise,
    Reinitialisation,
    redundant,
    treatments,
)
from lightning_symmetry import Syre
from lightning_symmetry.report.run import Curve


def test_noise_and_decay_balance_at_the_size_of_the_offset():
    module = nn.Sequential(nn.Linear(64, 400))
    optimizer = torch.optim.SGD(module.parameters(), lr=0.5, weight_decay=0.1)
    trainer = SimpleNamespace(optimizers=[optimizer])
    noise = Noise(std=0.3, seed=0)
    for _ in range(150):
        for parameter in module.parameters():
            parameter.grad = torch.zeros_like(parameter)
        optimizer.step()
        noise.on_train_batch_end(trainer, module)
    # a step keeps 1 - ηλ of the weights, which balances at 2ηλ / (1 - (1 - ηλ)²) of the variance
    assert module[0].weight.std().item() * 8 == pytest.approx(0.3 * (0.1 / (1 - 0.95**2)) ** 0.5, rel=0.02)


def test_units_are_redundant_when_dead_or_like_a_living_one_before():
    incoming = torch.tensor([[1e-3, 0.0], [1.0, 0.0], [2.0, 0.1], [0.0, 1.0], [0.0, -1.0]])
    assert redundant(incoming, torch.ones(5, 1)).tolist() == [True, False, True, False, False]
    assert redundant(incoming.flip(1), torch.ones(5, 1)).tolist() == [True, False, True, False, False]


def test_fresh_weights_go_to_redundant_units_alone_and_nobody_reads_them():
    module = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    module.example_input_array = torch.zeros(1, 3)
    with torch.no_grad():
        module[0].weight.copy_(torch.eye(4, 3))
        module[0].weight[3] = module[0].weight[1]
        module[0].bias.zero_()
        module[2].weight.fill_(1.0)
    before = module[0].weight.detach().clone()
    renewal = Reinitialisation(seed=0, every_n_steps=2)
    renewal.on_fit_start(None, module)
    renewal.on_train_batch_end(SimpleNamespace(global_step=1), module)
    assert torch.equal(module[0].weight, before)
    renewal.on_train_batch_end(SimpleNamespace(global_step=2), module)
    assert torch.equal(module[0].weight[:3], before[:3]) and (module[0].weight[3] != before[3]).all()
    assert module[2].weight.tolist() == [[1.0, 1.0, 1.0, 0.0]] * 2


def test_every_treatment_is_trained_with_every_seed():
    def measure(callbacks, seed):
        return {"loss": Curve(tuple(range(250)), (1.0,) * 250)}, {"count": float(10 * len(callbacks) + seed)}

    found = compare(measure, std=0.1, seeds=range(2))
    assert [found.values("count", name) for name in treatments(0.1, 0)] == [[0, 1], *[[10, 11]] * 3]
    assert found.estimate("count", SYRE).mean == 10.5
    assert [control.what for control in found.controls("units", "count", (NOISE,))] == ["units, noise"]
    panel = found.panel("t", "loss", "x", "y")
    assert [line.label for line in panel.lines] == [ALONE, NOISE, RENEWED, SYRE]
    assert len(panel.lines[0].x) == 125


def test_a_symmetric_regression_is_left_with_syre_only():
    setting = replace(regression.NONLINEAR, steps=120, std=1.0)
    fitted = {
        name: regression.fitted(setting, treatments(setting.std, 0)[name], seed=0)[1]
        for name in (ALONE, SYRE)
    }
    assert fitted[ALONE]["distinct_units"] == 1 < fitted[SYRE]["distinct_units"]
    assert fitted[SYRE]["loss"] < fitted[ALONE]["loss"]


def test_a_vae_uses_more_dimensions_without_symmetries():
    found = [
        vae.collapsed(treatments(vae.STD, 0, vae.of_encoder)[name], seed=0, steps=150, betas=(0.3,))[1]
        for name in (ALONE, SYRE)
    ]
    assert found[0]["active 0.3"] < found[1]["active 0.3"] <= vae.LATENT
    assert found[1]["error 0.3"] < found[0]["error 0.3"]


def test_views_move_images_by_a_pixel_and_differ():
    image = torch.zeros(1, 8, 8)
    image[0, 3, 3] = 100.0
    seen = {int(self_supervised.view(image.reshape(1, 64)).argmax()) for _ in range(200)}
    assert seen == {8 * row + column for row in (2, 3, 4) for column in (2, 3, 4)}


def test_the_last_layer_and_the_probes_are_measured():
    curves, found = self_supervised.learned([], seed=0, steps=20)
    assert curves["loss"].last < curves["loss"].values[0]
    assert found["low"] == 0 and found["features"] > 0.7 and found["last"] > 0.5


def test_every_task_is_tested_with_its_own_pixels():
    curves, found = continual.trained([], seed=0, tasks=2)
    assert len(curves["accuracy"].values) == 2
    assert min(curves["accuracy"].values) > 0.7
    first, second = continual.Tasks(0).order(0), continual.Tasks(0).order(1)
    assert not torch.equal(first, second) and torch.equal(first, continual.Tasks(0).order(0))
    assert found["lost"] == 3


def test_rewards_to_come_are_discounted():
    rewards = torch.tensor([1.0, 0.0, 2.0])
    expected = (1 - reinforcement.DISCOUNT) * torch.tensor([1 + 2 * 0.81, 1.8, 2.0])
    torch.testing.assert_close(reinforcement.discounted(rewards), expected)


def test_a_policy_learns_and_the_rank_of_its_features_is_kept():
    curves, found = reinforcement.adapted([], seed=0, worlds=1)
    rewards = curves["reward"].values
    assert sum(rewards[-10:]) > sum(rewards[:10]) * 0.8  # they are negative
    assert found["first rank"] == curves["rank"].values[0] and 1 <= found["rank"] <= 64


def test_a_residual_network_is_trained_with_an_offset():
    assert accuracy.accuracy(0.1, seed=0, steps=40, channels=4) > 0.3


def test_the_dimensions_that_are_left_of_rotations_are_counted():
    assert [rotation.unbroken(config) for config in (None, Syre(0.1), Syre(0.1, spread=0.03))] == [15, 3, 0]


def test_distinct_decay_leaves_the_state_that_a_reflection_holds():
    shares = map(partial(rotation.left, seed=0, steps=30), (Syre(0.1), Syre(0.1, spread=0.03)))
    assert next(shares) < rotation.STAYS < rotation.LEAVES < next(shares)
