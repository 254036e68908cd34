"""The map of a graph of steps onto itself that exchanges two of its branches.

It is built outwards from the two places where the branches meet, along everything that makes or reads what
has been mapped, until it is complete or contradicts itself.
"""

from __future__ import annotations

from collections import defaultdict

from .._program.statements import Centre, Statement, Term
from .._program.values import Origin, Value
from .._steps.flow import Flow
from .._steps.lower import Block, Lowered, Step
from .colours import form
from .legs import KINDS
from .likeness import same_axes

ALIKE = (*KINDS, Origin.COMPUTED, Origin.MEAN, Origin.ZERO)
"""Where the numbers of two blocks may come from if the blocks are to trade places."""

TRACKED = (Origin.BUFFER, Origin.STATISTIC)
"""Where the numbers of running statistics come from."""


class Different(Exception):
    """The branches are not alike."""


class Exchange:
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
            Different: If there is no such map.
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
                raise Different
            del left[image]
            self._step(step, image)
        if left:
            raise Different

    def _step(self, one: Step, other: Step) -> None:
        if one in self._steps or other in self._steps:
            if self._steps.get(one) is not other or self._steps.get(other) is not one:
                raise Different
            return
        alike = self._colours[one] == self._colours[other]
        if not alike or _ordered(one, other) or not same_axes(one, other):
            raise Different
        self._steps |= {one: other, other: one}
        for left, right in zip(one.slots, other.slots, strict=True):
            self._block(left.block, right.block)
        if one.written is not other.written:
            # branches that normalise the same input share that input, which leads to none of their means
            self._match(self._means.get(one.written, []), self._means.get(other.written, []))

    def _block(self, one: Block, other: Block) -> None:
        if one is other:
            if one in self.image:
                raise Different
            self._resting.add(one)
            return
        if one in self.image or other in self.image:
            if self.image.get(one) is not other or self.image.get(other) is not one:
                raise Different
            return
        origins = {one.value.origin, other.value.origin}
        alike = form(one) == form(other) and len(origins) == 1 and origins <= set(ALIKE)
        if not alike or any(block in where for block in (one, other) for where in self._still):
            raise Different
        self.image |= {one: other, other: one}
        self._stack.append((one, other))

    def _check_parts(self, lowered: Lowered) -> None:
        """A statement that goes to another has to go there in all of its parts."""
        whole = {s.written: i.written for s, i in self._steps.items() if s.written is not i.written}
        for step in lowered.steps:
            target = whole.get(step.written)
            if target is not None and (step not in self._steps or self._steps[step].written is not target):
                raise Different


def _next(candidates: list[Step], left: dict[Step, None]) -> Step | None:
    """The last candidate that is left, if there is one."""
    while candidates and candidates[-1] not in left:
        candidates.pop()
    return candidates[-1] if candidates else None


def running_means(lowered: Lowered) -> dict[Statement, list[Step]]:
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


def _ordered(one: Step, other: Step) -> bool:
    """Whether the steps are parts of one statement, which tells its parts apart."""
    labels = getattr(one.statement, "ordered", ())
    if one.written is not other.written or not labels:
        return False
    # a part of length one has no atom by which it could be told
    parts = [{item for item in step.choice if item[0] in labels} for step in (one, other)]
    return parts[0] != parts[1] or any(key in slot.keys for key in one.over(labels) for slot in one.slots)
