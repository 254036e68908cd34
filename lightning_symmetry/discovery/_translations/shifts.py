"""How far every block is shifted, and along which words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping

from .._program.values import Value
from .._solving.linear_system import Expression
from .._steps.lower import Block
from .words import Arrival, Signature, Word

SignatureOf = Callable[[Block, tuple[int, ...]], Signature]


class Shifts:
    """The multiple of every word that has arrived at every block.

    Args:
        signature: The spaces that some positions of a block belong to.
    """

    def __init__(self, signature: SignatureOf) -> None:
        self._signature = signature
        self._of: dict[Block, dict[Arrival, Expression]] = defaultdict(dict)
        self._pieces: dict[tuple[Value, Word, Signature], dict[Block, Arrival]] = defaultdict(dict)

    def of(self, block: Block) -> Mapping[Arrival, Expression]:
        """By how much a block is shifted along each word."""
        return self._of.get(block, {})

    def add(self, block: Block, arrival: Arrival, amount: Expression) -> None:
        """Let a multiple of a word arrive."""
        arrivals = self._of[block]
        if arrival not in arrivals:
            word, positions = arrival
            self._pieces[block.value, word, self._signature(block, positions)][block] = arrival
        add(arrivals.setdefault(arrival, {}), amount)

    def alike(self, block: Block, arrival: Arrival) -> dict[Block, tuple[int, ...]]:
        """The pieces of a tensor that all are shifted as one of them is, and where the shift varies."""
        word, positions = arrival
        amount = self._of[block][arrival]
        pieces = self._pieces[block.value, word, self._signature(block, positions)]
        same = {b: there[1] for b, there in pieces.items() if self._of[b][there] == amount}
        return {**same, block: positions}


def add(total: Expression, amount: Expression) -> None:
    """Add to an expression in place."""
    for unknown, coefficient in amount.items():
        total[unknown] = total.get(unknown, 0) + coefficient
