"""Random tensors that depend on a seed and a name, and on nothing else."""

import hashlib

import torch
from torch import Tensor


def seeded_key(seed: int, name: str, bits: int) -> int:
    """Mix a seed and a name into one integer that is the same in every process.

    Args:
        seed: Integer seed.
        name: Any text.
        bits: Size of the result, up to 64.

    Returns:
        An integer from 0 up to ``2 ** bits - 1``.

    Example:
        >>> seeded_key(0, "weight", bits=8)
        122
    """
    digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
    return int.from_bytes(digest[:8], "little") >> (64 - bits)


def seeded_normal(shape: torch.Size, seed: int, name: str) -> Tensor:
    """Draw standard normal noise that is the same in every process, on every device and on every rank.

    The seed and the name are mixed by SHA-256: Python's own ``hash`` of a string differs from process to
    process. The draw is made on the CPU in float32, whatever device and precision it is used in later,
    because the random streams of devices and precisions differ. The global random state is neither read nor
    changed.

    Args:
        shape: Shape of the noise.
        seed: Integer seed.
        name: Name that tells this draw from the others of the same seed.

    Returns:
        A float32 CPU tensor of the given shape.

    Example:
        >>> noise = seeded_normal(torch.Size([3]), seed=0, name="weight")
        >>> torch.equal(noise, seeded_normal(torch.Size([3]), seed=0, name="weight"))
        True
        >>> torch.equal(noise, seeded_normal(torch.Size([3]), seed=0, name="bias"))
        False
    """
    generator = torch.Generator(device="cpu").manual_seed(seeded_key(seed, name, bits=63))
    return torch.randn(shape, generator=generator, dtype=torch.float32, device="cpu")
