"""Pieces of parameters: read and replaced without an index wherever they are blocks of neighbours."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lightning_symmetry.discovery.piece import View


@st.composite
def views(draw):
    """A piece of a random tensor: every axis split into atoms, some of them left out, in a random order."""
    shape, offset, atoms = [], [], []
    for axis in range(draw(st.integers(1, 3))):
        step = 1
        for size in draw(st.lists(st.integers(1, 3), max_size=3)):
            gap = draw(st.sampled_from([1, 1, 1, 2]))  # a gap leaves something out in between
            atoms.append((axis, step, size))
            step *= size * gap
        start = draw(st.integers(0, 2))
        offset.append(start)
        shape.append(start + step + draw(st.integers(0, 2)))
    atoms += [(-1, 1, 1)] * draw(st.integers(0, 1))
    order = draw(st.permutations(range(len(atoms))))
    return tuple(shape), View("w", tuple(offset), tuple(atoms[i] for i in order))


@settings(deadline=None, max_examples=200)
@given(views(), st.integers(0, 99))
def test_a_piece_is_what_its_places_say(view, seed):
    shape, view = view
    tensor = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    places = view.places(tensor.shape)
    piece = view.copied({"w": tensor})
    assert torch.equal(piece, tensor.flatten()[places])
    assert torch.equal(piece, view.of(tensor))
    new = torch.randn(piece.shape, generator=torch.Generator().manual_seed(seed + 100))
    expected = tensor.flatten().index_put((places,), new).reshape(shape)
    assert torch.equal(view.replaced(tensor, new), expected)


def test_nothing_is_shared_with_the_parameter():
    tensor = torch.zeros(2, 3)
    View("w", (0, 0), ((0, 1, 2), (1, 1, 3))).copied({"w": tensor}).add_(1)
    assert not tensor.any()
