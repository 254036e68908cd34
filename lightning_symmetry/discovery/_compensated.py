"""Translations that are absorbed downstream, or undone by biases further on.

A shift v of a bias travels as a *word*: the product of the matrices that it has passed, applied to v. What
reads a sum that never changes (the entries of a softmax, or of a centred tensor) may be shifted along that
sum's covector, which makes a word, too. Wherever something nonlinear or an output is reached, the words that
arrive have to cancel. Every bias may carry a multiple of every word that fits it; the multiples solve one
linear system.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from math import prod

from ._absorbed import Absorption, Field, Places
from ._constants import Constants
from ._flow import Flow, evenly, mixed, power
from ._legs import leg_of
from ._linear_system import Expression, LinearSystem, rational
from ._lower import Block, Key, Lowered, Slot, Step
from ._program import Centre, Map, Term
from ._relations import Relation, Relations
from ._spelling import link
from ._values import Origin, Value
from ._words import LONGEST, MOST, Arrival, Signature, Unknown, Word
from .leg import Leg
from .symmetry import Symmetry

FOLLOWING = (Origin.BUFFER, Origin.STATISTIC)
Reading = tuple[int, Unknown]


class Compensation:
    """Finds the translations that nothing downstream can see."""

    def __init__(
        self,
        lowered: Lowered,
        flow: Flow,
        constants: Constants,
        relations: Relations,
        absorption: Absorption,
        find: Callable[[int], int],
    ) -> None:
        self._flow, self._constants, self._relations = flow, constants, relations
        self._absorption, self._find = absorption, find
        trained = [b for b in lowered.blocks if b.value.origin is Origin.PARAMETER]
        self._biases = [b for b in trained if self._is_bias(b)]
        self._readers = [reader for b in trained for reader in self._reading(b)]
        self._words = {block: dict.fromkeys(self._own(block)) for block in self._biases}
        self._swallowed: dict[Field, bool] = {}
        self._pieces: dict[Value, list[Block]] = defaultdict(list)
        for block in lowered.blocks:
            self._pieces[block.value].append(block)

    def symmetries(self) -> Iterator[Symmetry]:
        """Yield the translations."""
        size = -1
        while size != (size := sum(map(len, self._words.values()))):
            self._run(LinearSystem())
        system = LinearSystem()
        unknowns, followers = self._run(system)
        null = system.nullspace(range(len(unknowns)))
        anything = {unknowns[free].block for free in null if unknowns[free].entire}
        for free, multiples in null.items():
            root = unknowns[free]
            if root.word.path or (root.block in anything and root.along is None and not root.entire):
                continue  # the image of a translation that starts elsewhere, or a part of one
            legs = [_leg(unknowns[i], float(m)) for i, m in multiples.items() if m]
            for block, arrivals in followers.items():
                for (word, positions), expression in arrivals.items():
                    amount = float(sum(c * multiples.get(i, 0) for i, c in expression.items()))
                    if amount:
                        legs.append(_shifted(block, word, positions, amount))
            if len(legs) == 1 and root.along is None and not root.entire:
                continue  # what is absorbed needs no compensation
            shape = tuple(root.block.sizes[position] for position in root.positions)
            yield Symmetry("", "translation", prod(shape), 1, tuple(legs), "exactly", shape or (1,))

    def _own(self, block: Block) -> Iterator[Arrival]:
        """The shifts that may begin at a bias: of all of it, or one that is constant along an axis."""
        everywhere = tuple(range(len(block.sizes)))
        yield Word(self._signature(block, everywhere)), everywhere
        for position in everywhere if len(everywhere) > 1 else ():
            rest = tuple(i for i in everywhere if i != position)
            yield Word(self._signature(block, rest)), rest

    def _is_bias(self, block: Block) -> bool:
        return all(
            len(step.inputs) == 1 and not isinstance(step.statement, Map)
            for step, _ in self._flow.readers[block]
        )

    def _reading(self, block: Block) -> Iterator[Unknown]:
        """The axes along which a parameter reads nothing but sums that never change."""
        for position in range(len(block.sizes)) if block not in self._flow.pinned else ():
            relations = [self._read(step, slot, position) for step, slot in self._flow.readers[block]]
            first = relations[0] if relations else None
            if first is not None and all(r is not None and r.covector == first.covector for r in relations):
                rest = tuple(i for i in range(len(block.sizes)) if i != position)
                covector = frozenset(first.covector.items())
                yield Unknown(block, Word(self._signature(block, rest)), rest, position, covector)

    def _read(self, step: Step, slot: Slot, position: int) -> Relation | None:
        """The relation of what a step contracts with one axis of an input."""
        key = next(k for k, p in slot.keys.items() if p == position)
        others = [other for other in step.inputs if other is not slot]
        plain = isinstance(step.statement, Term) and len(others) == 1 and power(step, slot) == 1
        if not plain or key in step.out.keys or key not in others[0].keys or power(step, others[0]) != 1:
            return None
        return self._relations.of(others[0].block, others[0].keys[key])

    def _signature(self, block: Block, positions: Iterable[int]) -> Signature:
        return tuple(self._find(block.atom(p)) for p in positions)

    def _run(self, system: LinearSystem) -> tuple[list[Unknown], dict[Block, dict[Arrival, Expression]]]:
        """Let every word of every bias travel; equate to zero what shows."""
        shifts: dict[Block, dict[Arrival, Expression]] = defaultdict(dict)
        tracked: dict[tuple[Block, Term], dict[Arrival, Expression]] = defaultdict(dict)
        unknowns = [Unknown(block, *arrival) for block in self._biases for arrival in self._words[block]]
        # what comes last is solved for: a shift is undone as soon as it can be
        unknowns.sort(key=lambda unknown: (bool(unknown.word.path), -len(unknown.word.path)))
        unknowns = [*self._readers, *unknowns]
        reading: dict[Block, list[Reading]] = defaultdict(list)
        for i, unknown in enumerate(unknowns):
            if unknown.along is None:
                shifts[unknown.block][unknown.word, unknown.positions] = {i: 1}
            else:
                reading[unknown.block].append((i, unknown))
        for step in self._flow.steps:
            out = step.out.block
            follows = isinstance(step.statement, Term) and out.value.origin in FOLLOWING
            there = tracked[out, step.written] if follows else shifts[out]  # type: ignore[index]
            for slot in step.inputs:
                for i, unknown in reading.get(slot.block, ()):
                    self._read_sum(step, slot, i, unknown, there, system)
                for arrival, expression in list(shifts.get(slot.block, {}).items()):
                    alike = self._alike(slot.block, arrival, expression, shifts)
                    self._travel(step, slot, arrival, expression, alike, there, system)
        for block in self._flow.pinned:
            for expression in shifts.get(block, {}).values():
                system.equate(expression)
        return unknowns, self._followers(tracked, system)

    def _alike(
        self,
        block: Block,
        arrival: Arrival,
        expression: Expression,
        shifts: dict[Block, dict[Arrival, Expression]],
    ) -> dict[Block, tuple[int, ...]]:
        """The pieces of a tensor that all are shifted as one of them is, and where the shift varies."""
        word, positions = arrival
        found = {block: positions}
        if len(self._pieces[block.value]) == 1:
            return found
        signature = self._signature(block, positions)
        for piece in self._pieces[block.value]:
            for (other, places), amount in shifts.get(piece, {}).items():
                same = other == word and amount == expression and piece is not block
                if same and self._signature(piece, places) == signature:
                    found[piece] = places
        return found

    def _followers(
        self, tracked: dict[tuple[Block, Term], dict[Arrival, Expression]], system: LinearSystem
    ) -> dict[Block, dict[Arrival, Expression]]:
        """How far each statistic follows: all calls of a normalisation must agree, no one else may look."""
        followers: dict[Block, dict[Arrival, Expression]] = {}
        for block in dict.fromkeys(block for block, _ in tracked):
            calls = {step.written for step in self._flow.makers[block]}
            first, *others = [tracked.get((block, call), {}) for call in calls]  # type: ignore[arg-type]
            for other in others:
                for arrival in {**first, **other}:
                    system.equate(_difference(first.get(arrival, {}), other.get(arrival, {})))
            if self._flow.readers[block]:
                for expression in first.values():
                    system.equate(expression)
            followers[block] = first
        return followers

    def _read_sum(
        self,
        step: Step,
        slot: Slot,
        unknown: int,
        shift: Unknown,
        there: dict[Arrival, Expression],
        system: LinearSystem,
    ) -> None:
        """Where a shift along a covector goes: what is read changes by the sum times the word."""
        relation = self._read(step, slot, shift.along or 0)
        by_position = {position: key for key, position in slot.keys.items()}
        vector = [by_position[p] for p in shift.positions]
        for summand in relation.total if relation is not None else ():
            kept = sorted((k for k in vector if k in step.out.keys), key=lambda k: step.out.keys[k])
            word = shift.word
            if not _constant_in_windows(step, vector):
                system.equate({unknown: 1})
                return
            if summand.factors or len(kept) < len(vector):
                factors = [(constant, exponent, ("sum",)) for constant, exponent in summand.factors]
                word = word.then(link(factors, vector, kept))
            factor = rational(summand.coefficient) * rational(getattr(step.statement, "coefficient", 1))
            self._arrive(step, word, kept, {unknown: factor}, there)

    def _travel(
        self,
        step: Step,
        slot: Slot,
        arrival: Arrival,
        expression: Expression,
        alike: dict[Block, tuple[int, ...]],
        there: dict[Arrival, Expression],
        system: LinearSystem,
    ) -> None:
        """Let a shift, shared by all blocks that are alike, pass a step."""
        word, positions = arrival
        by_position = {position: key for key, position in slot.keys.items()}
        vector = [by_position[p] for p in positions]
        moved = self._through(step, slot, word, vector, alike)
        if moved is not None:
            word, keys, factor = moved
            self._arrive(step, word, keys, {i: c * factor for i, c in expression.items()}, there)
        elif not self._dies(step, slot, alike):
            system.equate(expression)

    def _arrive(
        self, step: Step, word: Word, keys: list[Key], amount: Expression, there: dict[Arrival, Expression]
    ) -> None:
        target = tuple(step.out.keys[key] for key in keys)
        arrived = there.setdefault((word, target), {})
        for unknown, coefficient in amount.items():
            arrived[unknown] = arrived.get(unknown, 0) + coefficient
        for maker in self._flow.makers[step.out.block]:
            bias = maker.inputs[0]
            known = self._words.get(bias.block) if len(maker.inputs) == 1 else None
            there_too = _positions(maker, bias, target)
            if known is not None and len(known) < MOST and there_too is not None:
                known[word, there_too] = None

    def _dies(self, step: Step, slot: Slot, alike: dict[Block, tuple[int, ...]]) -> bool:
        """Whether a shift that is constant along all but a few axes is absorbed, at once or further on."""
        shift = Field(tuple((block, _elsewhere(block, places)) for block, places in alike.items()))
        (reading,) = (r for r in self._absorption.readings(alike) if (step, slot) in r)
        onward = self._absorption.onward(reading, shift)
        return onward is not None and all(self._is_swallowed(shift) for shift in onward)

    def _is_swallowed(self, shift: Field) -> bool:
        if shift not in self._swallowed:
            self._swallowed[shift] = self._absorption.swallows(shift)
        return self._swallowed[shift]

    def _through(
        self, step: Step, slot: Slot, word: Word, vector: list[Key], alike: dict[Block, tuple[int, ...]]
    ) -> tuple[Word, list[Key], Fraction | int] | None:
        statement = step.statement
        if isinstance(statement, (Map, Centre)) or power(step, slot) != 1:
            return None
        factor = rational(getattr(statement, "coefficient", 1))
        others = [other for other in step.inputs if other is not slot]
        if not _constant_in_windows(step, vector):
            return None
        if not others:
            if not all(key in step.out.keys for key in vector):
                return None
            return word, vector, factor * _summed(step, slot, vector)
        if all(key in step.out.keys for key in vector):
            weighed = self._absorption.weighed(step, slot, others)
            if weighed and weighed.isdisjoint(vector):
                return word, vector, factor * _summed(step, slot, [*vector, *weighed])
            if self._weighed_in_pieces(step, slot, others, alike):
                first = next(s for s in self._flow.makers[step.out.block] if s.written is step.written)
                return word, vector, factor if step is first else 0
        (matrix,) = others if len(others) == 1 else (None,)
        constant = self._constants.of(matrix.block) if matrix is not None else None
        if matrix is None or constant is None or power(step, matrix) % 1:
            return None
        if len(word.path) >= LONGEST or not vector:
            return None
        kept = sorted(
            (k for k in {*vector, *matrix.keys} if k in step.out.keys), key=lambda k: step.out.keys[k]
        )
        order = sorted(matrix.keys, key=lambda k: matrix.keys[k])
        through = link([(constant, int(power(step, matrix)), order)], vector, kept)
        counted = _summed(step, slot, [*vector, *matrix.keys])
        return word.then(through), kept, factor * counted

    def _weighed_in_pieces(
        self, step: Step, slot: Slot, others: list[Slot], alike: dict[Block, tuple[int, ...]]
    ) -> bool:
        """Whether the steps that make a block average pieces of one shift with weights that sum to one."""
        if len(others) != 1 or power(step, others[0]) != 1:
            return False
        place, other = step.inputs.index(slot), step.inputs.index(others[0])
        makers = [s for s in self._flow.makers[step.out.block] if s.written is step.written]
        return (
            {s.inputs[place].block for s in makers} == set(alike)
            and all(_only_weighs(s, place, other) for s in makers)
            and self._relations.shared([(s.inputs[other].block, _contracted(s, other)) for s in makers])
        )


def _elsewhere(block: Block, positions: tuple[int, ...]) -> Places:
    """All positions but some."""
    return frozenset((i, frozenset()) for i in range(len(block.sizes)) if i not in positions)


def _positions(maker: Step, bias: Slot, target: tuple[int, ...]) -> tuple[int, ...] | None:
    """Where some axes of what a bias is added to are in the bias, None if it lacks one."""
    there = {maker.out.keys[key]: position for key, position in bias.keys.items() if key in maker.out.keys}
    return tuple(there[t] for t in target) if there.keys() >= set(target) else None


def _contracted(step: Step, place: int) -> frozenset[int]:
    """The positions of an input's atoms that a step sums over."""
    return frozenset(p for key, p in step.inputs[place].keys.items() if key not in step.out.keys)


