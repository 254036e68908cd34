"""Small versions of the published results on dynamics, complexity, representations, adding and merging."""

import math

import pytest
import torch
from torch import nn

from benchmarks.reproductions.adding import compression, group_lasso, nuclear_norm
from benchmarks.reproductions.alignment import _classifier, canonical_relations, power_laws
from benchmarks.reproductions.complexity import _students, equivalent, saturation
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


def test_students_side_by_side_know_nothing_of_each_other(monkeypatch):
    monkeypatch.setattr(_students, "LOOKS", 2)
    alone, beside = (_students.trained(widths, 0.0, 20, seed=0) for widths in ((8,), (8, 16)))
    assert 0 < alone.units[8].last <= 8 and alone.losses[8] > 0
    assert beside.units[8] == alone.units[8] and beside.losses[8] == pytest.approx(alone.losses[8], rel=1e-5)


def test_a_time_scale_of_decay_leaves_one_part_in_e():
    weight = nn.Parameter(torch.ones((), dtype=torch.float64))
    weight.grad = torch.zeros_like(weight)
    optimizer = torch.optim.SGD([weight], _students.RATE, _students.MOMENTUM, weight_decay=1e-4)
    for _ in range(round(_students.time_scale(1e-4))):
        optimizer.step()
    assert weight.item() == pytest.approx(math.exp(-1), rel=0.01)


@pytest.mark.parametrize("saturates", [True, False])
def test_saturation_is_judged_at_each_decay(monkeypatch, saturates):
    def trained(widths, decay, steps, seed):
        units = {w: min(w, 4 / (decay + 1e-2)) if saturates else w for w in widths}
        curves = {w: Curve((0, 1, 2, steps - 1), (w, w, w, n)) for w, n in units.items()}
        return _students.Trained(curves, dict.fromkeys(widths, 1.0))

    monkeypatch.setattr(saturation, "trained", trained)
    outcome = saturation.measure(ONE)
    assert [figure.holds for figure in outcome.figures] == [saturates] * 8
    height = outcome.panels[1].lines[-1].y
    assert (height[0] > height[-1]) == saturates


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
    found = _classifier.aligned(0.0, 64, seed=0, steps=4, between=2)
    assert all(len(values) == 3 and max(map(abs, values)) <= 1 for values in found.values.values())
    low, high = canonical_relations.PUBLISHED["forward_gz"]["before"]
    assert low - 0.05 <= found.at("forward_gz", 0) <= high + 0.05


def test_batch_sizes_are_compared_after_as_many_steps_and_as_many_epochs(monkeypatch):
    def aligned(decay, batch, seed, steps, between):
        values = tuple(decay + 1e-9 * batch + 1e-5 * step for step in range(0, steps + 1, between))
        return _classifier.Alignments(dict.fromkeys(_classifier.RELATIONS, values), between)

    monkeypatch.setattr(canonical_relations, "aligned", aligned)
    outcome = canonical_relations.measure(ONE)
    along = [figure for figure in outcome.figures if "batch size" in figure.what]
    for compared, sign in (("steps", 1), ("epochs", -1)):
        six = [figure for figure in along if figure.what.endswith(compared)]
        assert len(six) == 6 and all(figure.ours.mean == pytest.approx(sign) for figure in six)
        assert all(figure.holds == (sign < 0) for figure in six)
    assert all(figure.holds for figure in outcome.figures if "weight decay" in figure.what)


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
