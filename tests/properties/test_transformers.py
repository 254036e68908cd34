"""Transformers put together at random: every symmetry holds, and none is missing."""

from __future__ import annotations

import math

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from lightning_symmetry.discovery import find_symmetries

WIDTH, HEADS, LENGTH = 8, 2, 5


class WrittenOut(nn.Module):
    """A root mean square norm written by hand, with or without a gain."""

    def __init__(self, width: int, gain: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width)) if gain else None

    def forward(self, x: Tensor) -> Tensor:
        x = x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)
        return x if self.weight is None else self.weight * x


def without_shift(width: int) -> nn.Module:
    return nn.LayerNorm(width, bias=False)


def without_gain(width: int) -> nn.Module:
    return nn.LayerNorm(width, elementwise_affine=False)


NORMS = {
    "layer": nn.LayerNorm,
    "layer, no shift": without_shift,
    "layer, no gain": without_gain,
    "root mean square": nn.RMSNorm,
    "by hand": WrittenOut,
}


def rotated(x: Tensor, halves: bool) -> Tensor:
    """Turn halves or neighbours by angles of the position."""
    planes = torch.logspace(0, -2, x.shape[-1] // 2)
    angle = torch.arange(x.shape[-2]).unsqueeze(-1) * planes
    cos, sin = angle.cos().to(x), angle.sin().to(x)
    one, two = x.chunk(2, -1) if halves else (x[..., ::2], x[..., 1::2])
    turned = (one * cos - two * sin, one * sin + two * cos)
    return torch.cat(turned, -1) if halves else torch.stack(turned, -1).flatten(-2)


class Attention(nn.Module):
    """Self-attention in one of its many forms."""

    def __init__(self, form: dict[str, object]) -> None:
        super().__init__()
        self.form, self.kv = form, 1 if form["grouped"] else HEADS
        inner = self.kv * WIDTH // HEADS
        self.q = nn.Linear(WIDTH, WIDTH, bias=bool(form["bias"]))
        self.kv_ = nn.Linear(WIDTH, 2 * inner, bias=bool(form["bias"]))
        self.o = nn.Linear(WIDTH, WIDTH, bias=bool(form["bias"]))
        self.norm = WrittenOut(WIDTH // HEADS, gain=False) if form["normed"] else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        k, v = self.kv_(x).chunk(2, -1)
        q, k, v = (t.unflatten(-1, (-1, WIDTH // HEADS)).transpose(1, 2) for t in (self.q(x), k, v))
        q, k = self.norm(q), self.norm(k)
        if self.form["rotary"]:
            q, k = (rotated(t, self.form["rotary"] == "halves") for t in (q, k))
        if self.form["fused"]:
            y = functional.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=self.kv < HEADS)
        else:
            k, v = (t.repeat_interleave(HEADS // self.kv, 1) for t in (k, v))
            later = torch.ones(LENGTH, LENGTH, dtype=torch.bool).triu(1)
            scores = (q @ k.mT / math.sqrt(q.shape[-1])).masked_fill(later, float("-inf"))
            y = scores.softmax(-1) @ v
        return self.o(y.transpose(1, 2).flatten(2))


class Gated(nn.Module):
    """An MLP with a gate."""

    def __init__(self, bias: bool) -> None:
        super().__init__()
        self.gate, self.up = nn.Linear(WIDTH, 10, bias=bias), nn.Linear(WIDTH, 10, bias=False)
        self.down = nn.Linear(10, WIDTH, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(functional.silu(self.gate(x)) * self.up(x))


class Transformer(nn.Module):
    """One block, pre-norm, between an embedding and a head."""

    def __init__(self, form: dict[str, object]) -> None:
        super().__init__()
        norm, bias = NORMS[str(form["norm"])], bool(form["bias"])
        self.embed, self.head = nn.Linear(9, WIDTH, bias=bias), nn.Linear(WIDTH, 9, bias=bias)
        self.norm1, self.norm2, self.norm3 = norm(WIDTH), norm(WIDTH), norm(WIDTH)
        self.attention = Attention(form)
        self.mlp = (
            Gated(bias)
            if form["gated"]
            else nn.Sequential(nn.Linear(WIDTH, 12, bias=bias), nn.GELU(), nn.Linear(12, WIDTH, bias=bias))
        )
        self.scale = nn.Parameter(torch.ones(WIDTH)) if form["scaled"] else None

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x)
        h = self.attention(self.norm1(x))
        x = x + (h if self.scale is None else self.scale * h)
        x = x + self.mlp(self.norm2(x))
        return self.head(self.norm3(x))


@st.composite
def forms(draw) -> dict[str, object]:
    """A form; readers without biases behind a norm with shifts shear, which no group here describes."""
    norm = draw(st.sampled_from(sorted(NORMS)))
    bias = True if norm == "layer" else draw(st.booleans())
    flags = {name: draw(st.booleans()) for name in ("grouped", "normed", "fused", "scaled")}
    gated = False if norm == "layer" else draw(st.booleans())
    rotary = draw(st.sampled_from(["", "halves", "neighbours"]))
    return {"norm": norm, "bias": bias, "gated": gated, "rotary": rotary, **flags}


@settings(deadline=None, derandomize=True, max_examples=15)
@given(forms())
def test_a_random_transformer_has_the_symmetries_that_are_found_and_no_more(form):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = Transformer(form).double()
        with torch.no_grad():
            for parameter in model.parameters():  # gains and biases at 1 and 0 are special
                parameter += 0.3 * torch.randn_like(parameter)
        x = torch.randn(20, LENGTH, 9, dtype=torch.float64)
    symmetries = find_symmetries(model, x)
    errors = symmetries.errors(model, x[:3])
    assert {name: error for name, error in errors.items() if not error < 1e-9} == {}
    result = symmetries.completeness(model, x)
    assert (result.rank, result.leak < 1e-10) == (result.nullity, True)
    assert result.gap > 1e5