def _constant_in_windows(step: Step, vector: list[Key]) -> bool:
    """Whether a shift along some axes passes a sliding window, if there is one, as it is."""
    return not mixed(step) or (evenly(step) and mixed(step).isdisjoint(vector))


def _only_weighs(step: Step, place: int, weights: int) -> bool:
    """Whether a step contracts nothing but axes of its weights."""
    gone = {key for key in step.inputs[place].keys if key not in step.out.keys}
    return gone <= step.inputs[weights].keys.keys() and not mixed(step)


def _summed(step: Step, slot: Slot, apart: list[Key]) -> int:
    """How often a constant is added up along the axes that disappear."""
    gone = [k for k in slot.keys if k not in step.out.keys and k not in mixed(step) and k not in apart]
    return prod(slot.block.sizes[slot.keys[k]] for k in gone)


def _leg(unknown: Unknown, multiple: float) -> Leg:
    if not unknown.frame:
        return _shifted(unknown.block, unknown.word, unknown.positions, multiple)
    everywhere = tuple(range(len(unknown.block.sizes)))
    gains = [(gain, exponent, (unknown.along,)) for gain, exponent in unknown.frame.items()]
    outer = link(gains, unknown.positions, everywhere)
    return _shifted(unknown.block, unknown.word.then(outer), everywhere, multiple)


def _shifted(block: Block, word: Word, positions: tuple[int, ...], multiple: float) -> Leg:
    return leg_of(
        block,
        acts=positions or (len(block.sizes),),
        powers=(multiple,),
        chain=word.path,
        whole=not positions,
    )


def _difference(one: Expression, other: Expression) -> Expression:
    return {unknown: one.get(unknown, 0) - other.get(unknown, 0) for unknown in {**one, **other}}
