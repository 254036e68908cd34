"""What an action asks of the machine: floating-point operations, and bytes that its operations touch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.cost.observation.timing import alternate


@dataclass(frozen=True)
class Arithmetic:
    """Counts of one call.

    Attributes:
        products: Operations of matrix products, two for a multiplication and an addition.
        eigenvalues: Operations of eigenvalue solvers.
        bytes: What all operations together read and write, caches left out of account; a view moves nothing.
        uncounted: Decompositions that are in neither number, each with the largest matrix that it met.
    """

    products: float
    eigenvalues: float
    bytes: float
    uncounted: dict[str, tuple[int, int]] = field(default_factory=dict)


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


FORMULAS = {torch.ops.aten._linalg_eigh: eigenvalue_flops}
"""For what torch does not count."""


def arithmetic(action: Callable[[], object]) -> Arithmetic:
    """Count what one call does.

    Args:
        action: What is called.

    Returns:
        The counts.
    """
    with FlopCounterMode(display=False, custom_mapping=FORMULAS) as counter, _Traffic() as traffic:
        action()
    flops = counter.get_flop_counts().get("Global", {})
    eigenvalues = sum(flops.get(operation, 0) for operation in FORMULAS)
    return Arithmetic(counter.get_total_flops() - eigenvalues, eigenvalues, traffic.bytes, traffic.uncounted)


def product_rate(repeat: int, size: int = 1024) -> float:
    """Operations a second of float32 matrix products on this machine.

    Args:
        repeat: Timings, of which the median counts.
        size: Rows and columns.

    Returns:
        The rate.
    """
    a, b = torch.randn(size, size), torch.randn(size, size)
    return 2 * size**3 / alternate({"product": lambda: a @ b}, repeat)["product"].seconds


class _Traffic(TorchDispatchMode):
    """Adds up the bytes of what operations take and give, and names decompositions without a formula."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0
        self.uncounted: dict[str, tuple[int, int]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        if "linalg" in name and "norm" not in name and func.overloadpacket not in FORMULAS:
            met = (self.uncounted.get(name, (0, 0)), tuple(args[0].shape[-2:]))
            self.uncounted[name] = max(met, key=math.prod)
        if not func.is_view:
            tensors = (t for t in tree_leaves((args, kwargs, result)) if isinstance(t, Tensor))
            self.bytes += sum(t.numel() * t.element_size() for t in tensors)
        return result
