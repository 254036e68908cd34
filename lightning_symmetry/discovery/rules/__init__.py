"""What each operation of torch means, as statements of a program; one family of operations a file."""

from . import contraction, convolution, creation, loss, normalisation, pointwise, pooling, reduction, shape

__all__ = [
    "contraction",
    "convolution",
    "creation",
    "loss",
    "normalisation",
    "pointwise",
    "pooling",
    "reduction",
    "shape",
]
