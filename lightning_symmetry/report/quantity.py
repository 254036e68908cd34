"""What a curve of a report shows, and where it comes from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Paper:
    """A paper on arXiv.

    Attributes:
        arxiv: Its number.
        authors: Short authors.
    """

    arxiv: str
    authors: str


@dataclass(frozen=True)
class Quantity:
    """What a curve shows.

    Attributes:
        title: Name for a heading.
        meaning: What it is and how to read it.
        papers: Where it comes from.
        part: Name of the symmetry that it belongs to; empty for the whole model.
    """

    title: str
    meaning: str
    papers: tuple[Paper, ...] = ()
    part: str = ""
