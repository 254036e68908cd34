"""What is asked for: symmetries, and the parameters that they move."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from torch import Tensor

from ...discovery.symmetry import Symmetry
from ...functional._check import check, check_tensor, check_values
from .whole_values import WholeValues


def checked(symmetries: Iterable[Symmetry]) -> list[Symmetry]:
    """Return symmetries as a list.

    Args:
        symmetries: these.

    Returns:
        The same.

    Raises:
        ValueError: If they are none.
    """
    is_several = isinstance(symmetries, Iterable) and not isinstance(symmetries, Tensor)
    check(is_several, "symmetries", "be symmetries", type(symmetries).__name__)
    found = list(symmetries)
    for one in found:
        check(isinstance(one, Symmetry), "symmetries", "be symmetries", type(one).__name__)
    return found


def check_parameters(symmetries: Sequence[Symmetry], params: Mapping[str, Tensor]) -> None:
    """Raise unless there is every parameter that a symmetry moves, with room for what it moves.

    Args:
        symmetries: Any.
        params: Parameters by name.

    Raises:
        ValueError: If one is absent, is no tensor of real or complex numbers, or lacks an entry.
    """
    check(isinstance(params, Mapping), "params", "be a mapping of tensors", type(params).__name__)
    stored = params.stored if isinstance(params, WholeValues) else params
    for name, tensor in stored.items():
        check_tensor(tensor, f"params[{name!r}]")
    for leg in (leg for symmetry in symmetries for leg in symmetry.legs if leg.kind == "parameter"):
        check(leg.parameter in stored, "params", f"hold {leg.parameter!r}", list(stored))
        tensor = stored[leg.parameter]
        leg.check(tensor)
        check_values(tensor, f"params[{leg.parameter!r}]")
        numbers = tensor.is_floating_point() or tensor.is_complex()
        check(numbers, f"params[{leg.parameter!r}]", "be floating-point", tensor.dtype)
