"""Trainings with all monitors and without, of which nothing may differ."""

import torch
from torch import nn

from lightning_symmetry import RepresentationMonitor, StageDetector, SymmetryMonitor

from ..callbacks.runs import Classifier, fit


def monitors(every: int = 3) -> list:
    """All three; they look however slow the machine is, and raise what goes wrong."""
    return [
        SymmetryMonitor(every_n_steps=every, strict=True, max_overhead=None),
        RepresentationMonitor(every_n_steps=every, batches=1, strict=True, max_overhead=None),
        StageDetector(every_n_steps=every, strict=True),
    ]


class Small(Classifier):
    """A small network, always the same; its rate may be tuned."""

    def __init__(self, activation: type[nn.Module] = nn.ReLU, width: int = 8, lr: float = 0.05) -> None:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            super().__init__(nn.Sequential(nn.Linear(6, width), activation(), nn.Linear(width, 3)))
        self.lr = lr

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=self.lr, momentum=0.9, weight_decay=0.1)


def watched(build, quiet, others=list, **options):
    """Train with the monitors and without.

    Args:
        build: Makes the module.
        quiet: Options of the Trainer.
        others: Makes callbacks that both runs have, in front of the monitors.
        **options: More of them.

    Returns:
        The Trainer and the monitors.
    """
    used, module, plain = monitors(), build(), build()
    trainer = fit(module, [*others(), *used], quiet, **{"max_steps": 8, **options})
    drawn = torch.get_rng_state()
    fit(plain, others(), quiet, **{"max_steps": 8, **options})
    assert torch.equal(drawn, torch.get_rng_state())
    same_weights(module, plain)
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in module.modules())
    return trainer, used


def same_weights(one, other) -> None:
    expected = other.state_dict()
    assert one.state_dict().keys() == expected.keys()
    for name, value in one.state_dict().items():
        assert torch.equal(value, expected[name]), name
