"""Small versions of the published results on dynamics, complexity, representations, adding and merging."""

import pytest
import torch
from torch import nn

from benchmarks.reproductions.adding import compression, group_lasso, nuclear_norm
from benchmarks.reproductions.alignment import canonical_relations, power_laws
from benchmarks.reproductions.complexity import equivalent, saturation
from benchmarks.reproductions.dynamics import attention, ignition, plateaus, staircases, transitions
from benchmarks.reproductions.dynamics._regression import linear_task
from benchmarks.reproductions.merging import barriers
from benchmarks.reproductions.merging._matching import matched
from benchmarks.reproductions.representation import rank_profile, universality
from benchmarks.reproductions.reproduction import Size
from benchmarks.reproductions.restoration import _sweep
from lightning_symmetry import find_symmetries
from lightning_symmetry.report.run import Curve

ONE = Size(seeds=1)


def test_the_linear_task_is_what_it_says():
    x, y = linear_task(torch.tensor([2.0, 0.5], dtype=torch.float64), inputs=5)
    torch.testing.assert_close(x.T @ x / len(x), torch.eye(5, dtype=torch.float64))
    torch.testing.assert_close(torch.linalg.svdvals(y.T @ x / len(x)), torch.tensor([2.0, 0.5]).double())


def test_modes_ignite_when_the_theory_says():
    found, expected, _ = ignition.ignited(0.03, seed=0)
    torch.testing.assert_close(found, expected, rtol=0.1, atol=0)


def test_stages_come_from_the_detector():
    falls, breakings, (steps, losses) = staircases.stages(
        lambda: staircases._two_layers(nn.Tanh), None, seed=0, steps=100
    )
    assert all(0 < step <= 100 for step in (*falls, *breakings))
    assert len(steps) == len(losses) == 100 // staircases.EVERY and losses[-1] < losses[0]


def test_a_plateau_ends_when_the_breaking_distance_rises():
    times = [plateaus.crossing(curve) for curve in plateaus.trained(nn.Tanh, 1.0, std=1e-2, seed=0)]
    assert times[1] < times[0] < 1.3 * times[1]
    assert plateaus.crossing(Curve((0, 10, 20), (2.0, 1.9, 0.0))) == pytest.approx(10 + 10 * 0.1 / 1.9)


def test_a_transition_leads_from_one_symmetric_state_to_the_next(monkeypatch):
    monkeypatch.setattr(transitions, "STEPS", 600)
    (jump,), _ = transitions.jumps(seed=0)
    # strengths 1 and 1/2: (1 + 1/4)² / (1 + 1/16)
    assert transitions.symmetric_state(2) == pytest.approx(1.25**2 / 1.0625, rel=1e-6)
    assert (jump.before, jump.after) == pytest.approx((1, transitions.symmetric_state(2)), rel=0.02)


def test_attention_has_both_changes_of_basis(monkeypatch):
    monkeypatch.setattr(attention, "STEPS", 40)
    values, queries = attention.broken(0.1, seed=0)
    assert values.steps == queries.steps and values.last > values.values[0]


def test_copies_compute_what_the_units_do(monkeypatch):
    monkeypatch.setattr(equivalent, "STEPS", 30)
    assert all(figure.holds for figure in equivalent.measure(ONE).figures)


def test_a_student_of_eight_units_has_eight_at_most(monkeypatch):
    monkeypatch.setattr(saturation, "STEPS", 20)
    distinct, loss = saturation.trained(8, 0.0, seed=0)
    assert 0 < distinct <= 8 and loss > 0


def test_a_sweep_judges_its_direction():
    treatments = {decay: _sweep.Treatment(decay=decay, steps=200) for decay in (0.0, 0.05)}
    outcome = _sweep.swept("weight decay", treatments, -1, 2, "")
    rank = next(figure for figure in outcome.figures if "effective rank" in figure.what)
    assert rank.holds and rank.ours.mean == pytest.approx(-1)


def test_a_profile_has_a_rank_for_every_layer():
    after, before = rank_profile.profile(seed=0, steps=20)
    assert len(after) == len(before) == rank_profile.DEPTH + 1
    assert before[0] == pytest.approx(after[0])


def test_networks_agree_with_themselves():
    same = universality.agreement(0, 0, None)
    assert set(same) == set(universality.METRICS) and all(value < 1 for value in same.values())


def test_alignment_begins_within_what_is_published():
    first, last = canonical_relations.aligned(0.0, 64, seed=0, steps=3)
    assert all(-1 <= value <= 1 for value in (*first.values(), *last.values()))
    low, high = canonical_relations.PUBLISHED["forward_gz"]["before"]
    assert low - 0.05 <= first["forward_gz"] <= high + 0.05


def test_text_is_text_and_laws_have_fits():
    assert bytes(power_laws.text()[:2000].tolist()).decode().isprintable() is False  # it has lines
    found, loss = power_laws.fitted(seed=0, steps=3, width=16)
    assert found and all(fit <= 1 for _, fit in found) and loss > 0


def test_gates_find_the_minimiser_of_the_group_lasso():
    x, y = group_lasso.task()
    weight = torch.zeros(y.shape[1], x.shape[1], dtype=torch.float64)
    rate = len(x) / torch.linalg.matrix_norm(x, 2) ** 2
    for _ in range(2000):  # proximal gradient descent
        weight = weight - rate * (x @ weight.T - y).T @ x / len(x)
        weight = weight * (1 - rate * 0.5 / weight.norm(dim=0).clamp(min=1e-12)).relu()
    found = group_lasso.fitted(0.5, seed=0)
    torch.testing.assert_close(found, weight, rtol=0, atol=1e-8)
    assert ((weight == 0).all(dim=0) == (found.norm(dim=0) < 1e-12)).all() and (weight == 0).any()


@pytest.mark.parametrize("penalty", [0.3])
def test_low_rank_factors_find_the_minimiser(penalty, monkeypatch):
    monkeypatch.setattr(nuclear_norm, "PENALTIES", (penalty,))
    assert all(figure.holds for figure in nuclear_norm.measure(ONE).figures)


def test_cutting_keeps_as_many_neurons_as_it_says(monkeypatch):
    monkeypatch.setattr(compression, "STEPS", 30)
    kept, accuracy, change = compression.compressed(1e-3, seed=0)
    assert kept == compression.WIDTH and change == pytest.approx(0, abs=1e-4)
    assert 0 <= compression.cut_by_size(1e-3, 0, 64) <= 1 and accuracy > 0.2


def test_matching_undoes_any_permutation():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 9), nn.ReLU(), nn.Linear(9, 7), nn.ReLU(), nn.Linear(7, 3))
    params = {name: p.detach() for name, p in model.named_parameters()}
    symmetries = find_symmetries(model, torch.zeros(1, 4))
    moved = dict(params)
    for symmetry in symmetries:
        if symmetry.group == "permutation":
            moved = symmetry.act(moved, symmetry.sample())
    assert not torch.equal(moved["0.weight"], params["0.weight"])
    found = matched(params, moved, symmetries)
    assert all(torch.equal(found[name], params[name]) for name in params)


@pytest.mark.parametrize("kind", barriers.KINDS)
def test_a_barrier_of_any_kind_is_measured(kind):
    barrier, accuracy = barriers.between(kind, seed=0, steps=2)
    assert barrier > -1e-6 and 0 <= accuracy <= 1
