"""Branches that may trade places: whole subnetworks that make alike what is then added up.

Experts, heads written one by one, the members of an ensemble: exchanging all parameters of two of them maps
the graph of the computation onto itself. The map is built outwards from the two places where the branches
meet, along everything that makes or reads what has been mapped, until it is complete or contradicts itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from .._program.program import Centre, Map, Statement, Term
from .._program.values import Origin, Value
from .._steps.flow import Flow
from .._steps.lower import Block, Lowered, Step
from ..symmetry import Symmetry
from .legs import KINDS, unit_leg
from .likeness import same_axes

ALIKE = (*KINDS, Origin.COMPUTED, Origin.MEAN, Origin.ZERO)
"""Where the numbers of two blocks may come from if the blocks are to trade places."""


TRACKED = (Origin.BUFFER, Origin.STATISTIC)
"""Where the numbers of running statistics come from."""

MOST_EFFORT = 32
"""How often the whole graph may be matched in vain; what looks alike from near only is left alone then."""

ROUNDS = 4
"""How far steps look around before they are taken to be alike."""


class _Different(Exception):
    """The branches are not alike."""


class Branches:
    """Finds the interchangeable branches of a program."""

    def __init__(self, lowered: Lowered, flow: Flow) -> None:
        self._lowered, self._flow = lowered, flow
        self._colours, self._means = _colours(lowered, flow), _running_means(lowered)
        self._effort = 0

    def symmetries(self) -> Iterator[Symmetry]:
        """Yield the permutations of branches."""
        seen: set[frozenset[Block]] = set()
        for makers in [m for m in list(self._flow.makers.values()) if len(m) > 1]:
            for exchanges in self._alike(makers):
                moved = frozenset(block for exchange in exchanges for block in exchange if _is_source(block))
                trained = any(block.value.origin is Origin.PARAMETER for block in moved)
                if trained and moved not in seen:
                    seen.add(moved)
                    yield _symmetry(exchanges)

    def _alike(self, makers: list[Step]) -> Iterator[list[dict[Block, Block]]]:
        """Sets of branches: for each but the first, the exchange with the first."""
        left = [step for step in makers if self._computes(step)]
        while left and self._effort < MOST_EFFORT * (MOST_EFFORT + len(self._lowered.steps)):
            first, *others = left
            found: dict[Step, dict[Block, Block]] = {}
            for other in (o for o in others if self._colours[o] == self._colours[first]):
                exchange = self._exchange(first, other)
                if exchange is not None:
                    found[other] = exchange
            if found:
                yield list(found.values())
            left = [step for step in others if step not in found]

    def _computes(self, step: Step) -> bool:
        """Whether a step adds more than a bias."""
        return len(step.inputs) > 1 or step.inputs[0].block.value.origin is Origin.COMPUTED

    def _exchange(self, one: Step, other: Step) -> dict[Block, Block] | None:
        exchange = _Exchange(self._flow, self._colours, self._means)
        try:
            exchange.complete(self._lowered, one, other)
        except _Different:
            self._effort += exchange.size
            return None
        return exchange.image


class _Exchange:
    """The map of a graph onto itself that takes one step to another."""

    def __init__(self, flow: Flow, colours: dict[Step, int], means: dict[Statement, list[Step]]) -> None:
        self._flow, self._colours, self._means = flow, colours, means
        self.image: dict[Block, Block] = {}
        self._steps: dict[Step, Step] = {}
        self._resting: set[Block] = set()
        self._still = (self._resting, flow.pinned)
        self._stack: list[tuple[Block, Block]] = []

    @property
    def size(self) -> int:
        """How many steps have been mapped."""
        return len(self._steps)

    def complete(self, lowered: Lowered, one: Step, other: Step) -> None:
        """Map one step to another, and then everything that hangs on them.

        Raises:
            _Different: If there is no such map.
        """
        self._step(one, other)
        while self._stack:
            pair = self._stack.pop()
            for left, right in (pair, pair[::-1]):
                self._match(self._flow.makers[left], self._flow.makers[right])
                readers = ([s for s, _ in self._flow.readers[block]] for block in (left, right))
                self._match(*readers)
        self._check_parts(lowered)

    def _match(self, steps: list[Step], images: list[Step]) -> None:
        """Take each of some steps to one of others."""
        left = dict.fromkeys(images)
        fitting: dict[int, list[Step]] = defaultdict(list)
        for candidate in reversed(left):
            fitting[self._colours[candidate]].append(candidate)
        for step in dict.fromkeys(steps):
            image = self._steps.get(step) or _next(fitting[self._colours[step]], left)
            if image is None or image not in left:
                raise _Different
            del left[image]
            self._step(step, image)
        if left:
            raise _Different

    def _step(self, one: Step, other: Step) -> None:
        if one in self._steps or other in self._steps:
            if self._steps.get(one) is not other or self._steps.get(other) is not one:
                raise _Different
            return
        alike = self._colours[one] == self._colours[other]
        if not alike or _ordered(one, other) or not same_axes(one, other):
            raise _Different
        self._steps |= {one: other, other: one}
        for left, right in zip(one.slots, other.slots, strict=True):
            self._block(left.block, right.block)
        if one.written is not other.written:
            # branches that normalise the same input share that input, which leads to none of their means
            self._match(self._means.get(one.written, []), self._means.get(other.written, []))

    def _block(self, one: Block, other: Block) -> None:
        if one is other:
            if one in self.image:
                raise _Different
            self._resting.add(one)
            return
        if one in self.image or other in self.image:
            if self.image.get(one) is not other or self.image.get(other) is not one:
                raise _Different
            return
        origins = {one.value.origin, other.value.origin}
        alike = _form(one) == _form(other) and len(origins) == 1 and origins <= set(ALIKE)
        if not alike or any(block in where for block in (one, other) for where in self._still):
            raise _Different
        self.image |= {one: other, other: one}
        self._stack.append((one, other))

    def _check_parts(self, lowered: Lowered) -> None:
        """A statement that goes to another has to go there in all of its parts."""
        whole = {s.written: i.written for s, i in self._steps.items() if s.written is not i.written}
        for step in lowered.steps:
            target = whole.get(step.written)
            if target is not None and (step not in self._steps or self._steps[step].written is not target):
                raise _Different


def _next(candidates: list[Step], left: dict[Step, None]) -> Step | None:
    """The last candidate that is left, if there is one."""
    while candidates and candidates[-1] not in left:
        candidates.pop()
    return candidates[-1] if candidates else None


def _running_means(lowered: Lowered) -> dict[Statement, list[Step]]:
    """What writes the running mean of what a statement centres: it is written right behind."""
    centres: dict[Value, Statement] = {}
    means: dict[Statement, list[Step]] = defaultdict(list)
    for step in lowered.steps:
        if isinstance(step.written, Centre):
            centres[step.written.input.value] = step.written
        elif isinstance(step.written, Term) and step.out.block.value.origin in TRACKED:
            centre = centres.get(step.written.inputs[0].value)
            if centre is not None:
                means[centre].append(step)
    return means


def _colours(lowered: Lowered, flow: Flow) -> dict[Step, int]:
    """Equal numbers for steps that are alike as far as their surroundings tell (Weisfeiler and Leman)."""
    own = {step: hash(_signature(step)) for step in lowered.steps}
    blocks = {slot.block for step in lowered.steps for slot in step.slots}
    of_block = {b: hash((_form(b), b.value.origin.name, b in flow.pinned)) for b in blocks}
    of_step: dict[Step, int] = {}
    for _ in range(ROUNDS):
        of_step = {s: hash((own[s], *(of_block[slot.block] for slot in s.slots))) for s in lowered.steps}
        of_block = {
            b: hash(
                (
                    colour,
                    tuple(sorted(of_step[s] for s in flow.makers[b])),
                    tuple(sorted(of_step[s] for s, _ in flow.readers[b])),
                )
            )
            for b, colour in of_block.items()
        }
    return of_step


def _signature(step: Step) -> tuple[object, ...]:
    """What two steps share if they compute the same function of their inputs."""
    statement = step.statement
    shape = tuple(len(slot.keys) for slot in step.slots)
    if isinstance(statement, Map):
        # what has no name may be any function
        return "map", statement.function or id(statement), shape
    if isinstance(statement, Centre):
        return "centre", len(step.over(statement.over)), shape
    if isinstance(statement, Term):
        slides = statement.windows or statement.ordered
        window = (statement.function or id(statement)) if slides else ""
        return "term", statement.coefficient, tuple(o.power for o in statement.inputs), window, shape
    return "view", shape


def _ordered(one: Step, other: Step) -> bool:
    """Whether the steps are parts of one statement, which tells its parts apart."""
    labels = getattr(one.statement, "ordered", ())
    if one.written is not other.written or not labels:
        return False
    # a part of length one has no atom by which it could be told
    parts = [{item for item in step.choice if item[0] in labels} for step in (one, other)]
    return parts[0] != parts[1] or any(key in slot.keys for key in one.over(labels) for slot in one.slots)


def _form(block: Block) -> tuple[tuple[int, ...], float]:
    return block.sizes, block.about


def _is_source(block: Block) -> bool:
    return block.value.origin in KINDS


def _symmetry(exchanges: list[dict[Block, Block]]) -> Symmetry:
    first = [b for b in exchanges[0] if _is_source(b)]
    # the first branch is what every exchange moves
    own = [b for b in first if all(b in e for e in exchanges)]
    own = _one_side(own, exchanges[0])
    legs = []
    for strand, block in enumerate(own):
        units = [block, *(exchange[block] for exchange in exchanges)]
        legs += [unit_leg(piece, unit, strand) for unit, piece in enumerate(units)]
    noisy = any(leg.kind == "noise" for leg in legs)
    size = len(exchanges) + 1
    return Symmetry(
        "", "permutation", size, 1, tuple(legs), "in distribution" if noisy else "exactly", (size,)
    )


def _one_side(blocks: list[Block], exchange: dict[Block, Block]) -> list[Block]:
    """Of two blocks that trade places, the one that the first branch owns."""
    return [b for b in blocks if exchange[b] not in blocks or b.variable < exchange[b].variable]
