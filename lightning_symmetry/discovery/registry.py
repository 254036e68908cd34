"""Teach the discovery operations and symmetries that it does not know.

An operation without a rule pins what it touches: that is sound, but symmetries are missed. There are three
ways to say what an operation of your own computes, the shortest first:

- :func:`entrywise`: a function of corresponding entries;
- :func:`composition`: the same as a Python function of operations that are known;
- :func:`rule`: the statements that it stands for, written by hand.

A ``torch.autograd.Function`` needs none of them: the trace sees the operations of its ``forward``. What you
say is believed; ``find_symmetries(model, x).errors(model, x)`` proves it.

Where no statement can say what a module does, :func:`known_symmetries` declares what leaves it unchanged.

Example:
    >>> import torch
    >>> from torch import Tensor, nn
    >>> from lightning_symmetry import find_symmetries
    >>> @torch.library.custom_op("registry_example::cubed", mutates_args=())
    ... def cubed(x: Tensor) -> Tensor:
    ...     return x**3
    >>> @cubed.register_fake
    ... def _(x: Tensor) -> Tensor:
    ...     return torch.empty_like(x)
    >>> class Cubed(nn.Module):
    ...     def forward(self, x: Tensor) -> Tensor:
    ...         return cubed(x)
    >>> model, x = nn.Sequential(nn.Linear(4, 8), Cubed(), nn.Linear(8, 2)), torch.randn(5, 4)
    >>> [s.name for s in find_symmetries(model, x)]
    []
    >>> entrywise("registry_example::cubed", degree=3, parity=-1)
    >>> [s.name for s in find_symmetries(model, x)]
    ['0.permutation', '0.scaling']
    >>> max(find_symmetries(model, x).errors(model, x).values()) < 1e-12
    True

    >>> class Fused(nn.Module):
    ...     def __init__(self) -> None:
    ...         super().__init__()
    ...         self.inner, self.outer = nn.Parameter(torch.randn(8, 4)), nn.Parameter(torch.randn(2, 8))
    ...     def forward(self, x: Tensor) -> Tensor:
    ...         return torch.ops.registry_example.cubed_mlp(x, self.inner, self.outer)
    >>> @torch.library.custom_op("registry_example::cubed_mlp", mutates_args=())
    ... def cubed_mlp(x: Tensor, inner: Tensor, outer: Tensor) -> Tensor:
    ...     return (x @ inner.T) ** 3 @ outer.T
    >>> @cubed_mlp.register_fake
    ... def _(x: Tensor, inner: Tensor, outer: Tensor) -> Tensor:
    ...     return x.new_empty(len(x), len(outer))
    >>> @known_symmetries(Fused)
    ... def symmetries(fused: Fused):
    ...     legs = dict(writes={"inner": "hidden in"}, reads={"outer": "out hidden"})
    ...     yield declared(fused, "hidden.permutation", "hidden", **legs)
    >>> [s.name for s in find_symmetries(Fused(), x)]
    ['hidden.permutation']
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from torch._ops import OpOverloadPacket

from ._program.calls import COMPOSITIONS, RULES, Call, Rule, packet_of
from ._program.dims import Dim
from ._program.program import Program
from ._program.statements import Axis
from ._program.values import Value
from .declared import declared
from .known import DECLARED, known_symmetries
from .rules.pointwise import pointwise

__all__ = [
    "Axis",
    "Call",
    "Dim",
    "Program",
    "Value",
    "composition",
    "declared",
    "entrywise",
    "known_symmetries",
    "rule",
    "temporary",
]

Function = TypeVar("Function", bound=Callable[..., Any])


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Register what operations mean.

    The decorated function gets the :class:`~lightning_symmetry.discovery._program.program.Program` and
    the :class:`~lightning_symmetry.discovery._program.calls.Call`. It has to define every value in
    ``call.outs`` by statements about the values in ``call``, whose axes it names by labels of type
    :class:`~lightning_symmetry.discovery._program.dims.Dim`; what it leaves undefined is pinned.

    Args:
        *names: Operations, such as ``"mylib::my_op"``.

    Returns:
        A decorator.

    Raises:
        ValueError: If there is no such operation.

    Example:
        >>> import torch
        >>> from torch import Tensor
        >>> @torch.library.custom_op("registry_example::scaled", mutates_args=())
        ... def scaled(x: Tensor, gain: Tensor) -> Tensor:
        ...     return x * gain
        >>> @rule("registry_example::scaled")
        ... def scale_the_last_axis(program: Program, call: Call) -> None:
        ...     rows, columns = (Dim(size) for size in call["x"].shape)
        ...     program.term(
        ...         (call.out, [rows, columns]), (call["x"], [rows, columns]), (call["gain"], [columns])
        ...     )
    """
    packets = [_packet(name) for name in names]

    def register(function: Rule) -> Rule:
        for packet in packets:
            COMPOSITIONS.pop(packet, None)
            RULES[packet] = function
        return function

    return register


def entrywise(*names: str, degree: float | None = None, parity: int = 0) -> None:
    """Register operations that compute each entry from the corresponding entries of their inputs.

    Args:
        *names: Operations, such as ``"mylib::my_op"``.
        degree: k if f(λx) = λᵏ f(x) for every λ > 0.
        parity: 1 if f(−x) = f(x), −1 if f(−x) = −f(x).

    Raises:
        ValueError: If there is no such operation, or a number is not as above.
    """
    if not (degree is None or (isinstance(degree, (int, float)) and math.isfinite(degree))):
        raise ValueError(f"degree must be a finite number or None; found {degree!r}")
    if not isinstance(parity, int) or parity not in (-1, 0, 1):
        raise ValueError(f"parity must be -1, 0 or 1; found {parity!r}")

    def define(program: Program, call: Call) -> None:
        inputs = [argument for argument in call.arguments.values() if isinstance(argument, Value)]
        pointwise(program, call.out, *inputs, degree=degree, parity=parity)

    rule(*names)(define)


def composition(*names: str) -> Callable[[Function], Function]:
    """Register a Python function that computes what operations compute, out of operations that are known.

    Args:
        *names: Operations, such as ``"mylib::my_op"``.

    Returns:
        A decorator for a function of the same arguments.

    Raises:
        ValueError: If there is no such operation.

    Example:
        >>> import torch
        >>> with temporary():
        ...     @composition("aten::special_entr")
        ...     def entropy(x):
        ...         return -x * x.log()
    """
    packets = [_packet(name) for name in names]

    def register(function: Function) -> Function:
        COMPOSITIONS.update(dict.fromkeys(packets, function))
        return function

    return register


@contextmanager
def temporary() -> Iterator[None]:
    """Within this context, registrations are forgotten when it ends."""
    tables: tuple[dict[OpOverloadPacket, Any], ...] = (RULES, COMPOSITIONS)
    before, known = [dict(table) for table in tables], list(DECLARED)
    try:
        yield
    finally:
        DECLARED[:] = known
        for table, entries in zip(tables, before, strict=True):
            table.clear()
            table.update(entries)


def _packet(name: str) -> OpOverloadPacket:
    packet = packet_of(name) if isinstance(name, str) and name.isprintable() else None
    if packet is None:
        raise ValueError(
            f"name must be that of a registered operation, such as 'mylib::my_op'; found {name!r}"
        )
    return packet
