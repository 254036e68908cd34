"""The index spaces that symmetries live on: which modules write and read them, and what each of them is.

==============  =======================================================================================
``heads``       each of its units holds a space that is mixed linearly
``queries``     the same inside heads: units that share a key and a value
``stream``      several modules write it, and a part of the model that does also reads it: x + f(x)
``query_key``   never read: two activations are multiplied along it
``value``       mixed linearly inside each unit of another space, written and read
``rank``        mixed linearly, written and read: the inner index of a product of matrices
``experts``     each of its units holds a space of its own, and a matrix writes it without that space
``groups``      each of its units holds a space of its own
``hidden``      everything else
==============  =======================================================================================
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from math import prod

from .leg import Leg
from .symmetry import Symmetry

LINEAR = frozenset({"general_linear", "orthogonal", "plane_rotation"})
"""Groups that mix the units of a space."""

Path = tuple[str, ...]
"""The parts of a dotted name."""

Place = tuple[str, tuple[int, ...], tuple[int, int, int]]
"""A parameter, where a piece of it starts, and the atom that runs over the units."""


class Space:
    """Everything that permutes or mixes the same units.

    Attributes:
        movers: The places of each group that does.
        writer: The first parameter that writes the space.
        common: The smallest module that contains all parameters of the space.
    """

    def __init__(self, symmetries: Sequence[Symmetry]) -> None:
        self.movers = [places(symmetry) for symmetry in symmetries]
        self.writer = writer(symmetries[0])
        self._linear = any(symmetry.group in LINEAR for symmetry in symmetries)
        self._moved = [pair for symmetry in symmetries for pair in _moved(symmetry)]
        self._places = frozenset[Place]().union(*self.movers)
        self._copies = {_place(leg, dim) for leg, _ in self._moved for dim in leg.copies}
        self._atoms: dict[tuple[str, tuple[int, ...]], list[tuple[int, int, int]]] = defaultdict(list)
        for parameter, offset, atom in self._places:
            self._atoms[parameter, offset].append(atom)
        self.common = shared(leg.parameter for leg, _ in self._moved)

    def module(self, spaces: Sequence[Space]) -> Path:
        """The module in which to look for the space: that of the heads, if it lies inside them."""
        outer = [other.common for other in spaces if self._runs_in(other) and other.word(spaces) == "heads"]
        return min([self.common, *outer], key=len)

    def word(self, spaces: Sequence[Space]) -> str:
        """What the space is among all others."""
        inner = [other for other in spaces if other._runs_in(self)]
        if any(other._linear for other in inner):
            return "heads"
        if any(other._linear and other._lies_in(self) for other in spaces):
            return "queries" if self._copies else "heads"
        if self._is_stream():
            return "stream"
        inside = any(self._runs_in(other) or self._lies_in(other) for other in spaces)
        if (self._linear or inside) and not self._owners("reads"):
            return "query_key"
        if self._linear:
            return "value" if inside else "rank"
        if inner:
            held = {block for other in inner for block in other._atoms}
            alone = (leg for leg, act in self._moved if _writes(leg, act))
            return "experts" if any((leg.parameter, leg.offset) not in held for leg in alone) else "groups"
        return "hidden"

    def _is_stream(self) -> bool:
        writers = {owner(leg.parameter) for leg, act in self._moved if _writes(leg, act)}
        return len(writers) > 1 and not self._inside(writers).isdisjoint(self._inside(self._owners("reads")))

    def _owners(self, role: str) -> set[Path]:
        return {owner(leg.parameter) for leg, act in self._moved if leg.roles[act] == role}

    def _inside(self, modules: set[Path]) -> set[Path]:
        """All parts of the space's module that contain one of the given modules."""
        return {path[:depth] for path in modules for depth in range(len(self.common) + 1, len(path) + 1)}

    def _runs_in(self, outer: Space) -> bool:
        """Whether there is a copy of this space for every unit of another."""
        return not self._copies.isdisjoint(outer._places)

    def _lies_in(self, outer: Space) -> bool:
        """Whether the units of another space are stretches of an axis, inside which this space runs."""
        return any(
            axis == outer_axis and step < outer_step
            for parameter, offset, (axis, step, _) in self._places
            for outer_axis, outer_step, _ in outer._atoms.get((parameter, offset), ())
        )


def spaces_of(symmetries: Iterable[Symmetry]) -> list[Space]:
    """Collect the spaces whose units are permuted or mixed."""
    home: dict[Place, list[Symmetry]] = {}
    for symmetry in symmetries:
        if symmetry.group in {*LINEAR, "permutation"} and not moves_branches(symmetry):
            there = places(symmetry)
            known = {id(home[place]): home[place] for place in there if place in home}
            together = [*(other for group in known.values() for other in group), symmetry]
            for member in together:
                home.update(dict.fromkeys(places(member), together))
    return [Space(group) for group in {id(group): group for group in home.values()}.values()]


def places(symmetry: Symmetry) -> frozenset[Place]:
    """Where a symmetry acts: pieces of parameters, each with the axis along which it is moved."""
    return frozenset(_place(leg, leg.acts[act]) for leg, act in _moved(symmetry))


def moves_branches(symmetry: Symmetry) -> bool:
    """Whether it is whole branches that trade places."""
    return any(leg.unit is not None for leg in symmetry.legs)


def writer(symmetry: Symmetry) -> str:
    """The first parameter that writes what a symmetry moves, or the first of all."""
    trained = [leg for leg in symmetry.legs if leg.kind == "parameter"]
    return next((leg for leg in trained if leg.roles[:1] == ("writes",)), trained[0]).parameter


def owner(parameter: str) -> Path:
    """The module that a parameter belongs to."""
    return tuple(parameter.split(".")[:-1])


def shared(parameters: Iterable[str]) -> Path:
    """The smallest module that contains all parameters."""
    paths = sorted(map(owner, parameters))
    first, last = paths[0], paths[-1]
    apart = (i for i, part in enumerate(first) if i >= len(last) or part != last[i])
    return first[: next(apart, len(first))]


def _moved(symmetry: Symmetry) -> Iterator[tuple[Leg, int]]:
    for leg in symmetry.legs:
        if leg.kind == "parameter" and not leg.additive:
            yield from ((leg, act) for act in range(len(leg.acts)))


def _place(leg: Leg, dim: int) -> Place:
    return leg.parameter, leg.offset, leg.atoms[dim]


def _writes(leg: Leg, act: int) -> bool:
    """Whether a leg is a matrix that writes the space; one number a unit (a bias, a gain) only adjusts it."""
    rest = (size for dim, size in enumerate(leg.sizes) if dim != leg.acts[act] and dim not in leg.copies)
    return leg.roles[act] == "writes" and prod(rest) > 1
