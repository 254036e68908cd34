"""Gradients are measured as they are, whoever divides them by the scale of the loss."""

import pytest
import torch
from lightning.pytorch.plugins import MixedPrecision

from lightning_symmetry import SymmetryMonitor

from ..callbacks.runs import Memory, fit
from .watching import Small


def test_rates_of_growth_do_not_depend_on_who_unscales_the_gradients(quiet):
    class Fused(Small):
        fused = True

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.05, fused=self.fused)

    class Plain(Fused):
        fused = False

    rates = []
    for build in (Fused, Plain):
        logger, scaler = Memory(), torch.amp.GradScaler("cpu", 1024.0)
        monitor = SymmetryMonitor(1, strict=True, max_overhead=None)
        plugins = [MixedPrecision("16-mixed", "cpu", scaler)]
        fit(build(), [monitor], quiet, max_steps=2, logger=logger, plugins=plugins)
        rates.append(
            [row["symmetry/growth_rate"] for row in logger.rows.values() if "symmetry/growth_rate" in row]
        )
    assert len(rates[0]) == 2 and rates[0] == pytest.approx(rates[1], rel=1e-4)
