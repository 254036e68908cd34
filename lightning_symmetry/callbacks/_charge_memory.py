"""Remembering the Noether charges of the latest look."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor

from .._plain_form import by_text, each, number, record, row, tensor, text
from ..discovery.symmetry import Symmetry
from ..metrics._model.drift import Charges
from ..metrics._model.reader import Reader
from ..metrics._model.sums import Asking
from ..metrics.charge_drift import ChargeDrift
from ._decay_clock import FORM as CLOCK
from ._decay_clock import DecayClock

FORM = record({"clock": CLOCK, "charges": by_text(each(row(number, text, tensor)))})
"""What the state of a memory may be."""


class ChargeMemory:
    """Compares the charges at each look with those of the look before, and with what decay made of them.

    Attributes:
        clock: To be told of every step.
    """

    def __init__(self) -> None:
        self.clock = DecayClock()
        self._measure = ChargeDrift([])
        self._charges: dict[str, Any] = {}

    def watch(self, symmetries: Iterable[Symmetry]) -> None:
        """Say which symmetries to look at.

        Args:
            symmetries: These.
        """
        self._measure = ChargeDrift(symmetries)

    def forget(self) -> None:
        """Compare with nothing at the next look."""
        self._charges = {}

    def look(self, read: Reader, groups: Mapping[str, str]) -> Asking[Charges]:
        """Measure the charges, together with others who read the same parameters.

        Args:
            read: Gives the parameters.
            groups: Name of the parameter group of each that is trained.

        Yields:
            Sums over pieces of parameters.

        Returns:
            The charges.
        """
        return self._measure.look(read, groups)

    def compare(self, charges: Charges) -> dict[str, Tensor]:
        """Compare with the look before.

        Args:
            charges: Those of this look.

        Returns:
            A scalar tensor by key; nothing at the first look.
        """
        before, self._charges = self._charges, charges
        return self._measure(before, charges, self.clock.restart())

    def state_dict(self) -> dict[str, Any]:
        """Return the clock's plain numbers, and the charges as tensors on the CPU."""
        charges = {
            name: [[power, group, squares.cpu()] for power, group, squares in parts]
            for name, parts in self._charges.items()
        }
        return {"clock": self.clock.state_dict(), "charges": charges}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where another memory was.

        Args:
            state: What its :meth:`state_dict` returned.
        """
        self.clock.load_state_dict(state["clock"])
        self._charges = {name: [tuple(part) for part in parts] for name, parts in state["charges"].items()}
