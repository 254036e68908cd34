"""Rotary positions in the forms in circulation."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ._architecture import Architecture, gaussian
from .attention import STREAM, VALUES, Decoder


class Rotary(Decoder):
    """Queries and keys turn with their position; ``turn`` says which entries share a plane."""

    def __init__(self, norm: type[nn.Module] = nn.RMSNorm) -> None:
        super().__init__(norm)
        angles = torch.outer(torch.arange(5.0), torch.tensor([1.0, 0.3]))
        self.register_buffer("cos", angles.cos())
        self.register_buffer("sin", angles.sin())

    def attend(self, x: Tensor) -> Tensor:
        q, k, v = (f(x).unflatten(-1, (2, 4)).transpose(1, 2) for f in (self.q, self.k, self.v))
        attention = (self.turn(q) @ self.turn(k).mT / 2).softmax(-1)
        return self.o((attention @ v).transpose(1, 2).flatten(2))

    def turn(self, x: Tensor) -> Tensor:
        one, two = x.chunk(2, dim=-1)
        cos, sin = torch.cat([self.cos, self.cos], -1), torch.cat([self.sin, self.sin], -1)
        return x * cos + torch.cat([-two, one], dim=-1) * sin


class Interleaved(Rotary):
    """Neighbouring entries share a plane (GPT-J)."""

    def turn(self, x: Tensor) -> Tensor:
        one, two = x[..., ::2], x[..., 1::2]
        turned = [one * self.cos - two * self.sin, one * self.sin + two * self.cos]
        return torch.stack(turned, dim=-1).flatten(-2)


class Complex(Rotary):
    """Planes are complex numbers (Llama's first code)."""

    def turn(self, x: Tensor) -> Tensor:
        numbers = torch.view_as_complex(x.unflatten(-1, (-1, 2)).contiguous())
        return torch.view_as_real(numbers * torch.complex(self.cos, self.sin)).flatten(-2)


_ROTARY = {"plane rotations and scales queries · keys": 2 * 2 * 2, **VALUES, **STREAM}
ARCHITECTURES = {
    "rotary, halves": Architecture(
        Rotary,
        gaussian(5, 9),
        _ROTARY,
        groups=(
            "permutation 10, permutation 8, 2 permutation 2, sign 8, sign 2, scaling 10, 3 scaling 8, "
            "scaling 2 x2, scale_invariance 1, plane_rotation 4 x2, orthogonal 8, general_linear 4 x2"
        ),
    ),
    "rotary, interleaved": Architecture(
        Interleaved,
        gaussian(5, 9),
        _ROTARY,
        groups=(
            "permutation 10, permutation 8, 2 permutation 2, sign 8, sign 2, scaling 10, 3 scaling 8, "
            "scaling 2 x2, scale_invariance 1, plane_rotation 4 x2, orthogonal 8, general_linear 4 x2"
        ),
    ),
    "rotary, complex": Architecture(
        Complex,
        gaussian(5, 9),
        _ROTARY,
        groups=(
            "permutation 10, permutation 8, 2 permutation 2, sign 8, sign 2, scaling 10, 3 scaling 8, "
            "scaling 2 x2, scale_invariance 1, plane_rotation 4 x2, orthogonal 8, general_linear 4 x2"
        ),
    ),
}
