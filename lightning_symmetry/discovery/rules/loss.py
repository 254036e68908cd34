"""Losses."""

from __future__ import annotations

from .._calls import Call, rule
from .._dims import Dim
from .._program import Program
from .contraction import add_broadcast
from .pointwise import pointwise


@rule("mse_loss")
def squared_error(program: Program, call: Call) -> None:
    """The mean, sum or each of (self − target)²."""
    target = call["target"]
    difference = program.value(call["self"].shape)
    add_broadcast(program, difference, call["self"])
    add_broadcast(program, difference, target, coefficient=-1)
    labels = [Dim(size) for size in difference.shape]
    each = call.out if call["reduction"] == 0 else program.value(difference.shape)
    program.map((each, labels), (difference, labels), degree=2, parity=1)
    if each is not call.out:
        program.term((call.out, []), (each, labels))


@rule("smooth_l1_loss", "huber_loss", "binary_cross_entropy", "binary_cross_entropy_with_logits")
def entrywise_loss(program: Program, call: Call) -> None:
    """A loss of corresponding entries."""
    operands = [v for v in call.arguments.values() if hasattr(v, "dims")]
    if call["reduction"] == 0:
        pointwise(program, call.out, *operands)
        return
    each = program.value(call["self"].shape)
    pointwise(program, each, *operands)
    program.term((call.out, []), (each, [Dim(size) for size in each.shape]))


@rule("nll_loss_forward", "nll_loss2d_forward")
def negative_log_likelihood(program: Program, call: Call) -> None:
    """Pick the target's entry: the classes keep their places, and so does the batch."""
    program.pin([call["self"], *call.outs], "classes are told apart by the targets")
