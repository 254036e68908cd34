"""What a shift has become on its way: the vector it began as, after the linear maps it has passed."""

from __future__ import annotations

from dataclasses import dataclass, field

from .._solving.constants import Frame, FrozenFrame
from .._steps.lower import Block
from ..piece import Link

LONGEST = 4
MOST = 32
"""Longer words and more words for one bias are not followed: their shifts are taken to show."""

Signature = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Word:
    """A vector of the space ``root`` after some linear maps: equal words are one object."""

    root: Signature
    path: tuple[Link, ...] = ()
    longer: dict[Link, Word] = field(default_factory=dict, repr=False)

    def then(self, link: Link) -> Word:
        """The word after one more map."""
        if link not in self.longer:
            self.longer[link] = Word(self.root, (*self.path, link))
        return self.longer[link]


@dataclass(frozen=True)
class Unknown:
    """A word, a multiple of which shifts a parameter along some positions of its block.

    Where the parameter reads a sum that never changes, ``along`` is the position of that axis in the block,
    and the shift is the product of the word with ``covector`` on it.
    """

    block: Block
    word: Word
    positions: tuple[int, ...]
    along: int | None = None
    covector: FrozenFrame = frozenset()

    @property
    def entire(self) -> bool:
        """Whether the word runs along the whole block."""
        return len(self.positions) == len(self.block.sizes)

    @property
    def frame(self) -> Frame:
        """The gains in the covector."""
        return dict(self.covector)


Arrival = tuple[Word, tuple[int, ...]]
"""A word, and the positions in a block along which its vector runs."""
