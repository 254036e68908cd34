"""The form of plain data, such as checkpoints hold: damaged ones are told before anything is made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from numbers import Real
from reprlib import repr as shortened

from torch import Tensor

Form = Callable[[object, str], None]
"""Raises a ValueError unless a value, which is called by a name, has the form."""


def between(least: float, most: float) -> Form:
    """The form of a real number within bounds."""

    def form(value: object, name: str) -> None:
        number(value, name)
        # numbers of other libraries compare in their own precision
        exact = value if isinstance(value, int) else float(value)  # type: ignore[arg-type]
        _check(least <= exact <= most, name, f"be from {least:g} to {most:g}", value)

    return form


def integer(least: int, most: int = 2**63 - 1) -> Form:
    """The form of an integer within bounds, by default one that an int64 holds."""

    def form(value: object, name: str) -> None:
        kind(int, "an integer")(value, name)
        _check(least <= value <= most, name, f"be from {least} to {most}", value)  # type: ignore[operator]

    return form


def kind(of: type | tuple[type, ...], called: str) -> Form:
    """The form of everything of a type."""
    return lambda value, name: _check(isinstance(value, of), name, f"be {called}", value)


number = kind(Real, "a number")
text = kind(str, "a text")
flag = kind(bool, "true or false")
tensor = kind(Tensor, "a tensor")


def anything(value: object, name: str) -> None:
    """The form of everything."""


def plain(value: object, name: str) -> None:
    """The form of a text, a number or None, or of a mapping from texts to these."""
    form = _ITEMS if isinstance(value, Mapping) else _ITEM
    form(value, name)


def one_of(*values: str) -> Form:
    """The form of some texts."""
    return lambda value, name: _check(
        isinstance(value, str) and value in values, name, f"be one of {values}", value
    )


def optional(form: Form) -> Form:
    """The form of what may be None."""
    return lambda value, name: None if value is None else form(value, name)


def each(form: Form) -> Form:
    """The form of a list whose entries have one."""

    def of_list(value: object, name: str) -> None:
        _check(isinstance(value, (list, tuple)), name, "be a list", value)
        for i, entry in enumerate(value):  # type: ignore[arg-type,var-annotated]
            form(entry, f"{name}[{i}]")

    return of_list


def row(*forms: Form) -> Form:
    """The form of a list with so many entries, each of which has its own."""

    def of_list(value: object, name: str) -> None:
        is_row = isinstance(value, (list, tuple)) and len(value) == len(forms)
        _check(is_row, name, f"be a list of {len(forms)}", value)
        for i, (entry, form) in enumerate(zip(value, forms, strict=True)):  # type: ignore[call-overload]
            form(entry, f"{name}[{i}]")

    return of_list


def by_text(form: Form) -> Form:
    """The form of a mapping from texts to what has a form."""

    def of_mapping(value: object, name: str) -> None:
        _check(isinstance(value, Mapping), name, "be a mapping", value)
        for key, entry in value.items():  # type: ignore[attr-defined]
            text(key, f"a key of {name}")
            form(entry, f"{name}[{key!r}]")

    return of_mapping


def record(needed: Mapping[str, Form], others: Mapping[str, Form] | None = None) -> Form:
    """The form of a mapping with certain keys, and others that may be absent; more are passed over."""

    def of_mapping(value: object, name: str) -> None:
        _check(isinstance(value, Mapping), name, "be a mapping", value)
        for key, form in (*needed.items(), *(others or {}).items()):
            if key in value:  # type: ignore[operator]
                form(value[key], f"{name}[{key!r}]")  # type: ignore[index]
            else:
                _check(key not in needed, name, f"have {key!r}", list(value))  # type: ignore[call-overload]

    return of_mapping


_ITEM = optional(kind((str, int, float), "a text or a number"))
_ITEMS = by_text(_ITEM)


def _check(holds: bool, name: str, rule: str, value: object) -> None:
    if not holds:
        raise ValueError(f"`{name}` must {rule}, found {shortened(value)}")
