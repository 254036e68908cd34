"""What is learnt about axes may be forgotten again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .dims import Dim


@dataclass
class Journal:
    """What axes were before something was learnt about them, and which were cut along the lines of others."""

    before: list[tuple[Dim, Dim | None, bool]] = field(default_factory=list)
    recut: list[Dim] = field(default_factory=list)

    def has_cut(self, age: int) -> bool:
        """Whether axes of at most some age have been cut along the lines of others."""
        return any(dim.age <= age for dim in self.recut)

    def undo(self) -> None:
        """Forget everything that was learnt."""
        while self.before:
            dim, link, fixed = self.before.pop()
            dim.link, dim.fixed = link, fixed
        self.recut.clear()


_current: ContextVar[Journal | None] = ContextVar("journal", default=None)
"""That of the innermost attempt; outside of all nothing is kept."""


@contextmanager
def attempt() -> Iterator[Journal]:
    """Forget what is learnt about axes if it ends in an exception.

    Yields:
        What has been learnt since it began.
    """
    outer, journal = _current.get(), Journal()
    token = _current.set(journal)
    try:
        yield journal
    except BaseException:
        journal.undo()
        raise
    finally:
        _current.reset(token)
        if outer is not None:
            outer.before += journal.before
            outer.recut += journal.recut


def note(dim: Dim) -> None:
    """Keep what an axis is before something is learnt about it."""
    journal = _current.get()
    if journal is not None:
        journal.before.append((dim, dim.link, dim.fixed))


def note_cut(dim: Dim) -> None:
    """Note that an axis is about to be cut along the lines of another."""
    journal = _current.get()
    if journal is not None:
        journal.recut.append(dim)
