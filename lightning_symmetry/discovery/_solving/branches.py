"""Branches that may trade places: whole subnetworks that make alike what is then added up.

Experts, heads written one by one, the members of an ensemble: exchanging all parameters of two of them maps
the graph of the computation onto itself.
"""

from __future__ import annotations

from collections.abc import Iterator

from .._program.values import Origin
from .._steps.flow import Flow
from .._steps.lower import Block, Lowered, Step
from ..symmetry import Symmetry
from .colours import colours
from .exchange import Different, Exchange, running_means
from .legs import KINDS, unit_leg

MOST_EFFORT = 32
"""How often the whole graph may be matched in vain; what looks alike from near only is left alone then."""


class Branches:
    """Finds the interchangeable branches of a program."""

    def __init__(self, lowered: Lowered, flow: Flow) -> None:
        self._lowered, self._flow = lowered, flow
        self._colours, self._means = colours(lowered, flow), running_means(lowered)
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
        exchange = Exchange(self._flow, self._colours, self._means)
        try:
            exchange.complete(self._lowered, one, other)
        except Different:
            self._effort += exchange.size
            return None
        return exchange.image


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
