"""A fixed batch that shows what the layers represent, without a trace in the training around it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ..._compat import LightningModule
from ..._torch_compat import uncompiled
from ...discovery._tracing.unchanged import unchanged
from .._training_step import training_loss
from .batch import Batch
from .call import Call, each_once
from .classes import ClassSamples
from .samples import Sampler
from .watch import Watch


class Probe:
    """Runs the module's own ``training_step`` on a batch, silently and in evaluation mode.

    Modes, buffers, attributes, random generators and ``.grad`` are those of before when it has run, and
    nothing is logged. Compiled modules run uncompiled, where their layers can be seen.

    Args:
        batch: As ``training_step`` takes it, on any device.
        samples: At most so many of each tensor count.
        gradients: Whether to run a backward pass, too.
    """

    def __init__(self, batch: Any, samples: int, gradients: bool) -> None:
        self._batch, self._samples, self._gradients = batch, samples, gradients

    def seen(
        self,
        module: LightningModule,
        layers: Mapping[str, nn.Module],
        weights: Mapping[str, Tensor] | None = None,
    ) -> tuple[list[Call], ClassSamples | None]:
        """Run the batch.

        Args:
            module: The model.
            layers: Modules to watch, by name.
            weights: Parameters and buffers to run it with instead of its own.

        Returns:
            The calls, and what the classifier has read.
        """
        trainer = module.trainer
        batch = trainer.strategy.batch_to_device(
            trainer.precision_plugin.convert_input(self._batch), module.device
        )
        made: list[tuple[Call, Tensor]] = []
        known = Batch(batch)
        with _aside(module, weights or {}), torch.set_grad_enabled(self._gradients):
            watch = Watch(
                layers,
                known,
                Sampler(known.mask, self._samples),
                lambda watch, call, output: made.append((call, output)),
            )
            try:
                loss = training_loss(module, batch, 0)
                if self._gradients:
                    _backward(loss, [(call, output) for call, output in made if call.align is not None])
                return each_once(watch.taken()), watch.classified
            finally:
                watch.close()


def _backward(loss: Any, made: list[tuple[Call, Tensor]]) -> None:
    """Hand each call its gradient, and no parameter any."""
    losses = [each for each in (loss if isinstance(loss, list) else [loss]) if each.requires_grad]
    if not losses or not made:
        return
    ones = [torch.ones_like(each) for each in losses]
    gradients = torch.autograd.grad(losses, [output for _, output in made], ones, allow_unused=True)
    for (call, _), gradient in zip(made, gradients, strict=True):
        if gradient is not None:
            call.take(gradient)


@contextmanager
def _aside(module: nn.Module, weights: Mapping[str, Tensor]) -> Iterator[None]:
    """Within this context a module is in evaluation mode, and has copies of its buffers to write to."""
    kind, place = _device(module)
    with (
        torch.random.fork_rng([] if place is None else [place], device_type=kind),
        unchanged(module),
        uncompiled(),
    ):
        module.eval()
        for name, part in module.named_modules():
            for held in (part._buffers, part._parameters):
                for key, tensor in list(held.items()):
                    given = weights.get(f"{name}.{key}" if name else key)
                    if tensor is not None and given is not None:
                        given = given.to(tensor)
                        held[key] = nn.Parameter(given) if held is part._parameters else given.clone()
                    elif tensor is not None and held is part._buffers:
                        held[key] = tensor.clone()
        yield


def _device(module: nn.Module) -> tuple[str, torch.device | None]:
    device = next((parameter.device for parameter in module.parameters()), torch.device("cpu"))
    return ("cuda", None) if device.type == "cpu" else (device.type, device)
