"""What an action asks of the machine: floating-point operations, and bytes that its operations touch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry, shape_wrapper

from benchmarks.cost.observation.timing import alternate


@dataclass(frozen=True)
class Arithmetic:
    """Counts of one call.

    Attributes:
        products: Operations of matrix products in float32 or less, two for a multiplication and an addition.
        precise: Those of matrix products in float64.
        eigenvalues: Operations of eigenvalue solvers, in float64.
        bytes: What all operations together read and write, caches left out of account; a view moves nothing.
        uncounted: Decompositions that are in no number, each with the largest matrix that it met.
    """

    products: float
    precise: float
    eigenvalues: float
    bytes: float
    uncounted: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def operations(self) -> float:
        """All of them."""
        return self.products + self.precise + self.eigenvalues


@dataclass(frozen=True)
class Rates:
    """Operations a second of matrix products, in two precisions."""

    single: float
    double: float

    def least(self, counts: Arithmetic) -> float:
        """The seconds that products alone would take at these rates."""
        return counts.products / self.single + (counts.precise + counts.eigenvalues) / self.double


@shape_wrapper
def eigenvalue_flops(shape: Sequence[int], *args: Any, out_shape: Any = None) -> int:
    """Count what eigenvalues of symmetric matrices take: 4/3 n³ to make them tridiagonal, the rest is O(n²).

    So does LAPACK's ``syevd`` (Golub & Van Loan, Matrix Computations, Sec. 8.3.1). Vectors, which take at
    least 2 n³ more, are left out: under a counter, and only there, ``eigvalsh`` asks for them too.

    Args:
        shape: ``(..., n, n)``.
        *args: Which triangle is read, and whether vectors are wanted.
        out_shape: Shapes of the results.

    Returns:
        The number of operations.
    """
    return math.prod(shape[:-2]) * shape[-1] ** 3 * 4 // 3


_ATEN = torch.ops.aten

EIGENVALUES = _ATEN._linalg_eigh

FORMULAS = flop_registry | {
    EIGENVALUES: eigenvalue_flops,
    _ATEN.addmm_: flop_registry[_ATEN.addmm],
    _ATEN.baddbmm_: flop_registry[_ATEN.baddbmm],
}
"""Torch's own, and those for what torch does not count: products in place, and eigenvalues."""


def arithmetic(action: Callable[[], object]) -> Arithmetic:
    """Count what one call does.

    Args:
        action: What is called.

    Returns:
        The counts.
    """
    with _Counter() as counter:
        action()
    flops = counter.flops
    return Arithmetic(
        flops["single"], flops["double"], flops["eigenvalues"], counter.bytes, counter.uncounted
    )


def product_rates(repeat: int, device: torch.device, size: int | None = None) -> Rates:
    """Operations a second of matrix products on this machine.

    Args:
        repeat: Timings, of which the median counts.
        device: What multiplies.
        size: Rows and columns; by default 1024 on a CPU, and 8192 on an accelerator, to keep it busy.

    Returns:
        The rates.
    """
    size = size or (1024 if device.type == "cpu" else 8192)
    factors = {
        dtype: (
            torch.randn(size, size, dtype=dtype, device=device),
            torch.randn(size, size, dtype=dtype, device=device),
        )
        for dtype in (torch.float32, torch.float64)
    }
    actions = {str(dtype): partial(torch.matmul, *pair) for dtype, pair in factors.items()}
    times = alternate(actions, repeat, device)
    return Rates(*(2 * size**3 / times[str(dtype)].seconds for dtype in factors))


class _Counter(TorchDispatchMode):
    """Adds up operations and bytes, and names decompositions without a formula."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0
        self.flops = dict.fromkeys(("single", "double", "eigenvalues"), 0)
        self.uncounted: dict[str, tuple[int, int]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        packet = func.overloadpacket
        if packet in FORMULAS:
            kind = "double" if args[0].dtype == torch.float64 else "single"
            kind = "eigenvalues" if packet == EIGENVALUES else kind
            self.flops[kind] += FORMULAS[packet](*args, **kwargs, out_val=result)
        elif "linalg" in packet.__name__ and "norm" not in packet.__name__:
            met = (self.uncounted.get(packet.__name__, (0, 0)), tuple(args[0].shape[-2:]))
            self.uncounted[packet.__name__] = max(met, key=math.prod)
        if not func.is_view:
            tensors = (t for t in tree_leaves((args, kwargs, result)) if isinstance(t, Tensor))
            self.bytes += sum(t.numel() * t.element_size() for t in tensors)
        return result
