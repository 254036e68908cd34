"""How a shift that has become a word passes a step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from functools import cache
from math import prod

from .._program.statements import Centre, Map, Term
from .._solving.constants import Constants
from .._solving.linear_system import rational
from .._solving.spelling import link
from .._steps.flow import Flow, evenly, mixed, power, slides
from .._steps.lower import Block, Key, Slot, Step
from .absorbed import Absorption
from .field import Field, Places
from .relations import Relation, Relations
from .way import SHOWS, Way
from .words import LONGEST, Unknown, Word

Alike = Mapping[Block, tuple[int, ...]]
"""Pieces of a tensor that are shifted by the same word, with the positions along which its vector runs."""

Passed = tuple[Word, tuple[int, ...], "Fraction | int"]
"""What a word becomes, along which positions of what a step makes, and how often it is added."""


class Passage:
    """Tells what steps do to words."""

    def __init__(
        self, flow: Flow, constants: Constants, relations: Relations, absorption: Absorption
    ) -> None:
        self._flow, self._constants = flow, constants
        self._relations, self._absorption = relations, absorption
        self._swallowed: dict[Field, bool] = {}
        self._dying: dict[object, bool] = {}
        self._way = cache(self._found)

    def through(
        self, step: Step, place: int, word: Word, positions: tuple[int, ...], alike: Callable[[], Alike]
    ) -> Passed | None:
        """What a word becomes in a step that is linear in its input at ``place``, None if it is not."""
        way = self._way(step, place, positions)
        if way.pieces and way.pieces == alike().keys():
            return word, way.straight, way.weighed
        if way.onto is None or (way.link is not None and len(word.path) >= LONGEST):
            return None
        return way.image(word), way.onto, way.factor

    def _found(self, step: Step, place: int, positions: tuple[int, ...]) -> Way:
        slot = step.inputs[place]
        if isinstance(step.statement, (Map, Centre)) or power(step, slot) != 1:
            return SHOWS
        by_position = {position: key for key, position in slot.keys.items()}
        vector = [by_position[p] for p in positions]
        if not _constant_in_windows(step, vector):
            return SHOWS
        factor = rational(getattr(step.statement, "coefficient", 1))
        others = [other for other in step.inputs if other is not slot]
        multiplied = self._multiplied(step, slot, vector, others[0]) if len(others) == 1 else SHOWS
        if not all(key in step.out.keys for key in vector):
            return multiplied
        onto = tuple(step.out.keys[key] for key in vector)
        if not others:
            return Way(onto, factor * _summed(step, slot, vector))
        weighed = self._absorption.weighed(step, slot, others)
        if weighed and weighed.isdisjoint(vector):
            return Way(onto, factor * _summed(step, slot, [*vector, *weighed]))
        pieces = self._weighed_pieces(step, slot, others)
        first = next(s for s in self._flow.makers[step.out.block] if s.written is step.written)
        weight = factor if step is first else 0
        return replace(multiplied, pieces=pieces, straight=onto, weighed=weight)

    def _multiplied(self, step: Step, slot: Slot, vector: list[Key], matrix: Slot) -> Way:
        """The way through a matrix that depends on no data."""
        constant = self._constants.of(matrix.block)
        if constant is None or power(step, matrix) % 1 or not vector:
            return SHOWS
        kept = sorted(
            (k for k in {*vector, *matrix.keys} if k in step.out.keys), key=lambda k: step.out.keys[k]
        )
        order = sorted(matrix.keys, key=lambda k: matrix.keys[k])
        through = link([(constant, int(power(step, matrix)), order)], vector, kept)
        counted = _summed(step, slot, [*vector, *matrix.keys])
        factor = rational(getattr(step.statement, "coefficient", 1)) * counted
        return Way(tuple(step.out.keys[key] for key in kept), factor, through)

    def dies(self, step: Step, slot: Slot, alike: Alike) -> bool:
        """Whether a shift that is constant along all but a few axes is absorbed, at once or further on."""
        asked = (step, step.inputs.index(slot), frozenset(alike.items()))
        if asked not in self._dying:
            shift = Field(tuple((block, _elsewhere(block, places)) for block, places in alike.items()))
            readings = self._absorption.readings(sorted(alike, key=lambda block: block.variable))
            (reading,) = (r for r in readings if any(s is step and read is slot for s, read in r))
            onward = self._absorption.onward(reading, shift)
            self._dying[asked] = onward is not None and all(self._is_swallowed(shift) for shift in onward)
        return self._dying[asked]

    def _is_swallowed(self, shift: Field) -> bool:
        if shift not in self._swallowed:
            self._swallowed[shift] = self._absorption.swallows(shift)
        return self._swallowed[shift]

    def relation(self, step: Step, slot: Slot, position: int) -> Relation | None:
        """The relation of what a step contracts with one axis of an input."""
        key = next(k for k, p in slot.keys.items() if p == position)
        others = [other for other in step.inputs if other is not slot]
        plain = isinstance(step.statement, Term) and len(others) == 1 and power(step, slot) == 1
        if not plain or key in step.out.keys or key not in others[0].keys or power(step, others[0]) != 1:
            return None
        return self._relations.of(others[0].block, others[0].keys[key])

    def read(self, step: Step, slot: Slot, reader: Unknown) -> list[Passed] | None:
        """What reading a sum that never changes adds: the sum times the word; None if a window mixes it."""
        relation = self.relation(step, slot, reader.along or 0)
        by_position = {position: key for key, position in slot.keys.items()}
        vector = [by_position[p] for p in reader.positions]
        if not _constant_in_windows(step, vector):
            return None
        kept = sorted((k for k in vector if k in step.out.keys), key=lambda k: step.out.keys[k])
        passed = []
        for summand in relation.total if relation is not None else ():
            word = reader.word
            if summand.factors or len(kept) < len(vector):
                factors = [(constant, exponent, ("sum",)) for constant, exponent in summand.factors]
                word = word.then(link(factors, vector, kept))
            factor = rational(summand.coefficient) * rational(getattr(step.statement, "coefficient", 1))
            passed.append((word, tuple(step.out.keys[key] for key in kept), factor))
        return passed

    def _weighed_pieces(self, step: Step, slot: Slot, others: list[Slot]) -> frozenset[Block]:
        """What the steps that make a block average together, with weights that sum to one; else nothing."""
        if len(others) != 1 or power(step, others[0]) != 1:
            return frozenset()
        place, other = step.inputs.index(slot), step.inputs.index(others[0])
        makers = [s for s in self._flow.makers[step.out.block] if s.written is step.written]
        averages = all(_only_weighs(s, place, other) for s in makers) and self._relations.shared(
            [(s.inputs[other].block, _contracted(s, other)) for s in makers]
        )
        return frozenset(s.inputs[place].block for s in makers) if averages else frozenset()


def _elsewhere(block: Block, positions: tuple[int, ...]) -> Places:
    """All positions but some."""
    return frozenset((i, frozenset()) for i in range(len(block.sizes)) if i not in positions)


def _contracted(step: Step, place: int) -> frozenset[int]:
    """The positions of an input's atoms that a step sums over."""
    return frozenset(p for key, p in step.inputs[place].keys.items() if key not in step.out.keys)


def _constant_in_windows(step: Step, vector: list[Key]) -> bool:
    """Whether a shift along some axes passes a sliding window, if there is one, as it is."""
    # a window counts also where it finds a single entry, which has no atom: its other entries are zeros
    return not slides(step) or (evenly(step) and mixed(step).isdisjoint(vector))


def _only_weighs(step: Step, place: int, weights: int) -> bool:
    """Whether a step contracts nothing but axes of its weights."""
    gone = {key for key in step.inputs[place].keys if key not in step.out.keys}
    return gone <= step.inputs[weights].keys.keys() and not mixed(step)


def _summed(step: Step, slot: Slot, apart: list[Key]) -> int:
    """How often a constant is added up along the axes that disappear."""
    gone = [k for k in slot.keys if k not in step.out.keys and k not in mixed(step) and k not in apart]
    return prod(slot.block.sizes[slot.keys[k]] for k in gone)
