"""A short training with a real Trainer, and the curves that its callbacks logged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import torch

from benchmarks.reproductions.reproduction import Size
from lightning_symmetry._compat import Callback, LightningModule, Trainer
from lightning_symmetry.demo.quiet import quiet
from lightning_symmetry.report.recorder import CurveRecorder
from lightning_symmetry.report.run import Curve


def train(
    make: Callable[[], LightningModule],
    batches: Iterable[Any],
    steps: int,
    callbacks: Sequence[Callback] = (),
    seed: int = 0,
    size: Size | None = None,
    log_every_n_steps: int = 1,
) -> tuple[Any, dict[str, Curve]]:
    """Make a module and train it. The global random state is left as it was.

    Args:
        make: Makes the module; called with the random state of the seed.
        batches: What to train on, again and again.
        steps: Optimizer steps.
        callbacks: Callbacks of the Trainer.
        seed: Of everything random.
        size: What it is trained on; a CPU by default.
        log_every_n_steps: Optimizer steps between two points of the curves. Lightning writes down all that
            was ever logged each time, which takes longer than a small step: beside a monitor, as seldom as it
            looks.

    Returns:
        The trained module, and what was logged, by key.

    Raises:
        ValueError: If the last step would not be logged.
    """
    if log_every_n_steps < 1 or steps % log_every_n_steps:
        raise ValueError(f"`log_every_n_steps` must divide the {steps} steps, found {log_every_n_steps}")
    recorder = CurveRecorder()
    with quiet(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = make()
        trainer = Trainer(
            max_steps=steps,
            accelerator="cpu" if size is None else size.accelerator,
            devices=1,
            logger=recorder,
            log_every_n_steps=log_every_n_steps,
            callbacks=list(callbacks),
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(module, _Endless(batches))
    return module.cpu(), recorder.curves()


class _Endless:
    """Batches again and again, as one epoch: beginning one takes Lightning longer than a small step."""

    def __init__(self, batches: Iterable[Any]) -> None:
        self._batches = batches

    def __iter__(self) -> Iterator[Any]:
        while True:
            yield from self._batches
