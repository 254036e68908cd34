"""Operations that move positions leave channels alone; those that mix them with channels say how."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightning_symmetry.discovery import find_symmetries

from .claims import Case, assert_complete, assert_found, gaussian


class Image(nn.Module):
    """A function of images between two pointwise convolutions."""

    def __init__(self, middle: Callable[[Tensor], Tensor], relu: bool) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)
        self.relu, self.middle = nn.ReLU() if relu else nn.Identity(), middle

    def forward(self, x: Tensor) -> Tensor:
        return self.b(self.middle(self.relu(self.a(x))))


def fold(h: Tensor, size: int, **settings: int) -> Tensor:
    return F.fold(F.unfold(h, size, **settings), h.shape[2:], size, **settings)


def grid(h: Tensor, **settings: str) -> Tensor:
    maps = torch.tensor([[0.7, 0.2, 0.1], [-0.3, 0.8, 0.2]], dtype=h.dtype).expand(len(h), 2, 3)
    points = F.affine_grid(maps, [len(h), 3, 4, 4], align_corners=False)
    return F.grid_sample(h, points, align_corners=False, **settings)


def cross(h: Tensor) -> Tensor:
    up, right = torch.meshgrid(torch.arange(4.0), torch.arange(4.0), indexing="ij")
    return h * (1 + up + 2 * right).to(h)


KEEP_CONSTANTS = {
    "lower diagonal": lambda h: h.diagonal(-1, dim1=2, dim2=3).unsqueeze(3),
    "diagonal": lambda h: h.diagonal(dim1=2, dim2=3).unsqueeze(3),
    "roll": lambda h: h.roll((1, 2), (2, 3)),
    "flip": lambda h: h.flip(3),
    "rot90": lambda h: h[..., :3].rot90(1, (2, 3)),
    "half a turn": lambda h: h.rot90(2, (2, 3)),
    "reflection": lambda h: F.pad(h, (1, 0, 2, 1), mode="reflect"),
    "replication": lambda h: F.pad(h, (1, 0, 2, 1), mode="replicate"),
    "steps": lambda h: h[:, :, ::2, 1::2],
    "range": lambda h: h[:, :, 1:3],
    "mirrored": lambda h: 0.5 * h + 0.5 * h.flip(2),
    "token shift": lambda h: 0.75 * h[:, :, 1:] + 0.25 * h[:, :, :-1],
    "narrow, moved": lambda h: h.narrow(2, 1, 3).movedim(2, 3).swapaxes(2, 3),
    "stacked": lambda h: torch.cat([h, h.flip(2)], 2),
    "chunks": lambda h: torch.cat(h.chunk(4, 3)[::-1], 3),
    "repeat": lambda h: h.repeat(1, 1, 2, 3),
    "repeat, interleaved": lambda h: h.repeat_interleave(2, 2),
    "patches apart": lambda h: fold(h, 2, stride=2),
    "windows apart": lambda h: h.unfold(2, 2, 2).unfold(3, 2, 2)[..., 0, 1],
    "windows": lambda h: h.unfold(2, 3, 1)[..., 0],
    "nearest": lambda h: F.interpolate(h, scale_factor=2),
    "nearest, exact": lambda h: F.interpolate(h, size=3, mode="nearest-exact"),
    "bilinear": lambda h: F.interpolate(h, size=5, mode="bilinear"),
    "bilinear, antialiased": lambda h: F.interpolate(h, size=3, mode="bilinear", antialias=True),
    "bicubic": lambda h: F.interpolate(h, scale_factor=2, mode="bicubic"),
    "bicubic, antialiased": lambda h: F.interpolate(h, size=3, mode="bicubic", antialias=True),
    "adaptive mean": lambda h: F.adaptive_avg_pool2d(h, 3),
    "mean of what is there": lambda h: F.avg_pool2d(h, 3, 2, 1, count_include_pad=False),
    "grid, clamped": lambda h: grid(h, padding_mode="border"),
}
MIX_IN_ZEROS = {
    "zero padding": lambda h: F.pad(h, (1, 1, 0, 1)),
    "crop and pad": lambda h: F.pad(h, (0, 0, 1, -1)),
    "token shift and itself": lambda h: h + 2 * F.pad(h, (0, 0, 1, -1)),
    "patches that overlap": lambda h: fold(h, 3, padding=1),
    "padded mean": lambda h: F.avg_pool2d(h, 3, 2, 1),
    "grid": grid,
    "running sum": lambda h: h.cumsum(2),
    "lower triangle": torch.tril,
    "laid along a diagonal": lambda h: h[..., 1].diag_embed(1),
    "plane": cross,
}
PICK_THE_LARGEST = {
    "maximum": lambda h: F.max_pool2d(h, 2),
    "adaptive maximum": lambda h: F.adaptive_max_pool2d(h, 3),
    "maximum along a line": lambda h: F.max_pool1d(h[:, :, 1], 3, 2, 1).unsqueeze(3),
}


def case(middle: Callable[[Tensor], Tensor], expected: str, nullity: int, relu: bool = False) -> Case:
    return Case(lambda: Image(middle, relu), gaussian(3, 4, 4), expected, nullity, outputs=8, batch=3)


PERMUTED = "permutation 3: a.weight a.bias b.weight\n"
SCALED = "positive_scaling 3: a.weight a.bias b.weight^-1\n"
SHIFTED = "translation 3: a.bias b.bias^-1\n"
MIXED = "general_linear 3: a.weight a.bias b.weight^-1\n"


@pytest.mark.parametrize("middle", [*KEEP_CONSTANTS.values()], ids=KEEP_CONSTANTS)
def test_what_moves_positions_is_linear_in_the_channels_and_keeps_constants(middle):
    linear = case(middle, MIXED + SHIFTED, 12)
    assert_found(linear)
    assert_complete(linear)
    assert_found(case(middle, PERMUTED + SCALED, 3, relu=True))


@pytest.mark.parametrize("middle", [*MIX_IN_ZEROS.values()], ids=MIX_IN_ZEROS)
def test_zeros_among_positions_show_a_shift(middle):
    linear = case(middle, MIXED, 9)
    assert_found(linear)
    assert_complete(linear)
    assert_found(case(middle, PERMUTED + SCALED, 3, relu=True))


@pytest.mark.parametrize("middle", [*PICK_THE_LARGEST.values()], ids=PICK_THE_LARGEST)
def test_the_largest_of_a_window_follows_a_shift(middle):
    pooled = case(middle, PERMUTED + SCALED + SHIFTED, 6)
    assert_found(pooled)
    assert_complete(pooled)


def test_random_windows_move_along_with_the_channels():
    def pooled(h: Tensor) -> Tensor:
        return F.fractional_max_pool2d(h, 2, output_size=(3, 2))

    assert_found(case(pooled, PERMUTED + SCALED + SHIFTED, 6))


def test_pooling_and_unpooling_go_by_the_same_places():
    def there_and_back(h: Tensor) -> Tensor:
        return F.max_unpool2d(*F.max_pool2d(h, 2, return_indices=True), 2)

    unpooled = case(there_and_back, PERMUTED + SCALED, 3)
    assert_found(unpooled)
    assert_complete(unpooled)


NONLINEAR = {
    "running product": (lambda h: h.cumprod(2), PERMUTED),
    "running log of sums": (lambda h: h.logcumsumexp(3), PERMUTED),
    "running maximum": (lambda h: h.cummax(3).values, PERMUTED + SCALED),
    "padding with ones": (lambda h: F.pad(h, (1, 0), value=1.0), PERMUTED),
    "power means": (lambda h: F.lp_pool2d(h, 2, 2), PERMUTED + SCALED + "sign 3: a.weight a.bias\n"),
}


@pytest.mark.parametrize(("middle", "expected"), NONLINEAR.values(), ids=NONLINEAR)
def test_what_is_not_linear_leaves_channels_apart(middle, expected):
    assert_found(Case(lambda: Image(middle, relu=False), gaussian(3, 4, 4), expected))


class Tokens(nn.Module):
    """Tokens that see the one before them."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.mix, self.b = nn.Linear(3, 4), nn.Parameter(torch.rand(4)), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        h = self.a(x)
        return self.b((self.mix * h + (1 - self.mix) * h.roll(1, 1)).relu())


