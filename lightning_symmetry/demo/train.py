"""Train one variant with one seed."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

import torch
from torch import Tensor

from lightning_symmetry._compat import Callback, LightningModule, Trainer
from lightning_symmetry.callbacks import RemoveSymmetry, StageDetector, SymmetryMonitor
from lightning_symmetry.demo.data import Digits, batches
from lightning_symmetry.demo.module import DigitClassifier
from lightning_symmetry.demo.settings import Settings, Variant
from lightning_symmetry.functional import effective_rank
from lightning_symmetry.report.recorder import CurveRecorder
from lightning_symmetry.report.run import Curve, Run
from lightning_symmetry.surgery import Syre, syre_offset

LAYER_RANK = "symmetry/effective_rank/model.2.permutation"
"""Key under which the monitor logs the effective rank of the 64 x 64 layer, its bias included."""

_FIGURES = {"dead_units": "symmetry/dead_units", "distinct_units": "symmetry/distinct_units"}


def train(
    variant: Variant,
    seed: int,
    digits: Digits,
    settings: Settings,
    on_epoch: Callable[[], None] = lambda: None,
) -> Run:
    """Train a fresh network and measure it. The global random state is left as it was.

    Args:
        variant: The way to train.
        seed: Seed of everything random.
        digits: The data set.
        settings: Epochs and strengths.
        on_epoch: Called after every epoch.

    Returns:
        The curves that the monitor and the module logged, and the figures ``test_accuracy``,
        ``effective_rank``, ``effective_rank_at_start``, ``rank_without_offset``, ``feature_rank``,
        ``dead_units``, ``distinct_units`` and ``seconds``.
    """
    loader = batches(digits.train, settings.batch_size, seed)
    detector = StageDetector(every_n_steps=len(loader), strict=True)
    callbacks: list[Callback] = [
        SymmetryMonitor(every_n_steps=len(loader), strict=True, max_overhead=None),
        detector,
        _EachEpoch(on_epoch),
    ]
    removal = Syre(std=settings.offset, units="absolute", seed=seed) if variant.removes_symmetry else None
    if removal is not None:
        callbacks.append(RemoveSymmetry(removal))
    recorder = CurveRecorder()
    trainer = Trainer(
        max_epochs=settings.epochs,
        callbacks=callbacks,
        logger=recorder,
        log_every_n_steps=1,
        accelerator="cpu",
        devices=1,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    began = perf_counter()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = DigitClassifier(settings.penalty if variant.decays else 0.0, settings.learning_rate)
        trainer.fit(module, loader)
        (tested,) = trainer.test(module, batches(digits.test, len(digits.test), seed), verbose=False)
    curves = {
        key: _by_epoch(curve, len(loader))
        for key, curve in recorder.curves().items()
        if key == "train_loss" or key.startswith("symmetry/")
    }
    figures = {
        "test_accuracy": tested["test_accuracy"],
        "effective_rank": curves[LAYER_RANK].last,
        "effective_rank_at_start": curves[LAYER_RANK].values[0],
        "rank_without_offset": _rank_without_offset(module, removal),
        "feature_rank": _feature_rank(module, digits.test.tensors[0]),
        **{name: curves[key].last for name, key in _FIGURES.items()},
        "seconds": perf_counter() - began,
    }
    return Run(variant.name, seed, curves, figures, detector.transitions)


@torch.no_grad()
def _rank_without_offset(module: DigitClassifier, removal: Syre | None) -> float:
    """Measure the effective rank of what training made of the weights of the 64 x 64 layer."""
    name = "model.2.weight"
    weight = module.get_parameter(name)
    return float(effective_rank(weight if removal is None else weight - syre_offset(module, name, removal)))


@torch.no_grad()
def _feature_rank(module: DigitClassifier, images: Tensor) -> float:
    """Measure the effective rank of what the 64 x 64 layer makes of images, after its ReLU."""
    return float(effective_rank(module.model[:4](images)))


def _by_epoch(curve: Curve, steps_per_epoch: int) -> Curve:
    # Between two looks of the monitor Lightning hands a logger the last value again, which is no measurement:
    # keep the start and the end of every epoch, and count the steps done instead of the step in hand.
    kept = [
        (step + 1 if step else 0, value)
        for step, value in zip(curve.steps, curve.values, strict=True)
        if step == 0 or (step + 1) % steps_per_epoch == 0
    ]
    return Curve(tuple(step for step, _ in kept), tuple(value for _, value in kept))


class _EachEpoch(Callback):
    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._call()
