"""What the monitor says of Noether charges, in real training."""

import lightning.pytorch
import pytest
import torch
from torch import nn

from lightning_symmetry import SymmetryMonitor
from lightning_symmetry.functional import (
    general_linear_charge,
    general_linear_imbalance,
    scaling_charges,
    scaling_imbalance,
    stepped_charge,
)

from .runs import Classifier, Memory, fit, monitored

KEYS = ("charge_drift", "charge_drift_predicted", "charge_drift_unexplained")
RELU = "model.hidden.positive_scaling"
DECAY = 0.5


def network():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 5), nn.Linear(5, 3)).double()


class Trained(Classifier):
    """In float64, with an optimizer of one's own and a learning rate that falls by half every two steps."""

    def __init__(self, optimizer, halving=False):
        super().__init__(network())
        self.optimizer, self.halving = optimizer, halving

    def training_step(self, batch, batch_idx):
        return super().training_step((batch[0].double(), batch[1]), batch_idx)

    def configure_optimizers(self):
        optimizer = self.optimizer(self.model)
        if not self.halving:
            return optimizer
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.5)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}


def descent(rate, **options):
    return lambda model: torch.optim.SGD(model.parameters(), lr=rate, weight_decay=DECAY, **options)


def sides(model):
    """Legs of the rectified units, and writers and readers of the linear space."""
    first, _, second, third = model
    rows = [first.weight, first.bias.unsqueeze(-1), second.weight.mT]
    linear = torch.cat([second.weight, second.bias.unsqueeze(-1)], -1), third.weight.mT
    return [leg.detach().clone() for leg in rows], [leg.detach().clone() for leg in linear]


class Charges(lightning.pytorch.Callback):
    """Keeps the weights around the last look, and multiplies 1 − ηλ between two looks."""

    def __init__(self, every):
        self.every, self.weights, self.rates = every, [], []

    def on_train_start(self, trainer, pl_module):
        self.weights.append(sides(pl_module.model))

    def on_before_optimizer_step(self, trainer, pl_module, optimizer):
        self.rates.append(optimizer.param_groups[0]["lr"])

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        if trainer.global_step % self.every == 0:
            self.weights.append(sides(pl_module.model))


def watched(quiet, module, every=5, **options):
    monitor = SymmetryMonitor(every_n_steps=every, strict=True, max_overhead=None)
    charges = Charges(every)
    trainer = fit(module, [monitor, charges], quiet, **{"max_steps": 2 * every, **options})
    linear = [s.name for s in monitor.symmetries if s.group == "general_linear"]
    logged = {k.removeprefix("symmetry/"): v for k, v in monitored(trainer).items() if "charge_drift" in k}
    return logged, charges, linear[0]


@pytest.mark.parametrize("halving", [False, True], ids=["constant", "falling"])
def test_the_drift_is_that_of_the_charges_and_decay_predicts_it(quiet, halving):
    logged, charges, linear = watched(quiet, Trained(descent(1e-3), halving))
    kept = 1.0
    for rate in charges.rates[-5:]:
        kept *= float(stepped_charge(torch.ones(()).double(), DECAY, rate))
    (before, before_linear), (after, after_linear) = charges.weights[-2:]

    old, new = (scaling_charges(legs, [1, 1, -1]) for legs in (before, after))
    scale = old.abs().sum() / scaling_imbalance(before, [1, 1, -1])
    assert logged[f"charge_drift/{RELU}"] == pytest.approx(float((new - old).abs().sum() / scale))
    predicted = (1 - kept) * float(scaling_imbalance(before, [1, 1, -1]))
    assert logged[f"charge_drift_predicted/{RELU}"] == pytest.approx(predicted)
    residual = float((new - kept * old).abs().sum() / scale)
    assert logged[f"charge_drift_unexplained/{RELU}"] == pytest.approx(residual)

    old, new = (general_linear_charge(*legs) for legs in (before_linear, after_linear))
    scale = old.norm() / general_linear_imbalance(*before_linear)
    assert logged[f"charge_drift/{linear}"] == pytest.approx(float((new - old).norm() / scale))
    residual = float((new - kept * old).norm() / scale)
    assert logged[f"charge_drift_unexplained/{linear}"] == pytest.approx(residual)
    for key in KEYS:
        assert logged[key] == pytest.approx((logged[f"{key}/{RELU}"] + logged[f"{key}/{linear}"]) / 2)


@pytest.mark.parametrize("options", [{}, {"momentum": 0.8}, {"momentum": 0.8, "nesterov": True}])
def test_what_decay_does_not_explain_of_descent_is_of_first_order_in_the_learning_rate(quiet, options):
    shares = []
    for refinement in (1, 2):
        module = Trained(descent(2e-3 / refinement, **options))
        logged, _, _ = watched(quiet, module, every=20 * refinement)
        shares.append(logged["charge_drift_unexplained"] / logged["charge_drift_predicted"])
    assert shares[0] < 0.1
    assert 1.5 < shares[0] / shares[1] < 2.5


