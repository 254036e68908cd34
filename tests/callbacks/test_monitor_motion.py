"""What the monitor says of gradients, of the time that it takes, and of what is to come."""

import copy
import math
import time
from itertools import pairwise

import lightning.pytorch
import pytest
import torch
from torch import nn

from lightning_symmetry import SymmetryMonitor
from lightning_symmetry.callbacks._budget import Budget
from lightning_symmetry.callbacks._collapse_warning import WINDOW, CollapseWarning
from lightning_symmetry.functional import permutation_distance

from .runs import Classifier, Memory, fit, monitored

KEY = "symmetry/growth_rate/model.0.permutation"


class Decayed(Classifier):
    """Plain gradient descent, with weight decay for the first layer alone, in float64."""

    def __init__(self) -> None:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            super().__init__(nn.Sequential(nn.Linear(6, 12), nn.GELU(), nn.Linear(12, 3)))
        self.double()

    def training_step(self, batch, batch_idx):
        return super().training_step((batch[0].double(), batch[1]), batch_idx)

    def configure_optimizers(self):
        first, last = self.model[0].parameters(), self.model[2].parameters()
        return torch.optim.SGD([{"params": first, "weight_decay": 0.3}, {"params": last}], lr=1e-6)


class Distances(lightning.pytorch.Callback):
    """Keeps how far the hidden units are from being equal, before and after every step."""

    def __init__(self) -> None:
        self.seen: list[float] = []

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        first, _, last = pl_module.model
        legs = [first.weight.detach(), first.bias.detach().unsqueeze(-1), last.weight.detach().mT]
        self.seen.append(permutation_distance(legs).item())


def test_the_growth_rate_is_that_of_the_step_before_the_look(quiet):
    distances, module = Distances(), Decayed()
    monitor = SymmetryMonitor(every_n_steps=5, strict=True, max_overhead=None)
    trainer = fit(module, [monitor, distances], quiet, max_steps=10)
    expected = math.log(distances.seen[-1] / distances.seen[-2]) / 1e-6
    rate = monitored(trainer)["symmetry/growth_rate/model.hidden.permutation"]
    assert rate == pytest.approx(expected, rel=1e-4)


def test_an_optimizer_speaks_for_its_own_parameters_alone(quiet):
    class Two(Classifier):
        automatic_optimization = False

        def training_step(self, batch, batch_idx):
            loss = nn.functional.cross_entropy(self.model(batch[0]), batch[1])
            self.manual_backward(loss)
            for optimizer in self.optimizers():
                optimizer.step()
                optimizer.zero_grad()

        def configure_optimizers(self):
            layers = self.model[0], self.model[1], self.model[4]
            whole = [p for layer in layers for p in layer.parameters()]
            return torch.optim.SGD(whole, lr=0.1), torch.optim.SGD(self.model[6].parameters(), lr=0.1)

    monitor = SymmetryMonitor(every_n_steps=4, strict=True, max_overhead=None)
    logged = monitored(fit(Two(), [monitor], quiet, max_steps=16))
    assert KEY in logged
    assert "symmetry/growth_rate/model.4.permutation" not in logged  # two optimizers share its units


class Slow(Classifier):
    """Takes five milliseconds for a step."""

    def training_step(self, batch, batch_idx):
        time.sleep(0.005)
        return super().training_step(batch, batch_idx)


def test_the_interval_becomes_longer_where_looking_is_dear(quiet):
    generous, thrifty = (SymmetryMonitor(every_n_steps=2, strict=True, max_overhead=m) for m in (1e9, 1e-9))
    looks = {}
    for monitor in (generous, thrifty):
        logger = Memory()
        fit(Slow(), [monitor], quiet, logger=logger)
        ranks = [row.get("symmetry/effective_rank") for _, row in sorted(logger.rows.items())]
        looks[monitor] = sum(a != b for a, b in pairwise(ranks))
    assert generous.interval == 2 and looks[generous] == 20
    assert thrifty.interval > 1000 and looks[thrifty] == 1


def test_a_budget_is_the_share_of_looking_in_training(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    budget = Budget(0.01)
    for _ in range(50):
        budget.batch_starts()
        now[0] += 0.25
        budget.batch_ends()
        now[0] += 7.0  # loading of data
    assert budget.interval(10, 50, look=0.5) == 200  # 0.5 s are one hundredth of 200 steps
    assert budget.interval(10, 0, look=0.5) == 10  # nothing to compare with
    assert Budget(None).interval(10, 50, look=1e9) == 10


@pytest.mark.parametrize("value", [0, -0.1, float("nan")])
def test_a_share_that_is_not_positive_is_refused(value):
    with pytest.raises(ValueError, match="`max_overhead` must be positive or None, found"):
        SymmetryMonitor(max_overhead=value)


def looks(count, rate):
    for i in range(count):
        yield (
            50 * i,
            {
                "symmetry/breaking_distance/a.permutation": math.exp(-rate * i),
                "symmetry/breaking_distance/b.general_linear": 3.0,
                "symmetry/participation_ratio/b.general_linear": math.exp(-rate * i),
                "symmetry/dead_units/a.permutation": float(i),
            },
        )


def test_a_collapse_raises_the_risk_of_its_symmetry():
    warning = CollapseWarning()
    for step, values in looks(WINDOW, 0.1):
        risks = warning.after(step, values)
        if step < 50 * (WINDOW - 1):
            assert set(risks.values()) == {0.0}
    assert risks["symmetry/collapse_risk/a.permutation"] == pytest.approx(1 - math.exp(-0.1 * (WINDOW - 1)))
    assert risks["symmetry/collapse_risk/b.general_linear"] == 0
    assert risks["symmetry/collapse_risk"] == risks["symmetry/collapse_risk/a.permutation"]


def test_a_warning_goes_on_where_it_was_saved():
    straight, first = CollapseWarning(), CollapseWarning()
    series = list(looks(WINDOW + 5, 0.03))
    expected = [straight.after(*look) for look in series]
    for look in series[:10]:
        first.after(*look)
    second = CollapseWarning()
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    assert [second.after(*look) for look in series[10:]] == expected[10:]


def test_an_order_parameter_that_was_not_finite_is_no_risk_until_its_window_is_full():
    warning = CollapseWarning()
    for step, values in looks(2 * WINDOW, 0.1):
        if step == 50 * WINDOW:
            del values["symmetry/breaking_distance/a.permutation"]
        risk = warning.after(step, values)["symmetry/collapse_risk"]
    assert risk == 0
    assert warning.after(10**6, {}) == {}
