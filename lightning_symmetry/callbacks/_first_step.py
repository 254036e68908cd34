"""What the user's own training step computes, traced on fake tensors without a trace in the run."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves
from torchmetrics import Metric, MetricCollection

from .._compat import LightningModule
from ..discovery import Symmetries, find_symmetries
from ..discovery.find import TraceError, find_symmetries_running


def find_in_training(module: LightningModule, batch: Any, batch_idx: int) -> Symmetries:
    """Find the symmetries of the loss that a LightningModule trains, else those of its outputs.

    The loss of ``training_step`` on this batch comes first: on fake tensors, and where the step depends on
    numbers (it calls ``loss.item()``, say) on copies of the real ones, for the price of one forward pass. A
    model whose step cannot be traced is traced through ``example_input_array``.

    Args:
        module: The model in training.
        batch: A batch as ``training_step`` gets it.
        batch_idx: Its index.

    Returns:
        The symmetries, parameters named as in ``module.named_parameters()``.

    Raises:
        TraceError: If nothing can be traced; the message gives the causes and what to do.
    """
    try:
        return _stripped(find_symmetries(_StepWithoutMetrics(module), batch, batch_idx))
    except TraceError:
        pass
    try:
        return _stripped(find_symmetries_running(_Step(module), batch, batch_idx))
    except TraceError as error:
        first = error
    example = module.example_input_array
    if example is None:
        raise TraceError(
            f"training_step cannot be run a second time ({first}), and there is no example_input_array to "
            "fall back on: set it, or pass SymmetryMonitor(symmetries=find_symmetries(model, inputs))"
        ) from first
    inputs = example if isinstance(example, tuple) else () if isinstance(example, dict) else (example,)
    try:
        return find_symmetries(module, *inputs, **(example if isinstance(example, dict) else {}))
    except TraceError as second:
        raise TraceError(
            f"neither training_step ({first}) nor forward(example_input_array) ({second}) can be traced: "
            "pass SymmetryMonitor(symmetries=find_symmetries(model, inputs))"
        ) from second


class _Step(nn.Module):
    """A training step as a module's forward, deaf to logging and with optimizers that do nothing."""

    def __init__(self, module: LightningModule) -> None:
        super().__init__()
        self.module = module

    def forward(self, batch: Any, batch_idx: int) -> Any:
        module: Any = self.module
        losses: list[Any] = []
        # instance attributes: the tracer restores the module's own afterwards
        silenced = {
            name: _nothing
            for name in (
                "log",
                "log_dict",
                "print",
                "toggle_optimizer",
                "untoggle_optimizer",
                "clip_gradients",
            )
        }
        if not module.automatic_optimization:
            silenced |= {
                "manual_backward": lambda loss, *args, **kwargs: losses.append(loss),
                "optimizers": lambda *args, **kwargs: _inert(len(module.trainer.optimizers)),
                "lr_schedulers": lambda *args, **kwargs: _inert(len(module.trainer.lr_scheduler_configs)),
            }
        module.__dict__.update(silenced)
        output = module.training_step(batch, batch_idx)
        if not module.automatic_optimization:
            return losses
        loss = output.get("loss") if isinstance(output, dict) else output
        if not any(isinstance(leaf, Tensor) for leaf in tree_leaves(loss)):
            raise ValueError("training_step returned no loss on this batch")
        return loss


class _StepWithoutMetrics(_Step):
    """A training step whose metrics, which count numbers that fake tensors lack, count nothing."""

    def forward(self, batch: Any, batch_idx: int) -> Any:
        for metric in self.module.modules():
            if isinstance(metric, (Metric, MetricCollection)):
                metric.__dict__.update(forward=_zero, update=_nothing, compute=_zero)
        return super().forward(batch, batch_idx)


def _zero(*args: Any, **kwargs: Any) -> Tensor:
    return torch.zeros(())


def _nothing(*args: Any, **kwargs: Any) -> None:
    return None


class _Inert:
    """Stands for an optimizer or a scheduler: every attribute is a function that does nothing."""

    def __getattr__(self, name: str) -> Any:
        return _nothing


def _inert(count: int) -> Any:
    return _Inert() if count <= 1 else [_Inert() for _ in range(count)]


def _stripped(symmetries: Symmetries) -> Symmetries:
    """Take the wrapper's own level off all names."""
    plain = symmetries.to_dict()

    def strip(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                k: v.removeprefix("module.") if k in {"name", "parameter"} else strip(v)
                for k, v in value.items()
            }
        return [strip(v) for v in value] if isinstance(value, (list, tuple)) else value

    return Symmetries.from_dict(strip(plain))
