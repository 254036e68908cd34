"""Positions that become channels, and channels that become positions."""

from __future__ import annotations

from collections.abc import Sequence

from .._program.calls import Call, rule
from .._program.dims import Dim
from .._program.program import Program
from .._program.statements import Axes


@rule("unfold")
def windows_along(program: Program, call: Call) -> None:
    """Windows of one axis, with the places in them along a new last axis."""
    value = call["self"]
    dim, labels, within = (
        call["dimension"] % len(value.shape),
        [Dim(s) for s in value.shape],
        Dim(call["size"]),
    )
    window = Dim(call.out.shape[dim])
    target = [*labels[:dim], window, *labels[dim + 1 :], within]
    if call["step"] == call["size"]:
        source: Axes = [*labels[:dim], (window, within), *labels[dim + 1 :]]
        program.term((call.out, target), (value, source))
    else:
        pairs = [(labels[dim], window)]
        program.term((call.out, target), (value, labels), windows=pairs, ordered=[within])


def _patches(call: Call, image: Sequence[int]) -> tuple[list[Dim], list[Dim]]:
    """Labels of the patches along each axis of an image, and of the places in a patch."""
    settings = (image, *(call[name] for name in ("kernel_size", "dilation", "padding", "stride")))
    counts = [(size + 2 * p - d * (k - 1) - 1) // s + 1 for size, k, d, p, s in zip(*settings, strict=True)]
    return [Dim(count) for count in counts], [Dim(size) for size in call["kernel_size"]]


def _apart(call: Call) -> bool:
    """Whether the patches lie side by side."""
    return (
        list(call["stride"]) == list(call["kernel_size"])
        and not any(call["padding"])
        and set(call["dilation"]) == {1}
    )


@rule("im2col")
def patches(program: Program, call: Call) -> None:
    """The patches of an image, channels and places in a patch along one axis, patches along the next."""
    value = call["self"]
    *channels, height, width = (Dim(size) for size in value.shape)
    after, kernel = _patches(call, value.shape[-2:])
    target: Axes = [*channels[:-1], (channels[-1], *kernel), tuple(after)]
    if _apart(call):
        source: Axes = [*channels, *zip(after, kernel, strict=True)]
        program.term((call.out, target), (value, source))
    else:
        program.term(
            (call.out, target),
            (value, [*channels, height, width]),
            windows=[(height, after[0]), (width, after[1])],
            ordered=kernel,
            even=not any(call["padding"]),
        )


@rule("col2im")
def image(program: Program, call: Call) -> None:
    """An image made of patches; where they overlap, they add up."""
    *channels, height, width = (Dim(size) for size in call.out.shape)
    before, kernel = _patches(call, call.out.shape[-2:])
    source: Axes = [*channels[:-1], (channels[-1], *kernel), tuple(before)]
    if _apart(call):
        target: Axes = [*channels, *zip(before, kernel, strict=True)]
        program.term((call.out, target), (call["self"], source))
    else:
        program.term(
            (call.out, [*channels, height, width]),
            (call["self"], source),
            windows=[(before[0], height), (before[1], width)],
            ordered=kernel,
            even=False,
        )


@rule("pixel_shuffle")
def pixel_shuffle(program: Program, call: Call) -> None:
    """Every group of channels becomes a square of positions."""
    *channels, height, width = (Dim(size) for size in call["self"].shape)
    deep, wide = _squares(channels, Dim(call.out.shape[-3]), call["upscale_factor"], height, width)
    program.term((call.out, wide), (call["self"], deep))


@rule("pixel_unshuffle")
def pixel_unshuffle(program: Program, call: Call) -> None:
    """Every square of positions becomes a group of channels."""
    *channels, height, width = (Dim(size) for size in call.out.shape)
    deep, wide = _squares(channels, Dim(call["self"].shape[-3]), call["downscale_factor"], height, width)
    program.term((call.out, deep), (call["self"], wide))


def _squares(channels: list[Dim], channel: Dim, factor: int, height: Dim, width: Dim) -> tuple[Axes, Axes]:
    """The axes of the same entries with squares along the channels, and along the positions."""
    down, right = Dim(factor), Dim(factor)
    batch = channels[:-1]
    return [*batch, (channel, down, right), height, width], [*batch, channel, (height, down), (width, right)]


@rule("channel_shuffle", "native_channel_shuffle")
def channel_shuffle(program: Program, call: Call) -> None:
    """Channels of all groups in turn."""
    batch, _, *positions = (Dim(size) for size in call["self"].shape)
    group = Dim(call["groups"])
    channel = Dim(call["self"].shape[1] // group.size)
    source: Axes = [batch, (group, channel), *positions]
    program.term((call.out, [batch, (channel, group), *positions]), (call["self"], source))
