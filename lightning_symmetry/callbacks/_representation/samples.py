"""Some samples of what a layer reads and writes, evenly spread over tokens and places of images."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

from ...functional import as_samples
from ...functional._gram import inner_products
from ...functional._legs import as_rows
from ...functional.representation.convolution import LayerSamples, convolution_samples
from .layers import LINEAR
from .split import sampled

IMAGE = 4
"""Dimensions from which on a tensor holds channels of images, if its layer does not say otherwise."""


class Sampler:
    """Takes no more samples of a tensor than there is use for.

    Args:
        mask: True for tokens that are no padding, bool tensor ``(batch, tokens)``, if some are.
        most: Samples of one tensor; of a longer batch of images, one of each image.
    """

    def __init__(self, mask: Tensor | None, most: int) -> None:
        self._mask = mask
        self._most = most

    def rows(self, tensor: Tensor) -> Tensor:
        """Take samples of features that are the last dimension.

        Args:
            tensor: ``(..., features)``.

        Returns:
            A copy ``(n, features)``, without padding where the mask fits; split along features as the tensor.
        """
        return sampled(tensor.detach(), self._rows)

    def _rows(self, tensor: Tensor) -> Tensor:
        tokens = tensor.unsqueeze(0) if tensor.ndim == 1 else tensor
        fits = self._mask is not None and tokens.ndim == 3 and self._mask.shape == tokens.shape[:-1]
        rows = as_samples(tokens, mask=self._mask if fits else None)
        return rows[:: max(1, math.ceil(len(rows) / self._most))].clone()

    def stride(self, images: Tensor) -> int:
        """Say how far apart places of images have to be.

        Args:
            images: ``(batch, channels, ...)``.

        Returns:
            The distance, along each dimension.
        """
        places = images[0, 0].numel()
        wanted = max(1, self._most // max(1, len(images)))
        ratio: float = (places / wanted) ** (1 / max(1, images.ndim - 2))
        return max(1, math.ceil(ratio - 1e-9))  # 4096 ** (1 / 3) is a little more than 16

    def places(self, images: Tensor) -> Tensor:
        """Take some places of images.

        Args:
            images: ``(batch, channels, ...)``.

        Returns:
            A copy ``(batch, channels, ...)`` with fewer places.
        """
        steps = (slice(None, None, self.stride(images)),) * (images.ndim - 2)
        return images.detach()[(slice(None), slice(None), *steps)].clone()

    def takes_rows(self, layer: nn.Module, written: Tensor) -> bool:
        """Say whether the features of a layer are the last dimension of a tensor.

        Args:
            layer: The module.
            written: Its outputs.

        Returns:
            False for images.
        """
        return isinstance(layer, nn.Linear) or not (isinstance(layer, LINEAR) or written.ndim >= IMAGE)

    def features(self, layer: nn.Module, read: Tensor | None, written: Tensor) -> Tensor:
        """Take samples of what a linear layer or a convolution reads, or what another module writes.

        Args:
            layer: The module.
            read: Its inputs.
            written: Its outputs.

        Returns:
            Tensor ``(n, features)``.
        """
        is_linear = isinstance(layer, LINEAR)
        seen = read if is_linear and read is not None else written
        if self.takes_rows(layer, written):
            return self.rows(seen)
        return as_samples(self.places(batched(layer, seen) if is_linear else seen), dim=1)


def batched(layer: nn.Module, images: Tensor) -> Tensor:
    """Give a single image, as a convolution may be called with, the dimension of a batch.

    Args:
        layer: The convolution.
        images: One or many.

    Returns:
        ``(batch, channels, ...)``.
    """
    assert isinstance(layer.weight, Tensor)
    return images if images.ndim == layer.weight.ndim else images.unsqueeze(0)


def has_weight(layer: nn.Module) -> bool:
    """Whether samples can be compared with the weights of a layer.

    A parametrized weight is computed anew whenever it is read, some with a side effect: it is left alone.

    Args:
        layer: Any module.

    Returns:
        True for linear layers and convolutions whose weight is a parameter.
    """
    return isinstance(layer, LINEAR) and not is_parametrized(layer, "weight")


def linear_samples(inputs: Tensor, outputs: Tensor, gradients: Tensor, weight: Tensor) -> LayerSamples:
    """Lay out the samples of a linear layer, with the gradient that reaches its inputs through itself.

    Args:
        inputs: ``(n, k_a)``.
        outputs: ``(n, k_b)``.
        gradients: Those of the outputs.
        weight: ``(k_b, k_a)``.

    Returns:
        All of them, gradients in float32 or better.
    """
    rows = as_rows(gradients, "gradients")
    through = inner_products(rows, weight.to(rows.dtype).mT)
    return LayerSamples(inputs, through, outputs, rows, weight)


def patch_samples(
    layer: nn.Module, inputs: Tensor, outputs: Tensor, gradients: Tensor, weight: Tensor, apart: int
) -> LayerSamples:
    """Lay out the samples of a convolution at some of the places that it writes.

    Args:
        layer: The convolution.
        inputs: Images.
        outputs: What it wrote at these places.
        gradients: Those of the outputs.
        weight: Its weight.
        apart: Distance of the places.

    Returns:
        A linear layer for each group.
    """
    assert isinstance(layer, (nn.Conv1d, nn.Conv2d, nn.Conv3d))
    return convolution_samples(
        inputs.to(torch.promote_types(inputs.dtype, torch.float32)),
        outputs,
        gradients,
        weight,
        stride=tuple(step * apart for step in layer.stride),
        padding=layer.padding,  # type: ignore[arg-type]
        dilation=layer.dilation,
        groups=layer.groups,
        padding_mode=layer.padding_mode,
    )
