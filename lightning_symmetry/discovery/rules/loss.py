"""Losses."""

from __future__ import annotations

from math import prod

from .._program.calls import Call, rule
from .._program.dims import Dim, StructureConflict
from .._program.program import Program
from .._program.values import Value
from .contraction import add_broadcast
from .pointwise import pointwise, product


def reduce(program: Program, call: Call, each: Value, power: float = 1) -> None:
    """Define a loss as the mean or the sum of the losses of all entries, or as these."""
    labels = [Dim(size) for size in each.shape]
    kept, share = {0: (labels, 1.0), 1: ([], 1 / max(1, prod(each.shape))), 2: ([], 1.0)}[call["reduction"]]
    program.term((call.out, kept), (each, labels, power), coefficient=share)


def difference(program: Program, call: Call) -> Value:
    """Self − target."""
    out = program.value(call["self"].shape)
    add_broadcast(program, out, call["self"])
    add_broadcast(program, out, call["target"], coefficient=-1)
    return out


@rule("mse_loss")
def squared_error(program: Program, call: Call) -> None:
    """The square of self − target."""
    reduce(program, call, difference(program, call), power=2)


@rule("smooth_l1_loss", "huber_loss")
def robust_error(program: Program, call: Call) -> None:
    """An even function of self − target."""
    each = program.value(call["self"].shape)
    pointwise(program, each, difference(program, call), parity=1)
    reduce(program, call, each)


@rule("binary_cross_entropy", "binary_cross_entropy_with_logits", "soft_margin_loss")
def entrywise_loss(program: Program, call: Call) -> None:
    """A function of corresponding entries."""
    each = program.value(call["self"].shape)
    pointwise(program, each, *(value for value in call.arguments.values() if isinstance(value, Value)))
    reduce(program, call, each)


@rule("nll_loss_forward", "nll_loss2d_forward")
def negative_log_likelihood(program: Program, call: Call) -> None:
    """Pick the target's entry: the classes keep their places, and so does the batch."""
    _tell_apart(program, call, [call["self"]])


@rule("multi_margin_loss", "multilabel_margin_loss_forward")
def margins(program: Program, call: Call) -> None:
    """A function of how far the targets' entries are above the others."""
    labels = [Dim(size) for size in call["self"].shape]
    known = program.value(call["self"].shape)
    program.map((known, labels), (call["self"], labels), absorbs=labels[-1:])
    _tell_apart(program, call, [known])


def _tell_apart(program: Program, call: Call, values: list[Value]) -> None:
    """Keep values in place that are picked by targets, which stay as they are, like weights of classes."""
    others = [call[name] for name in ("target", "weight") if isinstance(call.arguments.get(name), Value)]
    program.pin([*values, *others, *call.outs], "classes are told apart by the targets")


@rule("xlogy", "xlogy_")
def entropy(program: Program, call: Call) -> None:
    """Self · log(other).

    Raises:
        StructureConflict: If one of them is a plain number.
    """
    if not all(isinstance(call[name], Value) for name in ("self", "other")):
        raise StructureConflict("a logarithm and a plain number")
    logarithm = program.value(call["other"].shape)
    pointwise(program, logarithm, call["other"], exponent=-1)
    product(program, call.out, call["self"], logarithm, 1)
