"""Translations that are absorbed downstream, or undone by biases further on.

A shift v of a bias travels as a *word*: the product of the matrices that it has passed, applied to v. What
reads a sum that never changes (the entries of a softmax, or of a centred tensor) may be shifted along that
sum's covector, which makes a word, too. Wherever something nonlinear or an output is reached, the words that
arrive have to cancel. Every bias may carry a multiple of every word that fits it; the multiples solve one
linear system.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cache, partial
from math import prod

from .._program.statements import Map, Term
from .._program.values import Origin
from .._solving.constants import Constants
from .._solving.legs import leg_of
from .._solving.linear_system import Expression, LinearSystem
from .._solving.spelling import link
from .._steps.flow import Flow
from .._steps.lower import Block, Lowered, Slot, Step
from ..leg import Leg
from ..symmetry import Symmetry
from .absorbed import Absorption
from .passage import Passage, Passed
from .relations import Relations
from .shifts import Shifts, add
from .words import MOST, Arrival, Signature, Unknown, Word

FOLLOWING = (Origin.BUFFER, Origin.STATISTIC)
Followers = dict[Block, dict[Arrival, Expression]]
Tracked = dict[tuple[Block, object], dict[Arrival, Expression]]
"""How far each call of a normalisation moves a statistic."""
Beside = tuple[dict[Arrival, None], tuple[int, ...]]
"""The words of a bias, and where in it some axes are of what it is added to."""


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
        self._flow = flow
        self._find = find
        self._passage = Passage(flow, constants, relations, absorption)
        self._signature = cache(self._spaces)
        self._root = cache(Word)
        trained = [b for b in lowered.blocks if b.value.origin is Origin.PARAMETER]
        self._biases = [b for b in trained if self._is_bias(b)]
        self._readers = [reader for b in trained for reader in self._reading(b)]
        self._words = {block: dict.fromkeys(self._own(block)) for block in self._biases}
        self._beside = cache(self._added)

    def symmetries(self) -> Iterator[Symmetry]:
        """Yield the translations."""
        size = -1
        while size != (size := sum(map(len, self._words.values()))):
            # a run may find more words that biases further on can undo
            unknowns, system, followers = self._run()
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

    def _spaces(self, block: Block, positions: tuple[int, ...]) -> Signature:
        return tuple(self._find(block.atom(p)) for p in positions)

    def _own(self, block: Block) -> Iterator[Arrival]:
        """The shifts that may begin at a bias: of all of it, or one that is constant along an axis."""
        everywhere = tuple(range(len(block.sizes)))
        yield self._root(self._signature(block, everywhere)), everywhere
        for position in everywhere if len(everywhere) > 1 else ():
            rest = tuple(i for i in everywhere if i != position)
            yield self._root(self._signature(block, rest)), rest

    def _is_bias(self, block: Block) -> bool:
        return all(
            len(step.inputs) == 1 and not isinstance(step.statement, Map)
            for step, _ in self._flow.readers[block]
        )

    def _reading(self, block: Block) -> Iterator[Unknown]:
        """The axes along which a parameter reads nothing but sums that never change."""
        for position in range(len(block.sizes)) if block not in self._flow.pinned else ():
            relations = [self._passage.relation(*read, position) for read in self._flow.readers[block]]
            first = relations[0] if relations else None
            if first is not None and all(r is not None and r.covector == first.covector for r in relations):
                rest = tuple(i for i in range(len(block.sizes)) if i != position)
                word = self._root(self._signature(block, rest))
                yield Unknown(block, word, rest, position, frozenset(first.covector.items()))

    def _run(self) -> tuple[list[Unknown], LinearSystem, Followers]:
        """Let every word of every bias travel; equate to zero what shows."""
        system, shifts = LinearSystem(), Shifts(self._signature)
        tracked: Tracked = defaultdict(dict)
        unknowns = [Unknown(block, *arrival) for block in self._biases for arrival in self._words[block]]
        # what comes last is solved for: a shift is undone as soon as it can be
        unknowns.sort(key=lambda unknown: (bool(unknown.word.path), -len(unknown.word.path)))
        unknowns = [*self._readers, *unknowns]
        reading: dict[Block, list[int]] = defaultdict(list)
        for i, unknown in enumerate(unknowns):
            if unknown.along is None:
                shifts.add(unknown.block, (unknown.word, unknown.positions), {i: 1})
            else:
                reading[unknown.block].append(i)
        for step in self._flow.steps:
            for place, slot in enumerate(step.inputs):
                for i in reading.get(slot.block, ()):
                    sums = self._passage.read(step, slot, unknowns[i])
                    if sums is None:
                        system.equate({i: 1})
                    for passed in sums or ():
                        self._arrive(step, passed, {i: 1}, shifts, tracked)
                for arrival, amount in list(shifts.of(slot.block).items()):
                    alike = partial(shifts.alike, slot.block, arrival)
                    through = self._passage.through(step, place, *arrival, alike)
                    if through is not None:
                        self._arrive(step, through, amount, shifts, tracked)
                    elif not self._passage.dies(step, slot, alike()):
                        system.equate(amount)
        for block in self._flow.pinned:
            for amount in shifts.of(block).values():
                system.equate(amount)
        return unknowns, system, self._followers(tracked, system)

    def _arrive(
        self, step: Step, passed: Passed, amount: Expression, shifts: Shifts, tracked: Tracked
    ) -> None:
        """Shift what a step makes, and let the biases that are added to it carry the same word."""
        word, target, factor = passed
        out = step.out.block
        added = amount if factor == 1 else {unknown: c * factor for unknown, c in amount.items()}
        if isinstance(step.statement, Term) and out.value.origin in FOLLOWING:
            add(tracked[out, step.written].setdefault((word, target), {}), added)
        else:
            shifts.add(out, (word, target), added)
        for words, there in self._beside(out, target):
            if len(words) < MOST:
                words[word, there] = None

    def _added(self, out: Block, target: tuple[int, ...]) -> list[Beside]:
        """The biases that are added to a block, as far as they have some of its axes."""
        found: list[Beside] = []
        for maker in self._flow.makers[out]:
            bias = maker.inputs[0]
            there = _positions(maker, bias, target)
            if len(maker.inputs) == 1 and bias.block in self._words and there is not None:
                found.append((self._words[bias.block], there))
        return found

    def _followers(self, tracked: Tracked, system: LinearSystem) -> Followers:
        """How far each statistic follows: all calls of a normalisation must agree, no one else may look."""
        followers: Followers = {}
        for block in dict.fromkeys(block for block, _ in tracked):
            calls = {step.written for step in self._flow.makers[block]}
            first, *others = [tracked.get((block, call), {}) for call in calls]
            for other in others:
                for arrival in {**first, **other}:
                    system.equate(_difference(first.get(arrival, {}), other.get(arrival, {})))
            if self._flow.readers[block]:
                for expression in first.values():
                    system.equate(expression)
            followers[block] = first
        return followers


def _positions(maker: Step, bias: Slot, target: tuple[int, ...]) -> tuple[int, ...] | None:
    """Where some axes of what a bias is added to are in the bias, None if it lacks one."""
    there = {maker.out.keys[key]: position for key, position in bias.keys.items() if key in maker.out.keys}
    return tuple(there[t] for t in target) if there.keys() >= set(target) else None


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
