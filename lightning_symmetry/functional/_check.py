"""Errors that name the argument, the rule and the value found."""


def check(holds: bool, name: str, rule: str, value: object) -> None:
    """Raise unless an argument keeps to its rule.

    Raises:
        ValueError: naming the argument, the rule and the value.
    """
    if not holds:
        raise ValueError(f"`{name}` must {rule}, got {value!r}")
