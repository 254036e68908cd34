"""One table of the costs: its text, and the numbers that it was written from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Section:
    """What a part of the costs has measured.

    Attributes:
        name: Of the part.
        text: Markdown.
        numbers: All figures, as dataclasses.
    """

    name: str
    text: str
    numbers: Sequence[Any]


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
