"""A training with a real Trainer that writes nothing down: only its end is measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import torch

from lightning_symmetry._compat import Callback, LightningModule, Trainer
from lightning_symmetry.demo.quiet import quiet

Module = TypeVar("Module", bound=LightningModule)


def fit(
    make: Callable[[], Module], batches: Iterable[Any], steps: int, callbacks: Sequence[Callback], seed: int
) -> Module:
    """Make a module and train it. The global random state is left as it was.

    Args:
        make: Makes the module, with the random state of the seed.
        batches: What to train on, again and again.
        steps: Optimizer steps.
        callbacks: Callbacks of the Trainer.
        seed: Of the initial weights.

    Returns:
        The trained module.
    """
    with quiet(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = make()
        trainer = Trainer(
            max_steps=steps,
            max_epochs=-1,
            accelerator="cpu",
            devices=1,
            logger=False,
            callbacks=list(callbacks),
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(module, batches)
    return module
