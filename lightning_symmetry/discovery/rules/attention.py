"""Attention in one kernel: scores, their softmax over the keys, and the mean of the values under it."""

from __future__ import annotations

from math import sqrt

from .._program.calls import Call, rule
from .._program.dims import Dim, StructureConflict
from .._program.program import Program
from .._program.statements import Axes
from .._program.values import Origin
from .contraction import add_broadcast
from .pointwise import product


@rule(
    "_scaled_dot_product_attention_math_for_mps",
    "_scaled_dot_product_cudnn_attention",
    "_scaled_dot_product_efficient_attention",
    "_scaled_dot_product_flash_attention",
    "_scaled_dot_product_flash_attention_for_cpu",
    "_scaled_dot_product_fused_attention_overrideable",
)
def attention(program: Program, call: Call) -> None:
    """Out = softmax(scale · query · keyᵀ + mask) · value, where several heads of queries may share a key.

    The log of the softmax's denominator and the state of the random generator are for the backward pass.

    Raises:
        StructureConflict: If the numbers are quantised.
    """
    if call.operation._overloadname != "default":
        raise StructureConflict("factors of quantised numbers")
    query, key, value = call["query"], call["key"], call["value"]
    mask = call.arguments.get("attn_mask", call.arguments.get("attn_bias"))
    batch = [Dim(size) for size in query.shape[:-3]]
    head, sharing = Dim(key.shape[-3]), Dim(query.shape[-3] // key.shape[-3])
    asking, asked = Dim(query.shape[-2]), Dim(key.shape[-2])
    width, features = Dim(query.shape[-1]), Dim(value.shape[-1])
    queries: Axes = [*batch, (head, sharing), asking]
    keys: Axes = [*batch, head, asked]
    scores = program.value([*query.shape[:-1], asked.size])
    weights, kept = program.value(scores.shape), program.value(scores.shape)
    program.term(
        (scores, [*queries, asked]),
        (query, [*queries, width]),
        (key, [*keys, width]),
        coefficient=1 / sqrt(width.size) if call["scale"] is None else call["scale"],
    )
    if mask is not None:
        add_broadcast(program, scores, mask)
    if call["is_causal"]:
        add_broadcast(program, scores, program.value([asking.size, asked.size], Origin.FIXED))
    # a query that may look at nothing gets zero
    sure = [asked] if mask is None else []
    program.map((weights, [*queries, asked]), (scores, [*queries, asked]), absorbs=[asked], simplex=sure)
    if call["dropout_p"]:
        # what the kernel draws stays inside: it cannot move along with anything
        product(program, kept, weights, program.value(scores.shape, Origin.FIXED), 1)
    else:
        add_broadcast(program, kept, weights)
    program.term((call.out, [*queries, features]), (kept, [*queries, asked]), (value, [*keys, features]))
