"""What keeps groups from acting on an axis: data, outputs, operations that only some groups commute with.

Atoms that a step aligns are neighbours; walking from an atom to its neighbours, and theirs, gives the
obstacles of its whole space, the nearest first.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass

from ._program.statements import Centre, Map, Term
from ._program.values import Origin
from ._steps.lower import Block, Key, Lowered, Slot, Step

PERMUTATION, MATRIX, SCALING, SIGN = KINDS = ("permutation", "change of basis", "scaling", "sign")
"""What may act on a space."""


@dataclass(frozen=True)
class Obstacle:
    """Something that keeps kinds of group from acting, and what it is."""

    prevents: tuple[str, ...]
    reason: str


class Obstacles:
    """Everything that the steps of a program hold against a group."""

    def __init__(self, lowered: Lowered) -> None:
        self._met: dict[int, list[Obstacle]] = defaultdict(list)
        self._neighbours: dict[int, list[tuple[int, str]]] = defaultdict(list)
        self._data: dict[int, str] = {}
        for block, reason in lowered.pinned:
            self._add(block.atoms, Obstacle(KINDS, reason))
        for block in lowered.blocks:
            self._source(block)
        for step in lowered.steps:
            self._step(step)

    def nearest(self, variable: int) -> dict[str, str]:
        """The reason why each kind of group does not act on an atom, where there is one."""
        reasons: dict[str, str] = {}
        seen, queue = {variable}, deque([(variable, "")])
        while queue and len(reasons) < len(KINDS):
            here, place = queue.popleft()
            for obstacle in self._met.get(here, ()):
                reasons |= {kind: obstacle.reason for kind in obstacle.prevents if kind not in reasons}
            if here in self._data:
                at = f", in {place}" if place else ""
                reasons |= {kind: f"{self._data[here]}{at}" for kind in KINDS if kind not in reasons}
            for other, through in self._neighbours.get(here, ()):
                if other not in seen:
                    seen.add(other)
                    queue.append((other, through))
        return reasons

    def _add(self, variables: range | list[int], obstacle: Obstacle) -> None:
        if obstacle.prevents:
            for variable in variables:
                self._met[variable].append(obstacle)

    def _source(self, block: Block) -> None:
        value = block.value
        if value.origin is Origin.FIXED:
            text = f"{value.name} does not move" if value.name else "data keeps its places"
            self._data |= dict.fromkeys(block.atoms, text)
        elif value.origin in (Origin.FILL, Origin.NOISE, Origin.SYMMETRIC_NOISE):
            what = "one number everywhere" if value.origin is Origin.FILL else "independent random numbers"
            kept = () if value.origin is Origin.SYMMETRIC_NOISE else (SIGN,)
            self._add(
                block.atoms, Obstacle((MATRIX, SCALING, *kept), f"{value.place or 'constants'}: {what}")
            )

    def _step(self, step: Step) -> None:
        # what an operation writes into a buffer is found there, not made there
        place = next((slot.block.value.place for slot in step.slots if slot.block.value.place), "the model")
        for key in dict.fromkeys(key for slot in step.slots for key in slot.keys):
            atoms = [slot.variable(key) for slot in step.slots if key in slot.keys]
            for atom in atoms:
                self._neighbours[atom] += [(other, place) for other in atoms if other != atom]
            for prevents, what in _against(step, key):
                self._add(atoms, Obstacle(prevents, f"{place} {what}"))


def _against(step: Step, key: Key) -> Iterator[tuple[tuple[str, ...], str]]:
    """What a step holds against groups that act on one of its atoms."""
    statement = step.statement
    if isinstance(statement, (Term, Map)) and key in step.over(statement.ordered):
        yield KINDS, "tells the indices apart"
    elif isinstance(statement, Map):
        yield _against_map(step, statement, key)
    elif isinstance(statement, Centre):
        if key in step.over(statement.over):
            yield (SCALING, SIGN), "subtracts the mean over it"
    elif isinstance(statement, Term):
        yield from _against_term(step, statement, key)


def _against_map(step: Step, map_: Map, key: Key) -> tuple[tuple[str, ...], str]:
    holders = [slot for slot in step.inputs if key in slot.keys]
    entrywise = key in step.out.keys and len(holders) == len(step.inputs)
    scales = entrywise and (map_.degree is not None or bool(map_.exponent))
    flips = len(holders) == 1 and map_.parity != 0 and (entrywise or map_.parity > 0)
    commuting = ["permutations", *(["positive scalings"] if scales else []), *(["signs"] if flips else [])]
    prevents = (MATRIX, *(() if scales else (SCALING,)), *(() if flips else (SIGN,)))
    return prevents, f"commutes with {' and '.join(commuting)} only"


def _against_term(step: Step, term: Term, key: Key) -> Iterator[tuple[tuple[str, ...], str]]:
    factors = [(s, o.power) for s, o in zip(step.inputs, term.inputs, strict=True) if key in s.keys]
    if key in step.out.keys:
        if not factors:
            yield (MATRIX, SCALING, SIGN), "repeats one value along it"
        elif len(factors) > 2 or (len(factors) == 2 and not any(_is_gain(slot) for slot, _ in factors)):
            yield (MATRIX,), "multiplies entry by entry"
        elif any(power != 1 for _, power in factors):
            yield (MATRIX,), "takes powers entry by entry"
    elif len(factors) == 1:
        ((_, power),) = factors
        if power == 2:
            yield (SCALING,), "sums its squares"
        else:
            yield (MATRIX, SCALING, *(() if power % 2 == 0 else (SIGN,))), "sums over it"
    elif len(factors) > 2:
        yield (MATRIX,), "sums products of more than two factors"


def _is_gain(slot: Slot) -> bool:
    return bool(slot.block.value.name) and len(slot.block.sizes) == 1
