"""What happened where a series jumped: which symmetry broke or was restored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from lightning_symmetry._plain_form import number, one_of, record, text
from lightning_symmetry.functional._check import check, check_number

Kind = Literal["broken", "restored", "rose", "fell"]

_FIELDS = {"step": number, "symmetry": text, "quantity": text}
_FIELDS |= {"kind": one_of(*get_args(Kind)), "before": number, "after": number}
FORM = record(_FIELDS)
"""What the fields of a transition may be."""

_PREFIX = "symmetry/"
_LOSS: tuple[Kind, Kind] = ("rose", "fell")
_BREAKING: tuple[Kind, Kind] = ("broken", "restored")
_RESTORING: tuple[Kind, Kind] = ("restored", "broken")
_WHEN_IT_RISES = {
    "breaking_distance": _BREAKING,
    "broken_share": _BREAKING,
    "distinct_units": _BREAKING,
    "effective_rank": _BREAKING,
    "numerical_rank": _BREAKING,
    "participation_ratio": _BREAKING,
    "stable_rank": _BREAKING,
    "dead_units": _RESTORING,
    "duplicate_units": _RESTORING,
    "unbroken": _RESTORING,
}


@dataclass(frozen=True)
class Transition:
    """A jump of an order parameter or of a loss.

    Args:
        step: Optimizer step of the first point after it.
        symmetry: Name of the symmetry; ``"model"`` for the total over a model, ``"loss"`` for a loss.
        quantity: What jumped: a quantity of :class:`~lightning_symmetry.metrics.OrderParameters`, or the key
            of the loss.
        kind: ``"broken"`` or ``"restored"``; of a loss, ``"rose"`` or ``"fell"``.
        before: Level before.
        after: Level after.

    Example:
        >>> Transition.of("symmetry/dead_units/0.permutation", 400, 0.0, 3.0).kind
        'restored'
    """

    step: int
    symmetry: str
    quantity: str
    kind: Kind
    before: float
    after: float

    @classmethod
    def of(cls, key: str, step: int, before: float, after: float) -> Transition:
        """Read from a key what a jump means.

        A symmetry breaks when its breaking distance or share, the distinct units or a rank rise, or when the
        dead units, the duplicate units or what is left unbroken fall.

        Args:
            key: A key that :func:`is_telling`.
            step: Step of the jump.
            before: Value before.
            after: Value after.

        Returns:
            The transition.

        Raises:
            ValueError: If the key says nothing about breaking, or another argument is no number.
        """
        check(isinstance(key, str), "key", "be a text", key)
        for name, value in (("step", step), ("before", before), ("after", after)):
            check_number(value, name)
        if not is_telling(key):
            raise ValueError(f"`key` must not be one that says nothing about breaking, found {key!r}")
        symmetry, quantity = "loss", key
        if key.startswith(_PREFIX):
            quantity, _, symmetry = key.removeprefix(_PREFIX).partition("/")
        up, down = _WHEN_IT_RISES.get(quantity, _LOSS)
        return cls(step, symmetry or "model", quantity, up if after > before else down, before, after)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Transition:
        """Return the transition that :meth:`to_dict` wrote.

        Args:
            fields: What it returned.

        Returns:
            An equal transition.

        Raises:
            ValueError: If it did not return that.
        """
        FORM(fields, "fields")
        return cls(**{name: fields[name] for name in _FIELDS})

    @property
    def key(self) -> str:
        """The key of the series, as :meth:`of` takes it."""
        if self.symmetry == "loss":
            return self.quantity
        return f"{_PREFIX}{self.quantity}" + ("" if self.symmetry == "model" else f"/{self.symmetry}")

    def to_dict(self) -> dict[str, Any]:
        """Return the fields by name.

        Returns:
            Plain numbers and strings.
        """
        return asdict(self)


def is_telling(key: str) -> bool:
    """Whether a jump under this key means that a symmetry broke or was restored, or that a loss jumped.

    Args:
        key: ``symmetry/<quantity>/<symmetry name>``, ``symmetry/<quantity>``, or the key of a loss.

    Returns:
        False for quantities that say nothing about breaking, such as ``symmetry/noether_imbalance``.

    Example:
        >>> is_telling("train_loss"), is_telling("symmetry/noether_imbalance")
        (True, False)
    """
    return not key.startswith(_PREFIX) or key.removeprefix(_PREFIX).partition("/")[0] in _WHEN_IT_RISES
