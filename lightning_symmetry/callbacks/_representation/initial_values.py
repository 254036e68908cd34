"""Values at the first look, against which later ones are to be read."""

from __future__ import annotations

from collections.abc import Mapping

from ..._plain_form import by_text, number, optional
from ...metrics.order_parameters import PREFIX

_KEPT = f"{PREFIX}/alignment_"

FORM = optional(by_text(number))
"""What the values at the first look may be."""


class InitialValues:
    """Keeps the alignments of the first look, and adds them to each."""

    def __init__(self) -> None:
        self._values: dict[str, float] | None = None

    def beside(self, values: Mapping[str, float]) -> dict[str, float]:
        """Add the values at the first look.

        Args:
            values: What was measured; the first time, it is kept.

        Returns:
            The same and, for each alignment, ``<quantity>_init`` of the layer or the whole model.
        """
        if self._values is None:
            self._values = {
                key: value
                for key, value in values.items()
                if key.startswith(_KEPT) and not _quantity(key).endswith("_shuffled")
            }
        return {**values, **{_renamed(key): value for key, value in self._values.items() if key in values}}

    def state_dict(self) -> dict[str, float] | None:
        """Return plain numbers by key; None before the first look."""
        return self._values

    def load_state_dict(self, state: dict[str, float] | None) -> None:
        """Go on where another run was.

        Args:
            state: What :meth:`state_dict` returned there.
        """
        self._values = state


def _quantity(key: str) -> str:
    return key.split("/")[1]


def _renamed(key: str) -> str:
    prefix, quantity, *layer = key.split("/", 2)
    return "/".join([prefix, f"{quantity}_init", *layer])
