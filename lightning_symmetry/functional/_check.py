"""Errors that name the argument, the rule and the value found."""

from numbers import Integral, Real

from torch import Tensor


def check(holds: bool, name: str, rule: str, value: object) -> None:
    """Raise unless an argument keeps to its rule.

    Raises:
        ValueError: naming the argument, the rule and the value.
    """
    if not holds:
        raise ValueError(f"`{name}` must {rule}, got {value!r}")


def check_number(value: object, name: str) -> None:
    """Raise unless an argument is a real number, which may be compared with others then.

    Raises:
        ValueError: naming the argument, the rule and the value.
    """
    check(isinstance(value, Real), name, "be a number", value)


def check_integer(value: object, name: str) -> None:
    """Raise unless an argument is an integer.

    Raises:
        ValueError: naming the argument, the rule and the value.
    """
    check(isinstance(value, Integral), name, "be an integer", value)


def check_device(tensor: Tensor, other: Tensor, name: str, others: str) -> None:
    """Raise unless two tensors are on the same device.

    Raises:
        ValueError: naming both arguments, and the device of the first.
    """
    check(tensor.device == other.device, name, f"be on the device of `{others}`", str(tensor.device))