def test_a_momentum_that_is_not_followed_would_be_noticed(quiet):
    # with a momentum of 0.8, decay is five times as fast
    plain, _, _ = watched(quiet, Trained(descent(1e-3)), every=30)
    momentum, _, _ = watched(quiet, Trained(descent(1e-3, momentum=0.8)), every=30)
    ratio = momentum["charge_drift_predicted"] / plain["charge_drift_predicted"]
    assert 4 < ratio < 5


def test_groups_decay_each_at_their_own_rate(quiet):
    def without_biases(model):
        weights = [p for p in model.parameters() if p.ndim > 1]
        biases = [p for p in model.parameters() if p.ndim == 1]
        return torch.optim.SGD([{"params": weights, "weight_decay": DECAY}, {"params": biases}], lr=1e-4)

    logged, charges, linear = watched(quiet, Trained(without_biases))
    kept = (1 - DECAY * 1e-4) ** 10
    weights, biases, readers = (leg.square().sum(-1) for leg in charges.weights[-2][0])
    whole = (weights + biases + readers).sum()
    assert logged[f"charge_drift_predicted/{RELU}"] == pytest.approx(
        float((1 - kept) * (weights - readers).abs().sum() / whole)
    )
    for name in (RELU, linear):
        assert logged[f"charge_drift_unexplained/{name}"] < 0.05 * logged[f"charge_drift_predicted/{name}"]


def test_adaptive_steps_move_charges_that_decoupled_decay_does_not_explain(quiet):
    def adaptive(model):
        return torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=DECAY)

    logged, _, _ = watched(quiet, Trained(adaptive))
    assert logged["charge_drift_unexplained"] > 2 * logged["charge_drift_predicted"] > 0


def test_there_is_no_prediction_where_the_decay_is_not_known(quiet):
    def coupled(model):
        return torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=DECAY)

    logged, _, linear = watched(quiet, Trained(coupled))
    assert set(logged) == {"charge_drift", f"charge_drift/{RELU}", f"charge_drift/{linear}"}


def test_parameters_that_are_frozen_on_the_way_do_not_decay_any_more(quiet):
    class Freezing(Trained):
        def on_train_batch_start(self, batch, batch_idx):
            if self.trainer.global_step == 7:
                self.model[2].requires_grad_(False)

    logger = Memory()
    logged, charges, _ = watched(quiet, Freezing(descent(1e-4)), max_steps=15, logger=logger)
    weights, biases, readers = (leg.square().sum(-1) for leg in charges.weights[-2][0])
    lost = (1 - (1 - DECAY * 1e-4) ** 10) * (weights + biases)
    key = f"charge_drift_predicted/{RELU}"
    assert logged[key] == pytest.approx(float(lost.sum() / (weights + biases + readers).sum()))
    # of the look in which they were frozen, nothing is said
    values = [row[f"symmetry/{key}"] for step, row in sorted(logger.rows.items()) if step >= 4]
    assert len(set(values[:10])) == 1 and len(set(values)) == 2


def test_a_resumed_run_logs_the_same(quiet, tmp_path):
    def run(logger, callback, **options):
        module = Trained(descent(1e-2, momentum=0.9))
        return fit(module, [callback], quiet, logger=logger, **options)

    def monitor():
        return SymmetryMonitor(every_n_steps=4, strict=True, max_overhead=None)

    whole, resumed, path = Memory(), Memory(), tmp_path / "middle.ckpt"
    run(whole, monitor(), max_steps=24)
    run(Memory(), monitor(), max_steps=10).save_checkpoint(path)
    assert torch.load(path, weights_only=True)["callbacks"]
    run(resumed, monitor(), max_steps=24, ckpt_path=path)
    looked = [step for step in whole.rows if step > 10 and (step + 1) % 4 == 0]
    assert looked
    for step in looked:
        assert all(f"symmetry/{key}" in resumed.rows[step] for key in KEYS)
        assert resumed.rows[step] == whole.rows[step]


def test_a_checkpoint_without_charges_starts_anew(quiet, tmp_path):
    monitor = SymmetryMonitor(every_n_steps=4, strict=True, max_overhead=None)
    fit(Trained(descent(1e-2)), [monitor], quiet, max_steps=4)
    state = monitor.state_dict()
    del state["charges"]
    other = SymmetryMonitor(every_n_steps=4, strict=True, max_overhead=None)
    other.load_state_dict(state)
    assert not other.state_dict()["charges"]["charges"]
