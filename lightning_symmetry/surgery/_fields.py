"""Rules that several configs share."""

import math


def check_seed(seed: object) -> None:
    """Refuse a seed that is no integer of at least 0."""
    if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
        raise ValueError(f"`seed` must be an integer of at least 0, found {seed!r}")


def check_scale(name: str, value: object) -> None:
    """Refuse a size that is no finite number above 0."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not (number and math.isfinite(value) and value > 0):  # type: ignore[arg-type, operator]
        raise ValueError(f"`{name}` must be a finite number above 0, found {value!r}")
