"""Ways to train beside the matrix: nothing differs with monitors, and they see what there is to see."""

import lightning.pytorch
import pytest
import torch
from lightning.pytorch.callbacks import StochasticWeightAveraging
from lightning.pytorch.utilities import CombinedLoader
from torch import nn
from torch.utils.checkpoint import checkpoint

from lightning_symmetry import SymmetryMonitor

from ..callbacks.runs import Batches, Memory, fit
from .watching import Small, monitors, same_weights, watched

HIDDEN = {("permutation", 8), ("positive_scaling", 8)}


def found(monitor) -> set[tuple[str, int]]:
    return {(s.group, s.size) for s in monitor.symmetries}


class Checkpointed(Small):
    """The activations are computed again in the backward pass."""

    def __init__(self, reentrant: bool) -> None:
        super().__init__()
        self.reentrant = reentrant

    def training_step(self, batch, batch_idx):
        hidden = self.model[0](batch[0])
        again = checkpoint(lambda h: self.model[2](self.model[1](h)), hidden, use_reentrant=self.reentrant)
        return nn.functional.cross_entropy(again, batch[1])


@pytest.mark.parametrize("reentrant", [True, False])
def test_gradient_checkpointing(reentrant, quiet):
    _, used = watched(lambda: Checkpointed(reentrant), quiet)
    assert found(used[0]) >= HIDDEN and used[0].last_step == 6


@pytest.mark.skipif(
    not hasattr(lightning.pytorch.callbacks, "WeightAveraging"),
    reason="Lightning before 2.6 averages no weights",
)
def test_an_exponential_average_of_the_weights(quiet):
    watched(Small, quiet, lambda: [lightning.pytorch.callbacks.WeightAveraging()])


def test_stochastic_weight_averaging(quiet):
    watched(
        Small,
        quiet,
        lambda: [StochasticWeightAveraging(0.1, swa_epoch_start=1, annealing_epochs=1)],
        max_epochs=3,
        max_steps=-1,
        limit_train_batches=4,
    )


@pytest.mark.parametrize(
    "options",
    [
        {"fast_dev_run": 4},
        {"overfit_batches": 2, "max_epochs": 3},
        {"limit_train_batches": 3, "max_epochs": 2},
    ],
    ids=str,
)
def test_short_runs(options, quiet):
    _, used = watched(Small, quiet, **options)
    assert found(used[0]) >= HIDDEN and used[0].last_step == (3 if "fast_dev_run" in options else 6)


def test_a_bare_trainer_is_not_watched(quiet):
    class Silent(Small):
        def log(self, *args, **kwargs) -> None:
            raise AssertionError("a bare Trainer logs nothing")

        def training_step(self, batch, batch_idx):
            return nn.functional.cross_entropy(self.model(batch[0]), batch[1])

    options = {"barebones": True, "accelerator": "cpu", "devices": 1, "max_steps": 4}
    module, plain = Silent(), Silent()
    with pytest.warns(UserWarning, match="is off: Trainer.barebones=True. logs nothing") as warnings:
        lightning.pytorch.Trainer(callbacks=monitors(), **options).fit(module)
    said = [str(w.message).split(" is off")[0] for w in warnings if "is off" in str(w.message)]
    assert said == ["SymmetryMonitor", "RepresentationMonitor", "StageDetector"]
    lightning.pytorch.Trainer(**options).fit(plain)
    same_weights(module, plain)


class Skipping(Small):
    """Two steps of three have a loss."""

    def training_step(self, batch, batch_idx):
        return None if batch_idx % 3 == 0 else super().training_step(batch, batch_idx)


@pytest.mark.filterwarnings("ignore:`training_step` returned `None`")
@pytest.mark.filterwarnings("ignore:RepresentationMonitor. the layers model.0, model.2 did not run")
def test_steps_without_a_loss(quiet):
    _, used = watched(Skipping, quiet)
    assert found(used[0]) >= HIDDEN and used[0].last_step >= 6


@pytest.mark.filterwarnings("ignore:`training_step` returned `None`")
def test_decay_is_not_predicted_of_steps_that_are_skipped(quiet):
    class Still(Skipping):
        """Weights that nothing but decay moves."""

        def training_step(self, batch, batch_idx):
            loss = super().training_step(batch, batch_idx)
            return None if loss is None else 0 * loss

        def configure_optimizers(self):
            return torch.optim.AdamW(self.parameters(), lr=0.1, weight_decay=0.5)

    logger = Memory()
    fit(Still(), [SymmetryMonitor(6, strict=True, max_overhead=None)], quiet, max_steps=13, logger=logger)
    row = logger.rows[max(logger.rows)]
    drift = row["symmetry/charge_drift/model.hidden.positive_scaling"]
    assert drift > 0.1
    assert row["symmetry/charge_drift_predicted/model.hidden.positive_scaling"] == pytest.approx(
        drift, rel=1e-4
    )


class Endless(torch.utils.data.IterableDataset):
    def __iter__(self):
        while True:
            yield from Batches().batches


class Several(Small):
    """Two data sets of different length; validation in between."""

    def train_dataloader(self):
        return CombinedLoader({"a": Batches(), "b": Batches(3)}, "max_size_cycle")

    def training_step(self, batch, batch_idx):
        return super().training_step(batch["a"], batch_idx) + super().training_step(batch["b"], batch_idx)


class Validated(Small):
    """Endless data, a schedule of rates, and steps of all kinds."""

    def train_dataloader(self):
        return torch.utils.data.DataLoader(Endless(), batch_size=None)

    def val_dataloader(self):
        return Batches(2)

    test_dataloader = predict_dataloader = val_dataloader

    def validation_step(self, batch, batch_idx):
        self.log("validation", self.model(batch[0]).mean())

    test_step = validation_step

    def predict_step(self, batch, batch_idx):
        return self.model(batch[0])

    def configure_optimizers(self):
        optimizer = super().configure_optimizers()
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 8)
        return [optimizer], [{"scheduler": schedule, "interval": "step"}]


def test_several_data_sets_at_once(quiet):
    _, used = watched(Several, quiet)
    assert found(used[0]) >= HIDDEN


def test_endless_data_with_validation_and_a_schedule(quiet):
    options = {"limit_val_batches": 2, "val_check_interval": 3, "check_val_every_n_epoch": None}
    trainer, used = watched(Validated, quiet, **options)
    assert "validation" in trainer.callback_metrics and used[0].last_step == 6


def test_a_trainer_that_does_not_fit(quiet):
    used, module = monitors(), Validated()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    trainer = lightning.pytorch.Trainer(**{**quiet, "limit_val_batches": 2}, callbacks=used)
    trainer.validate(module, verbose=False)
    trainer.test(module, verbose=False)
    assert len(trainer.predict(module)) == 2
    assert used[0].symmetries is None and used[0].last_step is None
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
