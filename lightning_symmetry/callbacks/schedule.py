"""When steering is on, and how strongly."""

from __future__ import annotations

from dataclasses import dataclass

from .event import Event


@dataclass(frozen=True)
class Schedule:
    r"""When :class:`~lightning_symmetry.RemoveSymmetry` or :class:`~lightning_symmetry.AddSymmetry` acts.

    From step :math:`t_1`, when it goes on, the strength is :math:`\min(1, (t - t_1) / \mathrm{ramp})`; from
    :math:`t_2`, when it goes off, it falls at the same rate from where it was. Without a ramp it is one or
    zero at once. Steps are optimizer steps, as in ``trainer.global_step``.

    Whether it is time is decided at the start of a batch, never inside a step, by the first process for all.
    What was logged or found until then counts, wherever in the list of callbacks that was.

    Args:
        on: Steps from the start of training until it goes on, which then happens once; or an event, which
            turns it on again after it went off.
        off: Steps from then until it goes off, or an event; never by default.
        ramp: Steps for the whole way between zero and full strength.

    Raises:
        TypeError: If ``on`` or ``off`` is neither a number nor an event.
        ValueError: If a number breaks its rule: ``on`` and ``ramp`` at least 0, ``off`` at least 1.

    Example:
        >>> from lightning_symmetry import OnMetric
        >>> Schedule(on=OnMetric(above=0.5), off=1000, ramp=100).ramp
        100
    """

    on: int | Event = 0
    off: int | Event | None = None
    ramp: int = 0

    def __post_init__(self) -> None:
        _check("on", self.on, 0, "a number of steps or an event")
        if self.off is not None:
            _check("off", self.off, 1, "a number of steps, an event or None")
        if isinstance(self.ramp, Event):
            raise TypeError(f"`ramp` must be a number of steps, found {self.ramp!r}")
        _check("ramp", self.ramp, 0, "a number of steps")

    @property
    def is_constant(self) -> bool:
        """Whether it is on from the first step to the last."""
        return self.on == 0 and self.off is None


def _check(name: str, value: object, least: int, kind: str) -> None:
    if isinstance(value, Event):
        return
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"`{name}` must be {kind}, found {value!r}")
    if value < least:
        raise ValueError(f"`{name}` must be at least {least}, found {value}")
