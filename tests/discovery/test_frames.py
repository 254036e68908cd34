"""Matrix groups that see a space through gains, and what keeps them from acting."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from lightning_symmetry import find_symmetries

from .claims import assert_proved


class Stream(nn.Module):
    """A residual stream of five features read through norms only."""

    def __init__(self, norm: type[nn.Module], *, tied: bool = False, scale: bool = False) -> None:
        super().__init__()
        self.embed, self.norm1, self.norm2 = nn.Linear(6, 5, bias=False), norm(5), norm(5)
        self.up, self.down = nn.Linear(5, 7, bias=False), nn.Linear(7, 5, bias=False)
        self.head = None if tied else nn.Linear(5, 6)
        self.scale = nn.Parameter(torch.randn(5)) if scale else None

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x)
        h = self.down(functional.gelu(self.up(self.norm1(x))))
        x = x + (h if self.scale is None else self.scale * h)
        y = self.norm2(x)
        return self.head(y) if self.head is not None else functional.linear(y, self.embed.weight.T)


class PlusOne(nn.RMSNorm):
    """Gains of one plus a weight."""

    def forward(self, x: Tensor) -> Tensor:
        return functional.rms_norm(x, self.normalized_shape) * (1 + self.weight)


def plain(width: int) -> nn.Module:
    return nn.RMSNorm(width, elementwise_affine=False)


def orthogonal(model: nn.Module) -> list[tuple[int, int]]:
    """Size and dimension of the orthogonal groups, all symmetries being proved."""
    torch.manual_seed(1)
    model = model.double()
    symmetries = find_symmetries(model, torch.zeros(2, 6, dtype=torch.float64))
    assert_proved(symmetries, model, torch.randn(7, 6, dtype=torch.float64))
    return [(s.size, s.dimension) for s in symmetries if s.group == "orthogonal"]


@pytest.mark.parametrize(
    ("norm", "expected"),
    [(nn.RMSNorm, [(5, 10)]), (plain, [(5, 10)]), (PlusOne, [(5, 10)]), (nn.LayerNorm, [(4, 6)])],
)
@pytest.mark.parametrize("scale", [False, True])
def test_a_stream_behind_norms_may_be_rotated(norm, expected, scale):
    assert orthogonal(Stream(norm, scale=scale)) == expected


@pytest.mark.parametrize(("norm", "expected"), [(nn.RMSNorm, []), (plain, [(5, 10)])])
def test_tied_weights_see_the_stream_from_both_sides_of_a_gain(norm, expected):
    assert orthogonal(Stream(norm, tied=True)) == expected


def test_a_feature_that_is_read_alone_stays_while_the_others_may_be_rotated():
    class Picked(Stream):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return super().forward(x), self.embed(x)[:, 0]

    assert orthogonal(Picked(nn.RMSNorm)) == [(4, 6)]


def test_a_gain_of_one_plus_a_weight_is_scaled_about_minus_one():
    torch.manual_seed(0)
    model = Stream(PlusOne).double()
    symmetries = find_symmetries(model, torch.zeros(2, 6, dtype=torch.float64))
    (scaling,) = [s for s in symmetries if s.name == "norm1.scaling"]
    params = dict(model.named_parameters())
    moved = scaling.act(params, torch.full((1, 5), 2.0, dtype=torch.float64))
    torch.testing.assert_close(1 + moved["norm1.weight"], 2 * (1 + params["norm1.weight"]))
    torch.testing.assert_close(moved["up.weight"], params["up.weight"] / 2)


class Turned(nn.Module):
    """Queries and keys in planes that are turned by angles of the position."""

    def __init__(self, same: bool) -> None:
        super().__init__()
        self.q, self.k, self.same = nn.Linear(5, 4, bias=False), nn.Linear(5, 4, bias=False), same

    def turn(self, x: Tensor) -> Tensor:
        angle = torch.arange(x.shape[1]).unsqueeze(-1) * torch.tensor([1.0, 0.1])
        other = angle if self.same else 2 * angle
        cos, sin = torch.cat([angle, other], -1).cos().to(x), torch.cat([angle, other], -1).sin().to(x)
        one, two = x.chunk(2, -1)
        return x * cos + torch.cat([-two, one], -1) * sin

    def forward(self, x: Tensor) -> Tensor:
        return (self.turn(self.q(x)) @ self.turn(self.k(x)).mT).softmax(-1)


@pytest.mark.parametrize(("same", "expected"), [(True, [(4, 2)]), (False, [])])
def test_planes_turn_if_both_halves_turn_by_the_same_angle(same, expected):
    torch.manual_seed(0)
    model = Turned(same).double()
    symmetries = find_symmetries(model, torch.zeros(2, 3, 5, dtype=torch.float64))
    assert_proved(symmetries, model, torch.randn(7, 3, 5, dtype=torch.float64))
    assert [(s.size, s.dimension) for s in symmetries if s.group == "plane_rotation"] == expected
