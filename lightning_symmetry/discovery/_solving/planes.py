"""Planes that a network rotates itself, and so may be rotated.

A rotary embedding takes two halves of a query, x₁ and x₂, to cos·x₁ − sin·x₂ and cos·x₂ + sin·x₁. A rotation
of the plane (x₁, x₂) commutes with that, and every tensor that it reaches consists of two halves that rotate
into each other, or of products of two such pairs that stay the same. Starting where two parts of one tensor
are mixed, the pairs are followed through the graph in both directions until everything fits, or something
does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import prod
from typing import NamedTuple

from .._program.statements import Centre, Map, Term
from .._program.values import Origin
from .._steps.flow import Flow
from .._steps.lower import Block, Slot, Step
from .._steps.numbering import Numbering
from .._steps.sums import is_plain
from ..leg import Leg
from ..symmetry import Symmetry
from .legs import in_plane, leg_of
from .likeness import same_axes

PAIRED = (Origin.COMPUTED, Origin.PARAMETER)


class _Unpaired(Exception):
    """Something does not rotate along."""


class _Pair(NamedTuple):
    """Two blocks: a rotation by a small angle ε adds −sense·ε·second to first, sense·ε·first to second."""

    first: Block
    second: Block
    sense: int


class Planes:
    """Finds the plane rotations of a program."""

    def __init__(self, flow: Flow, numbering: Numbering, find: Callable[[int], int]) -> None:
        self._flow, self._numbering, self._find = flow, numbering, find

    def symmetries(self) -> Iterator[Symmetry]:
        """Yield the rotations."""
        seen: set[Block] = set()
        for one, other in self._seeds():
            if one in seen or other in seen:
                continue
            try:
                closure = _Closure(self._flow, self._numbering, _Pair(one, other, 1))
            except _Unpaired:
                continue
            seen.update(closure.turns)
            symmetry = self._symmetry(closure)
            if symmetry is not None:
                yield symmetry

    def _seeds(self) -> Iterator[tuple[Block, Block]]:
        """Parts of one tensor that are added up after having been multiplied."""
        for makers in list(self._flow.makers.values()):
            if len(makers) == 2 and all(isinstance(step.statement, Term) for step in makers):
                for one in self._factors(makers[0]):
                    for other in self._factors(makers[1]):
                        alike = one.value is other.value and one.sizes == other.sizes
                        if alike and one is not other:
                            yield one, other

    def _factors(self, step: Step) -> list[Block]:
        """What a step multiplies, itself or by way of the product that it adds."""
        if len(step.inputs) > 1:
            return [slot.block for slot in step.inputs]
        return [slot.block for maker in self._flow.makers[step.inputs[0].block] for slot in maker.inputs]

    def _symmetry(self, closure: _Closure) -> Symmetry | None:
        pairs = closure.pairs()
        moved = [pair for pair in pairs if pair.first.value.origin is Origin.PARAMETER]
        if not moved:
            return None
        diagonal = self._diagonal(closure, pairs)
        legs = tuple(self._leg(pair, diagonal) for pair in moved)
        first = legs[0]
        size = 2 * first.sizes[first.acts[0]]
        copies = prod(first.sizes[dim] for dim in first.copies)
        return Symmetry("", "plane_rotation", size, copies, legs, "exactly", (size,))

    def _diagonal(self, closure: _Closure, pairs: list[_Pair]) -> list[int]:
        """The classes whose indices all pairs share, so that every index may have an angle of its own."""
        shared: list[int] | None = None
        for pair in pairs:
            classes = [self._find(atom) for atom in pair.first.atoms]
            alone = [c for c in classes if classes.count(c) == 1]
            shared = alone if shared is None else [c for c in shared if c in alone]
        return [c for c in shared or () if all(self._aligned(closure, step, c) for step in closure.steps)]

    def _aligned(self, closure: _Closure, step: Step, c: int) -> bool:
        slots = [slot for slot in step.slots if slot.block in closure.turns]
        return len({key for slot in slots for key in slot.keys if self._find(slot.variable(key)) == c}) == 1

    def _leg(self, pair: _Pair, diagonal: list[int]) -> Leg:
        places = {self._find(atom): position for position, atom in enumerate(pair.first.atoms)}
        positions = [places[c] for c in diagonal]
        *copies, unit = positions or [len(pair.first.sizes)]
        leg = leg_of(
            pair.first, acts=(unit,), powers=(float(pair.sense),), copies=tuple(copies), whole=not positions
        )
        return in_plane(leg, pair.second)


class _Closure:
    """All pairs that rotate along with a first one."""

    def __init__(self, flow: Flow, numbering: Numbering, seed: _Pair) -> None:
        self._flow, self._numbering = flow, numbering
        self.turns: dict[Block, tuple[Block, int]] = {}
        self.steps: dict[Step, None] = {}
        self._unread: list[_Pair] = []
        self._unmade: list[_Pair] = []
        self._pair(seed)
        while self._unread or self._unmade:
            # who reads a pair is told by where it comes from, who makes it perhaps only by what else is known
            if self._unread:
                self._read(self._unread.pop())
            else:
                self._made(self._unmade.pop(0))
        for step in self.steps:
            paired = sum(slot.block in self.turns for slot in step.inputs)
            if paired != (1 if step.out.block in self.turns else 2) and not _is_length(step):
                raise _Unpaired

    def pairs(self) -> list[_Pair]:
        """Every pair once, in the order of the program."""
        found = (_Pair(one, other, -sense) for one, (other, sense) in self.turns.items())
        return sorted(
            (p for p in found if p.first.variable < p.second.variable), key=lambda p: p.first.variable
        )

    def _pair(self, pair: _Pair) -> None:
        one, other, sense = pair
        if one in self.turns or other in self.turns:
            if self.turns.get(one) != (other, -sense) or self.turns.get(other) != (one, sense):
                raise _Unpaired
            return
        fits = one is not other and (one.sizes, one.about) == (other.sizes, other.about)
        if one.value.name or other.value.name:
            fits = fits and one.value is other.value
        if not fits or one.value.origin not in PAIRED or {one, other} & self._flow.pinned:
            raise _Unpaired
        self.turns |= {one: (other, -sense), other: (one, sense)}
        self._unread.append(pair)
        self._unmade.append(pair)

    def _made(self, pair: _Pair) -> None:
        """What makes the first block has to make the second one from partners."""
        left = list(self._flow.makers[pair.second])
        for step in self._flow.makers[pair.first]:
            found = [(twin, d[0]) for twin in left if (d := self._differing(step, twin)) and len(d) == 1]
            ranked = sorted(found, key=lambda item: self._strangeness(*item[1]))
            if not ranked:
                raise _Unpaired
            twin, (one, other) = ranked[0]
            left.remove(twin)
            self._pair(_Pair(one.block, other.block, pair.sense * _relative(step, twin)))
            self.steps |= {step: None, twin: None}
        if left:
            raise _Unpaired

    def _strangeness(self, one: Slot, other: Slot) -> int:
        """How unlikely two blocks are to be a pair: least if they are one, less if one value feeds both."""
        if one.block in self.turns or other.block in self.turns:
            return 0 if self.turns.get(one.block, (None,))[0] is other.block else 3
        makers = (self._flow.makers[one.block], self._flow.makers[other.block])
        fed = [self._differing(a, b) or [] for a, b in zip(*makers, strict=False)]
        kin = all(a.block.value is b.block.value for pairs in fed for a, b in pairs)
        return 1 if fed and kin else 2

    def _read(self, pair: _Pair) -> None:
        """What reads the first block has to read the second one in the same way."""
        left = list(self._flow.readers[pair.second])
        for step, slot in self._flow.readers[pair.first]:
            for twin, twin_slot in left:
                differing = self._differing(step, twin)
                if differing is not None and (slot, twin_slot) in differing and _fits(step, twin, differing):
                    break
            else:
                raise _Unpaired
            left.remove((twin, twin_slot))
            others = [item for item in differing if item != (slot, twin_slot)]
            self._follow(pair, step, twin, others)
            self.steps |= {step: None, twin: None}
        if left:
            raise _Unpaired

    def _follow(self, pair: _Pair, step: Step, twin: Step, others: list[tuple[Slot, Slot]]) -> None:
        sense = pair.sense * _relative(step, twin)
        one, other = step.out.block, twin.out.block
        if one is not other and not others:
            self._pair(_Pair(one, other, sense))
        elif one is other and others:
            ((left, right),) = others
            self._pair(_Pair(left.block, right.block, sense))
        elif one is not other or not _is_length(step) or _relative(step, twin) != 1:
            raise _Unpaired

    def _differing(self, step: Step, twin: Step) -> list[tuple[Slot, Slot]] | None:
        """The inputs in which two steps differ, None if they differ in more than that."""
        one, other = step.statement, twin.statement
        if isinstance(one, (Map, Centre)) or type(one) is not type(other):
            return None
        if step.written is not twin.written and not (is_plain(step) and is_plain(twin)):
            return None
        if _powers(step) != _powers(twin) or _relative(step, twin) == 0 or not same_axes(step, twin):
            return None
        number = self._numbering.of
        pairs = zip(step.inputs, twin.inputs, strict=True)
        return [(a, b) for a, b in pairs if a.block is not b.block and number(a.block) != number(b.block)]


def _fits(step: Step, twin: Step, differing: list[tuple[Slot, Slot]]) -> bool:
    """Whether two steps map a pair to a pair, or multiply two pairs and add the products up."""
    if step.out.block is not twin.out.block:
        return len(differing) == 1
    return len(differing) == 2 or _is_length(step)


def _powers(step: Step) -> tuple[float, ...]:
    return tuple(o.power for o in step.statement.inputs) if isinstance(step.statement, Term) else (1,)


def _relative(step: Step, twin: Step) -> int:
    """The sign of the first coefficient relative to the second, 0 if they differ in size."""
    one, other = (getattr(s.statement, "coefficient", 1) for s in (step, twin))
    return 1 if one == other else -1 if one == -other else 0


def _is_length(step: Step) -> bool:
    return _powers(step) == (2,)
