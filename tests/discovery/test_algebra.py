"""The algebra below the rules: axes as products and sums of atoms, null spaces, classes with variances."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lightning_symmetry.discovery._program.dims import (
    Dim,
    StructureConflict,
    blocks,
    fix,
    fixed,
    product,
    total,
)
from lightning_symmetry.discovery._program.unify import align, unify
from lightning_symmetry.discovery._solving.linear_system import LinearSystem, rational
from lightning_symmetry.discovery._solving.ties import Ties


def indices(dim: Dim) -> list[int]:
    """Every index of an axis, block by block."""
    found = []
    for piece in blocks(dim):
        index = torch.tensor(piece.offset)
        for atom, stride in piece.atoms:
            index = index.unsqueeze(-1) + stride * torch.arange(atom.size)
        found += index.flatten().tolist()
    return found


@st.composite
def trees(draw, size: int, depth: int = 2) -> Dim:
    """An axis of a given length, cut at random."""
    kind = draw(st.sampled_from(["leaf", "product", "sum"])) if depth else "leaf"
    if kind == "product":
        first = draw(st.sampled_from([d for d in range(1, size + 1) if size % d == 0]))
        return product([draw(trees(first, depth - 1)), draw(trees(size // first, depth - 1))])
    if kind == "sum" and size > 1:
        first = draw(st.integers(1, size - 1))
        return total([draw(trees(first, depth - 1)), draw(trees(size - first, depth - 1))])
    return Dim(size)


@settings(deadline=None, derandomize=True)
@given(st.data(), st.sampled_from([1, 2, 6, 8, 12]))
def test_blocks_hold_every_index_once_also_after_unifying(data, size):
    one, other = data.draw(trees(size)), data.draw(trees(size))
    assert sorted(indices(one)) == list(range(size))
    unify(one, other)
    assert indices(one) == indices(other)
    assert sorted(indices(one)) == list(range(size))
    atoms = [[atom for atom, _ in piece.atoms] for piece in blocks(one)]
    assert atoms == [[atom for atom, _ in piece.atoms] for piece in blocks(other)]
    unify(one, other)
    assert [[atom for atom, _ in piece.atoms] for piece in blocks(one)] == atoms


def test_products_align_where_their_factors_divide():
    rows, columns, packed = Dim(4), Dim(6), Dim(24)
    align([rows, columns], [packed])
    assert [(atom.size, stride) for atom, stride in blocks(packed)[0].atoms] == [(4, 6), (6, 1)]
    align([packed], [Dim(2), Dim(12)])
    assert [(atom.size, stride) for atom, stride in blocks(packed)[0].atoms] == [(2, 12), (2, 6), (6, 1)]


def test_a_sum_cuts_the_leading_factor_of_a_product():
    packed, parts = product([Dim(3), Dim(4)]), total([Dim(4), Dim(8)])
    unify(packed, parts)
    found = [(piece.offset, [(a.size, s) for a, s in piece.atoms]) for piece in blocks(packed)]
    assert found == [(0, [(4, 1)]), (4, [(2, 4), (4, 1)])]
    assert blocks(packed)[0].atoms[0][0] is blocks(packed)[1].atoms[1][0]


def cuts(dim: Dim) -> list[tuple[int, list[tuple[int, int]]]]:
    """The blocks of an axis: where each starts, and lengths and strides of its atoms."""
    return [(piece.offset, [(atom.size, stride) for atom, stride in piece.atoms]) for piece in blocks(dim)]


def test_a_sum_that_cuts_a_row_cuts_all_rows_there():
    packed, parts = product([Dim(3), Dim(4)]), total([Dim(6), Dim(6)])
    unify(packed, parts)
    assert (
        cuts(packed) == cuts(parts) == [(0, [(2, 1)]), (2, [(2, 1)]), *[(i, [(2, 1)]) for i in (4, 6, 8, 10)]]
    )
    assert len({atom for piece in blocks(packed) for atom, _ in piece.atoms}) == 2


def test_factors_that_do_not_divide_are_taken_apart_row_by_row():
    one, other = product([Dim(2), Dim(6)]), product([Dim(3), Dim(4)])
    unify(one, other)
    assert cuts(one) == cuts(other) == [(i, [(2, 1)]) for i in range(0, 12, 2)]


def test_what_has_no_common_refinement_of_few_pieces_is_refused():
    with pytest.raises(StructureConflict, match="axes of length 3 and 4 were aligned"):
        unify(Dim(3), Dim(4))
    with pytest.raises(StructureConflict, match="an axis of 10 is no multiple of 9"):
        unify(product([Dim(9), Dim(10)]), product([Dim(10), Dim(9)]))


@pytest.mark.parametrize("join", [lambda a, b: product([a, b]), lambda a, b: total([a, b])])
def test_an_axis_of_data_stays_one_however_it_is_cut(join):
    data, one, other = Dim(6), Dim(2), Dim(3 if join(Dim(2), Dim(3)).size == 6 else 4)
    fix(data)
    assert not fixed(one)
    unify(join(one, other), data)
    assert fixed(one) and fixed(other) and fixed(data)
    assert not fixed(total([one, Dim(2)]))


def test_factors_of_different_total_length_are_refused():
    with pytest.raises(StructureConflict, match="different total length"):
        align([Dim(2), Dim(3)], [Dim(2)])


ROWS = st.lists(st.lists(st.integers(-2, 2), min_size=5, max_size=5), max_size=7)


@settings(deadline=None, derandomize=True)
@given(ROWS)
def test_the_null_space_over_the_rationals(rows):
    system = LinearSystem()
    news = [system.equate({i: c for i, c in enumerate(row) if c}) for row in rows]
    matrix = torch.tensor(rows, dtype=torch.float64).reshape(-1, 5)
    rank = int(torch.linalg.matrix_rank(matrix)) if rows else 0
    assert sum(news) == rank
    basis = system.nullspace(range(5))
    assert len(basis) == 5 - rank
    for free, vector in basis.items():
        assert vector[free] == 1
        assert all(sum(row[i] * c for i, c in vector.items()) == 0 for row in rows)


@settings(deadline=None, derandomize=True)
@given(ROWS)
def test_the_null_space_over_the_field_of_two(rows):
    system = LinearSystem(modulus=2)
    for row in rows:
        system.equate(dict(enumerate(row)))
    solutions = [
        v
        for v in torch.cartesian_prod(*[torch.arange(2)] * 5).tolist()
        if all(sum(a * b for a, b in zip(row, v, strict=True)) % 2 == 0 for row in rows)
    ]
    basis = system.nullspace(range(5))
    assert len(solutions) == 2 ** len(basis)
    assert all([vector.get(i, 0) for i in range(5)] in solutions for vector in basis.values())


def test_floats_are_read_as_the_fractions_they_were_meant_to_be_and_never_as_others():
    assert [rational(x) for x in (2.0, 0.5, 1 / 3, 0.1)] == [2, 0.5, rational(1 / 3), rational(0.1)]
    assert str(rational(1 / 3)) == "1/3"
    assert str(rational(0.1)) == "1/10"
    for number in (1e-8, 1 / math.sqrt(8), math.pi, 1e300 * 1.1):
        assert float(rational(number)) == number


@settings(deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.sampled_from([-1, 1])), max_size=10))
def test_ties_agree_with_propagation(links):
    ties = Ties(6)
    for one, other, variance in links:
        ties.tie(one, other, variance)
    for atom in range(6):
        reached, stack, clash = {atom: 1}, [atom], False
        while stack:
            here = stack.pop()
            for one, other, variance in links + [(b, a, v) for a, b, v in links]:
                if one == here and other not in reached:
                    reached[other] = reached[here] * variance
                    stack.append(other)
                clash |= one == here and reached[other] != reached[here] * variance
        root, variance = ties.find(atom)
        assert {a for a in range(6) if ties.find(a)[0] == root} == set(reached)
        assert (root in ties.inconsistent) == clash
        if not clash:
            assert all(ties.find(a)[1] * variance == sign for a, sign in reached.items())
