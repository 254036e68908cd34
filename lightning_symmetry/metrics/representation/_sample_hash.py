"""A number for each sample that depends on its features alone: a draw that every process repeats."""

from functools import lru_cache

import torch
from torch import Tensor

from lightning_symmetry.functional.representation._pair import wide

_STREAM = 0x2B0B5EED


def sample_hash(a: Tensor, b: Tensor, seed: int) -> Tensor:
    """Hash the bits of all features of each sample.

    A multilinear hash (Carter & Wegman 1979) with seeded weights, modulo 2⁶⁴, and a finaliser that spreads
    what its low bits hold (Steele et al., "SplitMix", 2014).

    Args:
        a: float32 or float64 tensor ``(n, d_a)``.
        b: float32 or float64 tensor ``(n, d_b)``.
        seed: of the weights.

    Returns:
        float64 tensor ``(n,)``, as good as uniform on [0, 1).
    """
    total = _products(a, seed, 0) + _products(b, seed, 1)
    total = (total ^ (total >> 30)) * 0x3F58476D1CE4E5B9
    total = (total ^ (total >> 27)) * 0x14D049BB133111EB
    return wide((total ^ (total >> 31)) & (2**53 - 1)) / 2**53


def _products(rows: Tensor, seed: int, side: int) -> Tensor:
    bits = rows.contiguous().view(torch.int32 if rows.dtype == torch.float32 else torch.int64)
    return (bits * _weights(rows.shape[-1], seed, side, rows.device)).sum(dim=-1)


@lru_cache(maxsize=64)
def _weights(width: int, seed: int, side: int, device: torch.device) -> Tensor:
    # drawn on the CPU, so that every device and every process has the same
    generator = torch.Generator().manual_seed(_STREAM + 2 * seed + side)
    return torch.randint(-(2**62), 2**62, (width,), generator=generator).to(device) * 2 + 1