def test_a_token_shift_ties_the_channels_of_neighbours():
    shifted = Case(
        Tokens,
        gaussian(6, 3),
        "permutation 4: a.weight a.bias mix b.weight\npositive_scaling 4: a.weight a.bias b.weight^-1",
        nullity=4,
        outputs=18,
    )
    assert_found(shifted)
    assert_complete(shifted)


class Windows(nn.Module):
    """Swin's windows of 2 × 2, shifted by one, with a linear layer over the positions of each."""

    def __init__(self) -> None:
        super().__init__()
        self.enter, self.within, self.leave = nn.Linear(3, 4), nn.Linear(4, 4, False), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.enter(x).roll((-1, -1), (1, 2))
        n, h, w, c = x.shape
        x = x.view(n, h // 2, 2, w // 2, 2, c).transpose(2, 3).reshape(-1, 4, c)
        x = self.within(x.mT).mT.relu()
        x = x.view(n, h // 2, w // 2, 2, 2, c).transpose(2, 3).reshape(n, h, w, c)
        return self.leave(x.roll((1, 1), (1, 2)))


def test_windows_keep_channels_apart_from_their_positions():
    windows = Case(
        Windows,
        gaussian(4, 4, 3),
        """
        permutation 4: enter.weight enter.bias leave.weight
        positive_scaling 4: enter.weight enter.bias leave.weight^-1
        positive_scaling 1: within.weight leave.weight^-1
        sign 1: enter.weight enter.bias within.weight
        """,
        nullity=5,
        outputs=48,
    )
    assert_found(windows)
    assert_complete(windows)


def test_a_long_axis_of_data_is_not_taken_apart():
    shifted = Case(
        lambda: Image(lambda h: h[..., 1:] + h[..., :-1], relu=True), gaussian(3, 1, 3000), PERMUTED + SCALED
    )
    model = shifted.model()
    assert len(find_symmetries(model, *shifted.data(1))) == 2
