"""Translations of biases that are swallowed by a centring, or undone by other biases further on.

A shift v of a bias travels as a *word*: the product of the matrices that it has passed, applied to v.
Wherever something nonlinear or an output is reached, the words that arrive have to cancel. Every bias may
carry a multiple of every word that fits it; the multiples solve one linear system.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import prod
from string import ascii_letters

from ._flow import Flow, mixed, power, whole, windows
from ._legs import leg_of
from ._linear_system import Expression, LinearSystem, rational
from ._lower import Block, Key, Lowered, Slot, Step
from ._program import Centre, Map, Term
from ._values import Origin
from .symmetry import Leg, Link, Symmetry, View

LONGEST = 4
MOST = 32
"""Longer words and more words for one bias are not followed: their shifts are taken to show."""

FOLLOWING = (Origin.BUFFER, Origin.STATISTIC)
CONSTANT = (Origin.PARAMETER, Origin.BUFFER, Origin.FIXED)
Signature = tuple[int, ...]


@dataclass(frozen=True)
class Word:
    """A vector of the space ``root`` after some linear maps."""

    root: Signature
    path: tuple[tuple[Block, str], ...] = ()


Arrival = tuple[Word, tuple[int, ...]]
"""A word, and the positions in the block along which its vector runs."""


def compensated(lowered: Lowered, flow: Flow, find: Callable[[int], int]) -> Iterator[Symmetry]:
    """Yield the translations of biases that nothing downstream can see."""
    yield from _Shifts(lowered, flow, find).symmetries()


class _Shifts:
    def __init__(self, lowered: Lowered, flow: Flow, find: Callable[[int], int]) -> None:
        self._lowered, self._flow, self._find = lowered, flow, find
        self._sources = [b for b in lowered.blocks if self._is_bias(b)]
        self._words: dict[Signature, dict[Word, None]] = {}
        for block in self._sources:
            signature = self._signature(block, range(len(block.sizes)))
            self._words.setdefault(signature, {})[Word(signature)] = None

    def symmetries(self) -> Iterator[Symmetry]:
        size = -1
        while size != (size := sum(map(len, self._words.values()))):
            self._run(LinearSystem())
        system = LinearSystem()
        unknowns, followers = self._run(system)
        for free, multiples in system.nullspace(range(len(unknowns))).items():
            if unknowns[free][1].path:
                continue  # the image of a translation that starts where this word arrives
            chosen = [(unknowns[i], float(m)) for i, m in multiples.items() if m]
            legs = [self._leg(block, word, tuple(range(len(block.sizes))), m) for (block, word), m in chosen]
            for block, arrivals in followers.items():
                for (word, positions), expression in arrivals.items():
                    amount = float(sum(c * multiples.get(i, 0) for i, c in expression.items()))
                    if amount:
                        legs.append(self._leg(block, word, positions, amount))
            root = unknowns[free][0]
            yield Symmetry("", "translation", prod(root.sizes), 1, tuple(legs), "exactly", root.sizes or (1,))

    def _is_bias(self, block: Block) -> bool:
        return block.value.origin is Origin.PARAMETER and all(
            len(step.inputs) == 1 and not isinstance(step.statement, Map)
            for step, _ in self._flow.readers[block]
        )

    def _signature(self, block: Block, positions: object) -> Signature:
        return tuple(self._find(block.atom(p)) for p in positions)  # type: ignore[attr-defined]

    def _run(
        self, system: LinearSystem
    ) -> tuple[list[tuple[Block, Word]], dict[Block, dict[Arrival, Expression]]]:
        """Let every word of every bias travel; equate to zero what shows."""
        shifts: dict[Block, dict[Arrival, Expression]] = defaultdict(dict)
        tracked: dict[tuple[Block, Term], dict[Arrival, Expression]] = defaultdict(dict)
        unknowns = [
            (block, word)
            for block in self._sources
            for word in self._words[self._signature(block, range(len(block.sizes)))]
        ]
        # what comes last is solved for: a shift is undone as soon as it can be
        unknowns.sort(key=lambda unknown: (bool(unknown[1].path), -len(unknown[1].path)))
        for i, (block, word) in enumerate(unknowns):
            shifts[block][word, tuple(range(len(block.sizes)))] = {i: 1}
        for step in self._flow.steps:
            for slot in step.inputs:
                for arrival, expression in list(shifts.get(slot.block, {}).items()):
                    out = step.out.block
                    follows = isinstance(step.statement, Term) and out.value.origin in FOLLOWING
                    there = tracked[out, step.statement] if follows else shifts[out]  # type: ignore[index]
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
        if isinstance(step.statement, Centre):
            over = whole(step, step.statement.over)
            if over is not None and over.isdisjoint(vector):
                return
        if isinstance(step.statement, Map):
            over = whole(step, step.statement.absorbs)
            if over and over.isdisjoint(vector):
                return
        moved = self._through(step, slot, word, vector)
        if moved is None:
            system.equate(expression)
            return
        word, keys, factor = moved
        target = tuple(step.out.keys[key] for key in keys)
        arrived = there.setdefault((word, target), {})
        for unknown, coefficient in expression.items():
            arrived[unknown] = arrived.get(unknown, 0) + coefficient * factor
        known = self._words.get(self._signature(step.out.block, target))
        if known is not None and len(known) < MOST:
            known[word] = None

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
            return word, vector, factor * self._summed(step, slot, slid, vector)
        (matrix,) = others if len(others) == 1 else (None,)
        if matrix is None or power(step, matrix) != 1:
            return None
        source, places = self._flow.source(matrix.block)
        if not source.value.name or source.value.origin not in CONSTANT:
            return None
        if len(word.path) >= LONGEST or not vector:
            return None
        kept = sorted(
            (k for k in {*vector, *matrix.keys} if k in step.out.keys), key=lambda k: step.out.keys[k]
        )
        letter = dict(zip(dict.fromkeys([*vector, *matrix.keys]), ascii_letters, strict=False))
        order = sorted(matrix.keys, key=lambda k: places[matrix.keys[k]])
        equation = f"{_spell(order, letter)},{_spell(vector, letter)}->{_spell(kept, letter)}"
        counted = self._summed(step, slot, slid, [*vector, *matrix.keys])
        return Word(word.root, (*word.path, (source, equation))), kept, factor * counted

    def _summed(self, step: Step, slot: Slot, slid: dict[Key, Key], apart: list[Key]) -> int:
        """How often a constant is added up along the axes that disappear."""
        gone = [k for k in slot.keys if k not in step.out.keys and k not in slid and k not in apart]
        return prod(slot.block.sizes[slot.keys[k]] for k in gone)

    def _leg(self, block: Block, word: Word, positions: tuple[int, ...], multiple: float) -> Leg:
        chain = tuple(Link(_view(matrix), equation) for matrix, equation in word.path)
        return leg_of(
            block,
            acts=positions or (len(block.sizes),),
            powers=(multiple,),
            chain=chain,
            whole=not positions,
        )


def _difference(one: Expression, other: Expression) -> Expression:
    return {unknown: one.get(unknown, 0) - other.get(unknown, 0) for unknown in {**one, **other}}


def _spell(keys: list[Key], letter: dict[Key, str]) -> str:
    return "".join(letter[key] for key in keys)


def _view(block: Block) -> View:
    return View(
        block.value.name,
        tuple(piece.offset for piece in block.pieces),
        tuple((axis, step, dim.size) for axis, piece in enumerate(block.pieces) for dim, step in piece.atoms),
    )
