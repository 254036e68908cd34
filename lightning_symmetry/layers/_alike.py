"""Tensors that belong together."""

from torch import Tensor

from lightning_symmetry.functional._check import check, check_device, check_tensor


def check_alike(**tensors: Tensor) -> None:
    """Raise unless tensors hold numbers with a point, and have the shape and the device of the first.

    Args:
        **tensors: By the names of the arguments.

    Raises:
        ValueError: naming the argument, the rule and what was found.
    """
    (first, reference), *others = tensors.items()
    for name, tensor in tensors.items():
        check_tensor(tensor, name)
        numbers = tensor.is_floating_point() or tensor.is_complex()
        check(numbers, name, "be floating-point", tensor.dtype)
    for name, tensor in others:
        check(tensor.shape == reference.shape, name, f"have the shape of `{first}`", tuple(tensor.shape))
        check_device(tensor, reference, name, first)
