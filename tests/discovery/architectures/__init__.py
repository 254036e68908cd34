"""Tiny versions of known architectures, whose symmetries were counted by hand."""

from __future__ import annotations

from . import (
    attention,
    convolution,
    cross,
    dense,
    experts,
    factors,
    generative,
    graphs,
    language,
    linear_attention,
    mobile,
    positions,
    queries,
    recurrent,
    shared,
    speech,
    state_space,
    unet,
    vision,
    windows,
)
from ._architecture import Architecture

FAMILIES = (
    dense,
    factors,
    shared,
    attention,
    positions,
    queries,
    language,
    cross,
    vision,
    windows,
    convolution,
    mobile,
    unet,
    generative,
    recurrent,
    state_space,
    linear_attention,
    experts,
    speech,
    graphs,
)
ARCHITECTURES: dict[str, Architecture] = {
    name: architecture for family in FAMILIES for name, architecture in family.ARCHITECTURES.items()
}

__all__ = ["ARCHITECTURES", "Architecture"]
