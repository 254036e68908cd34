"""Errors that name the argument, the rule and the value found."""

from collections.abc import Sequence
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
    check(isinstance(value, Integral) and not isinstance(value, bool), name, "be an integer", value)


def check_size(value: object, name: str) -> None:
    """Raise unless an argument is an integer that the length of an axis can be.

    Raises:
        ValueError: naming the argument, the rule and the value.
    """
    check_integer(value, name)
    check(value >= 1, name, "be at least 1", value)  # type: ignore[operator]
    check(value < 2**31, name, "be below 2³¹", value)  # type: ignore[operator]


def check_tensor(value: object, name: str) -> None:
    """Raise unless an argument is a tensor.

    Raises:
        ValueError: naming the argument, the rule and the type.
    """
    check(isinstance(value, Tensor), name, "be a tensor", type(value).__name__)


def check_values(tensor: Tensor, name: str) -> None:
    """Raise unless a tensor holds values.

    Raises:
        ValueError: naming the argument, the rule and the device.
    """
    check(not tensor.is_meta, name, "hold values", str(tensor.device))


def check_numbers(values: object, name: str) -> None:
    """Raise unless an argument is a sequence of real numbers.

    Raises:
        ValueError: naming the argument, the rule and the value.
    """
    numbers = isinstance(values, Sequence) and all(isinstance(value, Real) for value in values)
    check(numbers, name, "be a sequence of numbers", values)


def check_device(tensor: Tensor, other: Tensor, name: str, others: str) -> None:
    """Raise unless two tensors are on the same device.

    Raises:
        ValueError: naming both arguments, and the device of the first.
    """
    check(tensor.device == other.device, name, f"be on the device of `{others}`", str(tensor.device))
