"""One recorded operation, and the table of rules that say what each operation means."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from .program import Program
from .values import Value


@dataclass(frozen=True)
class Call:
    """An ATen operation as it was called, every tensor replaced by its value in the program.

    ``outs`` are the values that the call has to define, in order; ``None`` stands for an output that is no
                tensor.
    ``rounds`` tells that real or complex numbers go in and whole numbers or truth values come out.
    ``masks`` are the arguments that hold truth values. ``pairs`` are complex: their last axis, which the
    tensor lacks, holds the real and the imaginary part.
    """

    operation: torch._ops.OpOverload
    arguments: dict[str, Any]
    outs: tuple[Value, ...]
    rounds: bool = False
    masks: frozenset[Value] = frozenset()
    pairs: frozenset[Value] = frozenset()

    def __getitem__(self, name: str) -> Any:
        return self.arguments[name]

    @property
    def out(self) -> Value:
        """The first output."""
        return self.outs[0]


Rule = Callable[[Program, Call], None]

RULES: dict[torch._ops.OpOverloadPacket, Rule] = {}
"""The meaning of every operation that is understood; all others pin what they touch."""


COMPLEX: dict[torch._ops.OpOverloadPacket, Rule] = {}
"""The meaning of operations on complex tensors."""

COMPOSITIONS: dict[torch._ops.OpOverloadPacket, Callable[..., Any]] = {}
"""Functions that compute the same as an operation, out of others."""


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Register a rule for ATen operations by name; names that this version of torch lacks are passed over."""
    return _registers(RULES, names)


def complex_rule(*names: str) -> Callable[[Rule], Rule]:
    """Register a rule for ATen operations that take or give complex tensors."""
    return _registers(COMPLEX, names)


def _registers(
    table: dict[torch._ops.OpOverloadPacket, Rule], names: Sequence[str]
) -> Callable[[Rule], Rule]:
    def register(function: Rule) -> Rule:
        for name in names:
            packet = packet_of(name)
            if packet is not None:
                table[packet] = function
        return function

    return register


def packet_of(name: str) -> torch._ops.OpOverloadPacket | None:
    """The operation of a name: ``"library::operation"``, or ATen's without a library."""
    library, _, own = name.rpartition("::")
    return getattr(getattr(torch.ops, library or "aten"), own, None)


def bound(operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call by their names in the operation's schema."""
    named: dict[str, Any] = {}
    for position, argument in enumerate(operation._schema.arguments):
        if position < len(args):
            named[argument.name] = args[position]
        else:
            named[argument.name] = kwargs.get(argument.name, argument.default_value)
    return named
