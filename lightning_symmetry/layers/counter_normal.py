"""Noise that is a function of a counter instead of the state of a generator."""

import math

import torch
from torch import Tensor

_BITS = 0xFFFFFFFF


def _mix(x: Tensor) -> Tensor:
    # Products stay below 2⁶³, which every device and compiler agrees on: the factors have 31 bits.
    for factor in (0x7FEB352D, 0x3C6EF36F):
        x = x ^ (x >> 16)
        x = (x * factor) & _BITS
        x = x ^ (x >> 15)
    return x ^ (x >> 16)


def counter_normal(size: int, key: int, step: Tensor) -> Tensor:
    """Draw standard normal numbers that depend on a key and a step, and on nothing else.

    Each number is a hash of key, step and position, turned normal by its quantile function. There is no
    generator: the step is all the state, on the device, and ``torch.compile`` sees plain arithmetic. The
    numbers lie within 5.3 deviations, and are the same on every device up to rounding.

    Args:
        size: How many.
        key: Integer from 0 up to 2³² - 1.
        step: Whole number of at least 0, an int64 tensor without dimensions.

    Returns:
        A float32 tensor of ``size`` numbers on the device of ``step``.

    Raises:
        ValueError: If an argument is something else.

    Example:
        >>> first, second = (counter_normal(3, key=7, step=torch.tensor(step)) for step in (0, 1))
        >>> torch.equal(first, counter_normal(3, key=7, step=torch.tensor(0))), torch.equal(first, second)
        (True, False)
    """
    if not isinstance(size, int) or not 0 <= size < 2**31:
        raise ValueError(f"`size` must be an integer from 0 up to 2³¹ - 1, found {size!r}")
    if not isinstance(key, int) or not 0 <= key <= _BITS:
        raise ValueError(f"`key` must be an integer from 0 up to 2³² - 1, found {key!r}")
    if not isinstance(step, Tensor) or step.dtype != torch.int64 or step.ndim:
        raise ValueError(f"`step` must be an int64 tensor without dimensions, found {step!r}")
    hashed = _mix(_mix(step & _BITS) ^ key)
    hashed = _mix(hashed ^ _mix(torch.arange(1, size + 1, device=step.device)))
    # 23 bits and a half: the largest that float32 holds without rounding up to 1.
    uniform = ((hashed >> 9).to(torch.float32) + 0.5) / 2**23
    return math.sqrt(2) * torch.erfinv(2 * uniform - 1)
