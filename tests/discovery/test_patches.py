"""Positions that become channels, and channels that become positions."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .claims import Case, assert_complete, assert_found, assert_proved, gaussian


def leaky(x: Tensor) -> Tensor:
    """Never dead and never linear."""
    return F.leaky_relu(x, 0.2)


class UNet(nn.Module):
    """Down by pixel unshuffling, up by pixel shuffling and by interpolation, with a skip."""

    def __init__(self) -> None:
        super().__init__()
        self.enter, self.down = nn.Conv2d(2, 3, 1), nn.Conv2d(12, 5, 1)
        self.up, self.leave = nn.Conv2d(5, 8, 1), nn.Conv2d(10, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        high = leaky(self.enter(x))
        low = leaky(self.down(F.pixel_unshuffle(high, 2)))
        sharp = F.pixel_shuffle(leaky(self.up(low)), 2)
        smooth = F.interpolate(low, scale_factor=2, mode="bilinear")
        return self.leave(torch.cat([high, sharp, smooth], 1))


class Shuffle(nn.Module):
    """A channel shuffle between a dense and a grouped convolution, as an operation or by hand."""

    def __init__(self, channels: int, groups: int, shuffled: int, by_hand: bool = True) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(3, channels, 1), nn.Conv2d(channels, channels, 1, groups=groups)
        self.head, self.groups, self.by_hand = nn.Conv2d(channels, 3, 1), shuffled, by_hand

    def forward(self, x: Tensor) -> Tensor:
        x = leaky(self.a(x))
        if self.by_hand:
            x = x.unflatten(1, (self.groups, -1)).transpose(1, 2).flatten(1, 2)
        else:
            x = F.channel_shuffle(x, self.groups)
        return self.head(leaky(self.b(x)))


class Patches(nn.Module):
    """A vision transformer's first layer, by unfolding."""

    def __init__(self) -> None:
        super().__init__()
        self.enter, self.leave = nn.Linear(12, 4), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        patches = x.unfold(2, 2, 2).unfold(3, 2, 2).permute(0, 2, 3, 1, 4, 5).flatten(3)
        return self.leave(leaky(self.enter(patches)))


CASES = {
    "U-Net": Case(
        UNet,
        gaussian(2, 4, 4),
        """
        permutation 3: enter.weight enter.bias down.weight leave.weight
        permutation 5: down.weight down.bias up.weight leave.weight@0,5,0,0
        permutation 2: up.weight up.bias leave.weight@0,3,0,0
        positive_scaling 3: enter.weight enter.bias down.weight^-1 leave.weight^-1
        positive_scaling 5: down.weight down.bias up.weight^-1 leave.weight@0,5,0,0^-1
        positive_scaling 2: up.weight up.bias leave.weight@0,3,0,0^-1
        """,
        nullity=10,
        outputs=48,
        batch=3,
    ),
    "patches": Case(
        Patches,
        gaussian(3, 4, 4),
        """
        permutation 4: enter.weight enter.bias leave.weight
        positive_scaling 4: enter.weight enter.bias leave.weight^-1
        """,
        nullity=4,
        outputs=12,
        batch=3,
    ),
    "shuffle": Case(
        lambda: Shuffle(4, 2, 2, by_hand=False),
        gaussian(3, 3, 3),
        """
        permutation 2: a.weight a.bias b.weight b.bias head.weight
        permutation 2 x2: a.weight a.bias b.weight
        permutation 2 x2: b.weight b.bias head.weight
        positive_scaling 2 x2: a.weight a.bias b.weight^-1
        positive_scaling 2 x2: b.weight b.bias head.weight^-1
        """,
        nullity=8,
        outputs=27,
    ),
    "shuffle of 2 × 3 before 3 × 2": Case(
        lambda: Shuffle(6, 3, 2),
        gaussian(3, 3, 3),
        """
        permutation 2 x3: a.weight a.bias b.weight
        permutation 3: a.weight a.bias b.weight b.bias head.weight
        permutation 2 x3: b.weight b.bias head.weight
        positive_scaling 3 x2: a.weight a.bias b.weight^-1
        positive_scaling 3 x2: b.weight b.bias head.weight^-1
        """,
        nullity=12,
        outputs=27,
        seed=1,
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_exactly_the_expected_symmetries_are_found(case):
    assert_found(case)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_no_direction_is_missing(case):
    assert_complete(case)


@pytest.mark.parametrize(("channels", "groups", "seed"), [(6, 2, 2), (12, 3, 1)])
def test_groups_of_channels_that_cross_each_other_keep_a_scale_for_each(channels, groups, seed):
    crossed = Case(lambda: Shuffle(channels, groups, groups), gaussian(3, 3, 3), "", outputs=27, seed=seed)
    model = crossed.model()
    symmetries, data = crossed.find(model), crossed.data(40)
    assert_proved(symmetries, model, *data)
    result = symmetries.completeness(model, data)
    assert result.rank == result.nullity == 2 * channels
    assert result.leak < 1e-10
