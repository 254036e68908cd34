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

from ._absorbed import Absorption, Field, field
from ._constants import Constants
from ._flow import Flow, mixed, power, windows
from ._legs import leg_of
from ._linear_system import Expression, LinearSystem, rational
from ._lower import Block, Key, Lowered, Slot, Step
from ._program import Centre, Map, Term
from ._relations import Relation, Relations
from ._spelling import link
from ._values import Origin
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
        self._words: dict[Signature, dict[Word, None]] = {}
        for block in self._biases:
            signature = self._signature(block, range(len(block.sizes)))
            self._words.setdefault(signature, {})[Word(signature)] = None
        self._swallowed: dict[Field, bool] = {}

    def symmetries(self) -> Iterator[Symmetry]:
        """Yield the translations."""
        size = -1
        while size != (size := sum(map(len, self._words.values()))):
            self._run(LinearSystem())
        system = LinearSystem()
        unknowns, followers = self._run(system)
        for free, multiples in system.nullspace(range(len(unknowns))).items():
            if unknowns[free].word.path:
                continue  # the image of a translation that starts where this word arrives
            legs = [_leg(unknowns[i], float(m)) for i, m in multiples.items() if m]
            for block, arrivals in followers.items():
                for (word, positions), expression in arrivals.items():
                    amount = float(sum(c * multiples.get(i, 0) for i, c in expression.items()))
                    if amount:
                        legs.append(_shifted(block, word, positions, amount))
            root = unknowns[free]
            shape = tuple(root.block.sizes[position] for position in root.positions)
            yield Symmetry("", "translation", prod(shape), 1, tuple(legs), "exactly", shape or (1,))

    def _is_bias(self, block: Block) -> bool:
        return all(
            len(step.inputs) == 1 and not isinstance(step.statement, Map)
            for step, _ in self._flow.readers[block]
        )

    def _reading(self, block: Block) -> Iterator[Unknown]:
        """The axes along which a parameter reads nothing but sums that never change."""
        for position in range(len(block.sizes)):
            relations = [self._read(step, slot, position) for step, slot in self._flow.readers[block]]
            first = relations[0] if relations else None
            if first is not None and all(r is not None and r.covector == first.covector for r in relations):
                rest = [i for i in range(len(block.sizes)) if i != position]
                yield Unknown(
                    block, Word(self._signature(block, rest)), position, tuple(first.covector.items())
                )

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
        unknowns = [
            Unknown(block, word)
            for block in self._biases
            for word in self._words[self._signature(block, range(len(block.sizes)))]
        ]
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
            there = tracked[out, step.statement] if follows else shifts[out]  # type: ignore[index]
            for slot in step.inputs:
                for i, unknown in reading.get(slot.block, ()):
                    self._read_sum(step, slot, i, unknown, there, system)
                for arrival, expression in list(shifts.get(slot.block, {}).items()):
                    self._travel(step, slot, arrival, expression, there, system)
        for block in self._flow.pinned:
            for expression in shifts.get(block, {}).values():
                system.equate(expression)
        return unknowns, self._followers(tracked, system)

    def _followers(
        self, tracked: dict[tuple[Block, Term], dict[Arrival, Expression]], system: LinearSystem
    ) -> dict[Block, dict[Arrival, Expression]]:
        """How far each statistic follows: all calls of a normalisation must agree, no one else may look."""
        followers: dict[Block, dict[Arrival, Expression]] = {}
        for block in dict.fromkeys(block for block, _ in tracked):
            calls = {step.statement for step in self._flow.makers[block]}
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
        slid = windows(step)
        for summand in relation.total if relation is not None else ():
            kept = sorted((k for k in vector if k in step.out.keys), key=lambda k: step.out.keys[k])
            word = shift.word
            if mixed(step) - slid.keys() or not mixed(step).isdisjoint(vector):
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
        there: dict[Arrival, Expression],
        system: LinearSystem,
    ) -> None:
        word, positions = arrival
        by_position = {position: key for key, position in slot.keys.items()}
        vector = [by_position[p] for p in positions]
        moved = self._through(step, slot, word, vector)
        if moved is not None:
            word, keys, factor = moved
            self._arrive(step, word, keys, {i: c * factor for i, c in expression.items()}, there)
        elif not self._dies(step, slot, vector):
            system.equate(expression)

    def _arrive(
        self, step: Step, word: Word, keys: list[Key], amount: Expression, there: dict[Arrival, Expression]
    ) -> None:
        target = tuple(step.out.keys[key] for key in keys)
        arrived = there.setdefault((word, target), {})
        for unknown, coefficient in amount.items():
            arrived[unknown] = arrived.get(unknown, 0) + coefficient
        known = self._words.get(self._signature(step.out.block, target))
        if known is not None and len(known) < MOST:
            known[word] = None

    def _dies(self, step: Step, slot: Slot, vector: list[Key]) -> bool:
        """Whether a shift that is constant along all but a few axes is absorbed, at once or further on."""
        along = dict.fromkeys((k for k in slot.keys if k not in vector), {})
        after = self._absorption.after(step, slot, along)
        return after is not None and all(self._is_swallowed(shift) for shift in after)

    def _is_swallowed(self, shift: Field) -> bool:
        if shift not in self._swallowed:
            self._swallowed[shift] = self._absorption.swallows(shift)
        return self._swallowed[shift]

    def _through(
        self, step: Step, slot: Slot, word: Word, vector: list[Key]
    ) -> tuple[Word, list[Key], Fraction | int] | None:
        statement = step.statement
        if isinstance(statement, (Map, Centre)) or power(step, slot) != 1:
            return None
        factor = rational(getattr(statement, "coefficient", 1))
        others = [other for other in step.inputs if other is not slot]
        slid = windows(step)
        if mixed(step) - slid.keys() or not mixed(step).isdisjoint(vector):
            return None
        if not others:
            if not all(key in step.out.keys for key in vector):
                return None
            return word, vector, factor * _summed(step, slot, slid, vector)
        weighed = self._absorption.weighed(step, slot, others)
        if weighed is not None and weighed not in vector and all(key in step.out.keys for key in vector):
            return word, vector, factor * _summed(step, slot, slid, [*vector, weighed])
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
        counted = _summed(step, slot, slid, [*vector, *matrix.keys])
        return word.then(through), kept, factor * counted


def _summed(step: Step, slot: Slot, slid: dict[Key, Key], apart: list[Key]) -> int:
    """How often a constant is added up along the axes that disappear."""
    gone = [k for k in slot.keys if k not in step.out.keys and k not in slid and k not in apart]
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
