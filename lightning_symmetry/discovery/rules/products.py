"""Products of vectors, and of more than two tensors."""

from __future__ import annotations

from .._program.calls import Call, rule
from .._program.dims import Dim
from .._program.program import Program
from .._program.values import Origin
from .contraction import add_broadcast, broadcast


@rule("vdot")
def dot(program: Program, call: Call) -> None:
    """Out = Σ self · other."""
    inner = Dim(call["self"].shape[0])
    program.term((call.out, []), (call["self"], [inner]), (call["other"], [inner]))


@rule("addmv")
def matrix_vector_with_bias(program: Program, call: Call) -> None:
    """Out = beta · self + alpha · mat @ vec."""
    rows, inner = (Dim(size) for size in call["mat"].shape)
    program.term(
        (call.out, [rows]), (call["mat"], [rows, inner]), (call["vec"], [inner]), coefficient=call["alpha"]
    )
    add_broadcast(program, call.out, call["self"], coefficient=call["beta"])


@rule("addr")
def outer_product_with_bias(program: Program, call: Call) -> None:
    """Out = beta · self + alpha · vec1 ⊗ vec2."""
    rows, columns = (Dim(size) for size in call.out.shape)
    vectors = (call["vec1"], [rows]), (call["vec2"], [columns])
    program.term((call.out, [rows, columns]), *vectors, coefficient=call["alpha"])
    add_broadcast(program, call.out, call["self"], coefficient=call["beta"])


@rule("addbmm")
def sum_of_matrix_products(program: Program, call: Call) -> None:
    """Out = beta · self + alpha · Σ batch1[b] @ batch2[b]."""
    batch, rows, inner = (Dim(size) for size in call["batch1"].shape)
    columns = Dim(call.out.shape[1])
    program.term(
        (call.out, [rows, columns]),
        (call["batch1"], [batch, rows, inner]),
        (call["batch2"], [batch, inner, columns]),
        coefficient=call["alpha"],
    )
    add_broadcast(program, call.out, call["self"], coefficient=call["beta"])


@rule("_trilinear")
def trilinear(program: Program, call: Call) -> None:
    """Out = Σ i1 · i2 · i3 over the axes in sumdim, where each operand lacks the axes in its expand."""
    operands = [(call[f"i{k}"], call[f"expand{k}"]) for k in (1, 2, 3)]
    rank = len(call["i1"].shape) + len(call["expand1"])
    labels: dict[int, Dim] = {}
    factors = []
    for value, absent in operands:
        own = [axis for axis in range(rank) if axis not in absent]
        for axis, size in zip(own, value.shape, strict=True):
            labels.setdefault(axis, Dim(size))
        factors.append((value, [labels[axis] for axis in own]))
    kept = [labels[axis] for axis in range(rank) if axis not in call["sumdim"]]
    program.term((call.out, kept), *factors)


@rule("linalg_cross")
def cross(program: Program, call: Call) -> None:
    """The product with the constant that is ±1 for the permutations of three."""
    labels = [Dim(size) for size in call.out.shape]
    axis = call["dim"] % len(labels)
    inner = [Dim(3), Dim(3)]
    factors = []
    for value, one in zip((call["self"], call["other"]), inner, strict=True):
        axes = broadcast(value, [*labels[:axis], one, *labels[axis + 1 :]])
        factors.append((value, axes))
    signs = program.value([3, 3, 3], Origin.FIXED)
    program.term((call.out, labels), *factors, (signs, [labels[axis], *inner]))
