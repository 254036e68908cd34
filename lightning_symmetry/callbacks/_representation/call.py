"""One call of a layer: some samples of what it read and wrote, and of the gradient of the loss there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...functional.representation.convolution import LayerSamples
from .layers import LINEAR
from .samples import Sampler, batched, has_weight, linear_samples, patch_samples

Align = Callable[["Call", Tensor], LayerSamples]
"""Lays out the samples of a call beside the weight."""


@dataclass(frozen=True)
class Seen:
    """In which circumstances a layer was called.

    Attributes:
        reads_data: Whether it read the batch itself.
        learns: Whether the loss has a gradient with respect to the output.
        again: Whether a backward pass made the call, to compute anew what was not kept.
    """

    reads_data: bool
    learns: bool
    again: bool


@dataclass(eq=False)
class Call:
    """One call of a layer.

    Attributes:
        layer: Its name.
        features: Samples of what it represents, ``(n, features)``; split if the activation is.
        seen: In which circumstances it was made.
        align: How to compare samples and gradients with the weight; None for a layer without one.
        thin: Takes samples of the gradient.
        outputs: Samples of what a linear layer wrote, ``(n, outputs)``.
        gradient: Samples of that gradient, once they are known.
    """

    layer: str
    features: Tensor
    seen: Seen
    align: Align | None
    thin: Callable[[Tensor], Tensor]
    outputs: Tensor | None = None
    gradient: Tensor | None = None

    def take(self, gradient: Tensor) -> None:
        """Add a gradient: of several backward passes, the sum counts.

        Args:
            gradient: What a hook of the output is given.
        """
        thin = self.thin(gradient)
        self.gradient = thin if self.gradient is None else self.gradient + thin

    def join(self, whole: Callable[[Tensor], Tensor]) -> None:
        """Put samples together that are split.

        Args:
            whole: What does it, in all processes.
        """
        self.features = whole(self.features)
        if self.gradient is not None:
            self.gradient = whole(self.gradient)
            self.outputs = None if self.outputs is None else whole(self.outputs)


@torch.no_grad()
def call_of(
    name: str, layer: nn.Module, read: Tensor | None, written: Tensor, sampler: Sampler, seen: Seen
) -> Call:
    """Keep of a call what is measured.

    What a convolution has read is kept by reference, as autograd keeps it anyway and makes sure that nothing
    writes to it; without that, and of everything else, samples are copied.

    Args:
        name: Of the layer.
        layer: The module.
        read: Its inputs.
        written: Its outputs.
        sampler: Chooses samples.
        seen: In which circumstances it was made.

    Returns:
        The call.
    """
    features = sampler.features(layer, read, written)
    if read is None or not seen.learns or not has_weight(layer):
        return Call(name, features, align=None, thin=torch.Tensor.detach, seen=seen)
    if isinstance(layer, nn.Linear):
        return Call(
            name, features, seen=seen, align=_linear, thin=sampler.rows, outputs=sampler.rows(written)
        )
    assert isinstance(layer, LINEAR)
    images = batched(layer, read.detach() if layer.weight.requires_grad else read.detach().clone())
    apart, places = sampler.stride(batched(layer, written)), sampler.places(batched(layer, written))

    def align(call: Call, weight: Tensor) -> LayerSamples:
        assert call.gradient is not None
        return patch_samples(layer, images, places, call.gradient, weight, apart)

    return Call(
        name,
        features,
        align=align,
        thin=lambda gradient: sampler.places(batched(layer, gradient)),
        seen=seen,
    )


def _linear(call: Call, weight: Tensor) -> LayerSamples:
    assert call.outputs is not None and call.gradient is not None
    return linear_samples(call.features, call.outputs, call.gradient, weight)


def each_once(calls: Iterable[Call]) -> list[Call]:
    """Leave out what gradient checkpointing computes a second time.

    Of a layer those calls count that have a gradient: the first ones, or, where those ran without a graph (as
    reentrant checkpointing does), the ones that the backward pass made. Without any gradient, as of a frozen
    layer, the first ones count.

    Args:
        calls: Of any layers.

    Returns:
        Calls in the order of the layers' first ones.
    """
    by_layer: dict[str, list[Call]] = {}
    for call in calls:
        by_layer.setdefault(call.layer, []).append(call)
    counted: list[Call] = []
    for made in by_layer.values():
        first = [call for call in made if not call.seen.again]
        counted += (
            [c for c in first if c.seen.learns]
            or [c for c in made if c.seen.again and c.seen.learns]
            or first
        )
    return counted
