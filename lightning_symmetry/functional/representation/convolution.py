"""A convolution as a linear layer: what it reads are patches, and every place of its output is a sample."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from lightning_symmetry.functional._check import check
from lightning_symmetry.functional._gram import inner_products
from lightning_symmetry.functional._legs import as_rows

PaddingMode = Literal["zeros", "reflect", "replicate", "circular"]


class LayerSamples(NamedTuple):
    """Samples of a layer h_b = W h_a, as :func:`~lightning_symmetry.functional.layer_matrices` takes them.

    Attributes:
        inputs: h_a, tensor ``(..., n, k_a)``.
        input_gradients: g_a, of the same shape.
        outputs: h_b, tensor ``(..., n, k_b)``.
        output_gradients: g_b, of the same shape.
        weight: W, tensor ``(..., k_b, k_a)``.
    """

    inputs: Tensor
    input_gradients: Tensor
    outputs: Tensor
    output_gradients: Tensor
    weight: Tensor


def convolution_samples(
    inputs: Tensor,
    outputs: Tensor,
    output_gradients: Tensor,
    weight: Tensor,
    *,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] | Literal["same", "valid"] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
    padding_mode: PaddingMode = "zeros",
) -> LayerSamples:
    r"""Lay out a convolution in one, two or three dimensions as a linear layer of patches.

    .. math:: h_b(x) = W\, h_a(x), \qquad g_a(x) = W^\top g_b(x)

    :math:`h_a(x)` is the patch of :math:`C_\text{in} k_1 k_2 / \text{groups}` numbers that the output at x
    reads; its gradient is the one through that output alone, without those of the overlapping patches. Each
    group is a copy, a linear layer of its own. The patches take :math:`k_1 k_2` times the memory of the
    inputs at stride 1: pass part of a batch if that is too much.

    Args:
        inputs: tensor ``(batch, channels, ...)``.
        outputs: tensor ``(batch, channels, ...)``.
        output_gradients: gradient of the loss with respect to the outputs.
        weight: that of the layer, ``(out, in / groups, ...)``.
        stride: as in :class:`torch.nn.Conv2d`.
        padding: as in :class:`torch.nn.Conv2d`.
        dilation: as in :class:`torch.nn.Conv2d`.
        groups: as in :class:`torch.nn.Conv2d`.
        padding_mode: as in :class:`torch.nn.Conv2d`.

    Returns:
        Tensors ``(groups, n, k)`` and the weight ``(groups, k_b, k_a)``, float32 or better.

    Raises:
        ValueError: if a tensor is not real, or the shapes are not those of such a convolution.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import convolution_samples
        >>> layer, images = torch.nn.Conv2d(4, 6, 3, stride=2, groups=2), torch.randn(5, 4, 9, 9)
        >>> outputs = layer(images)
        >>> samples = convolution_samples(images, outputs, outputs, layer.weight, stride=2, groups=2)
        >>> samples.inputs.shape, samples.outputs.shape
        (torch.Size([2, 80, 18]), torch.Size([2, 80, 3]))
    """
    kernel = as_rows(weight, "weight")
    sizes = kernel.shape[2:]
    images = as_rows(inputs, "inputs")
    check(1 <= len(sizes) <= 3, "weight", "have one to three dimensions of space", tuple(kernel.shape))
    check(images.ndim == kernel.ndim, "inputs", f"have {kernel.ndim} dimensions", tuple(images.shape))
    channels = groups * kernel.shape[1]
    check(images.shape[1] == channels, "inputs", f"have {channels} channels", tuple(images.shape))
    steps, spread = _each(stride, sizes), _each(dilation, sizes)
    mode = "constant" if padding_mode == "zeros" else padding_mode
    images = functional.pad(images, _padding(padding, sizes, spread), mode=mode)
    for axis, (size, step, apart) in enumerate(zip(sizes, steps, spread, strict=True), start=2):
        images = images.unfold(axis, apart * (size - 1) + 1, step)[..., ::apart]
    places = tuple(images.shape[2 : 2 + len(sizes)])
    patches = images.view(images.shape[0], groups, kernel.shape[1], *images.shape[2:]).movedim(
        2, 2 + len(sizes)
    )
    patches = patches.movedim(1, 0).flatten(start_dim=-len(sizes) - 1).flatten(start_dim=1, end_dim=-2)
    shape = (inputs.shape[0], kernel.shape[0], *places)
    width, rows = kernel.shape[0] // groups, []
    for tensor, name in ((outputs, "outputs"), (output_gradients, "output_gradients")):
        check(tuple(tensor.shape) == shape, name, f"have shape {shape}", tuple(tensor.shape))
        grouped = as_rows(tensor, name).reshape(shape[0], groups, width, *places).movedim(2, -1).movedim(1, 0)
        rows.append(grouped.flatten(start_dim=1, end_dim=-2))
    matrix = kernel.reshape(groups, width, patches.shape[-1])
    return LayerSamples(patches, inner_products(rows[1], matrix.mT), rows[0], rows[1], matrix)


def _each(value: int | Sequence[int], sizes: torch.Size) -> list[int]:
    return [value] * len(sizes) if isinstance(value, int) else list(value)


def _padding(
    padding: int | Sequence[int] | Literal["same", "valid"], sizes: torch.Size, spread: list[int]
) -> list[int]:
    """How much to add before and after each dimension, the last one first, as `pad` takes it."""
    if padding == "valid":
        padding = 0
    if padding == "same":
        both = [apart * (size - 1) for size, apart in zip(sizes, spread, strict=True)]
        ends = [(total // 2, total - total // 2) for total in both]
    else:
        assert not isinstance(padding, str)
        ends = [(amount, amount) for amount in _each(padding, sizes)]
    return [amount for pair in reversed(ends) for amount in pair]
