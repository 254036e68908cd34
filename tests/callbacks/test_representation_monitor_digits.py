"""A real data set: what the theory expects is what is logged."""

import pytest
import torch

pytest.importorskip("sklearn")

from lightning_symmetry import RepresentationMonitor
from lightning_symmetry.demo.data import batches, digits
from lightning_symmetry.demo.module import DigitClassifier

from .runs import Memory, fit


def test_classes_collapse_and_layers_align_as_digits_are_learned(quiet):
    data, logger = digits(), Memory()
    probe = data.train[:512]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = DigitClassifier(penalty=2.5e-4)
    callback = RepresentationMonitor(
        every_n_steps=100, probe=probe, probe_gradients=True, strict=True, max_overhead=None
    )
    module.train_dataloader = lambda: batches(data.train, 64, seed=0)
    fit(module, [callback], quiet, logger=logger, max_steps=600)
    looks = [logger.rows[step] for step in (0, 99, 199, 399, 599)]
    ratios = [row["symmetry/nc1_trace_ratio"] for row in looks]
    assert ratios == sorted(ratios, reverse=True)
    assert ratios[-1] < 0.2 * ratios[0]
    assert looks[-1]["symmetry/nc1"] < 0.3 * looks[0]["symmetry/nc1"]
    assert looks[-1]["symmetry/fisher_ratio"] > looks[0]["symmetry/fisher_ratio"] + 0.2
    assert looks[-1]["symmetry/nearest_centre_accuracy"] > 0.97
    for relation in ("forward_hg", "forward_gz", "backward_hg"):
        last = looks[-1]
        assert last[f"symmetry/alignment_{relation}"] > last[f"symmetry/alignment_{relation}_init"] + 0.1
