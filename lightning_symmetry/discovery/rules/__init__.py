"""What each operation of torch means, as statements of a program; one family of operations a file."""

from . import (
    contraction,
    convolution,
    creation,
    gating,
    loss,
    normalisation,
    pointwise,
    pooling,
    reduction,
    shape,
)

DRAWS = (creation.noise, creation.symmetric_noise, pointwise.dropout)
"""Operations whose last output is drawn at random; draws are numbered in the order in which they run."""

__all__ = [
    "DRAWS",
    "contraction",
    "convolution",
    "creation",
    "gating",
    "loss",
    "normalisation",
    "pointwise",
    "pooling",
    "reduction",
    "shape",
]
