"""A LightningModule's training step as a function that computes its loss and does nothing else."""

from __future__ import annotations

import inspect
import io
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric, MetricCollection

from .._compat import LightningModule
from ._inert import Inert, InertOptimizer

SILENCED = ("log", "log_dict", "print", "toggle_optimizer", "untoggle_optimizer", "clip_gradients")


def training_loss(module: LightningModule, batch: Any, batch_idx: int) -> Any:
    """Run the training step for its loss alone.

    Args:
        module: The model.
        batch: A batch as ``training_step`` gets it.
        batch_idx: Its index.

    Returns:
        The loss; under manual optimization everything that is handed to ``manual_backward``.

    Raises:
        ValueError: If the step cannot be run a second time, or gives no loss.
    """
    names = inspect.signature(module.training_step).parameters
    if "dataloader_iter" in names:
        raise ValueError("training_step takes its batches from dataloader_iter, which is done only once")
    one = len(names) == 1 and next(iter(names.values())).kind is not inspect.Parameter.VAR_POSITIONAL
    with quiet(module) as losses, module.trainer.precision_plugin.train_step_context():
        output = module.training_step(*(batch, batch_idx)[: 1 if one else 2])
    if not module.automatic_optimization:
        return losses
    loss = output.get("loss") if isinstance(output, dict) else output
    if not isinstance(loss, Tensor):
        raise ValueError("training_step returned no loss on this batch")
    return loss


@contextmanager
def quiet(module: LightningModule) -> Iterator[list[Any]]:
    """Within this context a module does not print, log or count, and its optimizers do nothing.

    The attributes that this sets on the modules are left to
    :func:`~..discovery._tracing.unchanged.unchanged`.

    Yields:
        A list that collects what is handed to ``manual_backward``.
    """
    losses: list[Any] = []
    trainer: Any = module.trainer
    state = dict(vars(trainer))
    for name in SILENCED:
        module.__dict__[name] = _nothing
    for part in module.modules():
        if isinstance(part, MetricCollection):
            zeros = {str(name): torch.zeros(()) for name in part}
            part.__dict__.update(forward=_always(zeros), update=_nothing, compute=_always(zeros))
        elif isinstance(part, Metric):
            part.__dict__.update(forward=_zero, update=_nothing, compute=_zero)
    if not module.automatic_optimization:
        module.__dict__["manual_backward"] = lambda loss, *args, **kwargs: losses.append(loss)
        module.__dict__["optimizers"] = lambda *args, **kwargs: _alone(
            [InertOptimizer(optimizer) for optimizer in trainer.optimizers]
        )
        module.__dict__["lr_schedulers"] = lambda *args, **kwargs: _alone(
            [Inert() for _ in trainer.lr_scheduler_configs]
        )
    trainer.loggers = [Inert() for _ in trainer.loggers]
    level = logging.root.manager.disable
    logging.disable()
    try:
        with redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield losses
    finally:
        logging.disable(level)
        for name in vars(trainer).keys() - state.keys():
            delattr(trainer, name)
        vars(trainer).update(state)


def _nothing(*args: Any, **kwargs: Any) -> None:
    return None


def _zero(*args: Any, **kwargs: Any) -> Tensor:
    return torch.zeros(())


def _always(value: Any) -> Callable[..., Any]:
    return lambda *args, **kwargs: value


def _alone(items: list[Any]) -> Any:
    """One item by itself, as Lightning hands it out; several as a list."""
    return items[0] if len(items) == 1 else items
