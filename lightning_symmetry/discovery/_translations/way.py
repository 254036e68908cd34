"""What a step does to a shift, whichever word the shift has become."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from .._steps.lower import Block
from ..piece import Link
from .words import Word


@dataclass(frozen=True)
class Way:
    """What a step does to a shift that varies along some positions of an input.

    It goes through ``link``, if there is one, to ``onto`` in what the step makes, ``factor`` times; or it
    shows, where ``onto`` is None. If all ``pieces`` of the input are shifted alike, it stays the same
    instead, and is added ``weighed`` times.
    """

    onto: tuple[int, ...] | None = None
    factor: Fraction | int = 1
    link: Link | None = None
    pieces: frozenset[Block] = frozenset()
    straight: tuple[int, ...] = ()
    weighed: Fraction | int = 1
    images: dict[Word, Word] = field(default_factory=dict, repr=False)

    def image(self, word: Word) -> Word:
        """What a word becomes."""
        if self.link is None:
            return word
        if word not in self.images:
            self.images[word] = word.then(self.link)
        return self.images[word]


SHOWS = Way()
"""Nothing linear."""
