"""Parameters that do not hold their values are refused before training, and never measured."""

import pytest
import torch

from lightning_symmetry import RepresentationMonitor, SymmetryMonitor
from lightning_symmetry.callbacks._readable import HIDDEN, check_readable

from .runs import Classifier, fit, monitored


class Hidden(Classifier):
    """As a strategy leaves it that takes the values of parameters elsewhere."""

    def __init__(self, attribute: str) -> None:
        super().__init__()
        setattr(self.model[4].bias, attribute, True)


def test_plain_parameters_are_read():
    check_readable(Classifier(), "SymmetryMonitor")


@pytest.mark.parametrize("attribute", HIDDEN)
def test_the_reason_is_named(attribute):
    with pytest.raises(ValueError, match=r"`model.4.bias` must have its values.* for RemoveSymmetry, found"):
        check_readable(Hidden(attribute), "RemoveSymmetry")


@pytest.mark.parametrize("attribute", HIDDEN)
def test_monitors_switch_themselves_off(attribute, quiet):
    monitors = [SymmetryMonitor(every_n_steps=1), RepresentationMonitor(every_n_steps=1)]
    with pytest.warns(UserWarning, match="switches itself off.*must have its values") as seen:
        trainer = fit(Hidden(attribute), monitors, quiet, max_steps=2)
    assert len([each for each in seen if "switches itself off" in str(each.message)]) == len(monitors)
    assert trainer.global_step == 2
    assert monitored(trainer) == {}


def test_strict_raises_before_training(quiet):
    module = Hidden("ds_id")
    before = [p.clone() for p in module.parameters()]
    with pytest.raises(ValueError, match=r"DeepSpeed at stage 3"):
        fit(module, [SymmetryMonitor(strict=True)], quiet, max_steps=2)
    assert all(map(torch.equal, before, module.parameters()))


class Elsewhere(SymmetryMonitor):
    """Comes when all gradients are elsewhere, as with DeepSpeed at stage 1 or 2."""

    def on_before_optimizer_step(self, trainer, pl_module, optimizer) -> None:
        pl_module.zero_grad()
        super().on_before_optimizer_step(trainer, pl_module, optimizer)


def test_no_rate_is_measured_of_gradients_that_are_elsewhere(quiet):
    monitor = Elsewhere(every_n_steps=1, strict=True, max_overhead=None)
    logged = monitored(fit(Classifier(), [monitor], quiet, max_steps=2))
    assert "symmetry/breaking_distance" in logged
    assert not {"symmetry/growth_rate", "symmetry/orbit_leak"} & logged.keys()
