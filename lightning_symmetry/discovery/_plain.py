"""Reading symmetries from plain data that anybody may have written."""

from __future__ import annotations

from typing import Any

from ..groups import GROUPS
from .leg import Leg
from .symmetry import Symmetry


def symmetry_from(plain: Any) -> Symmetry:
    """Build a symmetry from what its :meth:`~Symmetry.to_dict` gave.

    Args:
        plain: Anything.

    Returns:
        The symmetry; every field has its type, and every number is one that a tensor may have as a size.

    Raises:
        ValueError: If that is no symmetry.
    """
    try:
        symmetry = Symmetry.from_dict(plain)
        good = _is_symmetry(symmetry)
    except (TypeError, KeyError, AttributeError, IndexError) as error:
        raise ValueError(
            f"`plain` must hold what to_dict gives; reading it raised {type(error).__name__}: {error}"
        ) from error
    if not good:
        name = repr(symmetry.name)[:100]
        raise ValueError(
            f"`plain` must hold symmetries of known groups and sizes; found another under {name}"
        )
    return symmetry


def _is_symmetry(one: Symmetry) -> bool:
    return (
        isinstance(one.name, str)
        and isinstance(one.group, str)
        and one.group in GROUPS
        and all(map(_is_size, (one.size, one.copies, *one.shape)))
        and one.holds in {"exactly", "at eps = 0", "in distribution"}
        and isinstance(one.centred, bool)
        and all(map(_is_leg, one.legs))
    )


def _is_leg(leg: Leg) -> bool:
    dims = range(len(leg.atoms))
    return (
        isinstance(leg.parameter, str)
        and leg.kind in {"parameter", "buffer", "statistic", "noise"}
        and all(_is_size(start) for start in leg.offset)
        and all(
            _is_size(step) and _is_size(size) and -1 <= axis < len(leg.offset)
            for axis, step, size in leg.atoms
        )
        and all(dim in dims for dim in (*leg.acts, *leg.copies))
        and len(leg.powers) == len(leg.acts)
        and all(isinstance(power, (int, float)) for power in leg.powers)
        and (leg.plane is None or leg.plane in dims)
    )


def _is_size(number: Any) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and 0 <= number < 2**40
