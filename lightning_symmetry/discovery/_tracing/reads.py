"""What leaves torch without an operation: numbers that Python reads, memory that it gets hold of."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensor
from torch.overrides import TorchFunctionMode

from .recorder import Recorder


class Reads(TorchFunctionMode):
    """Tells the recorder what no operation tells.

    Args:
        recorder: Is told.
    """

    READING = (
        Tensor.numpy,
        Tensor.tolist,
        Tensor.data_ptr,
        Tensor.storage,
        Tensor.untyped_storage,
        Tensor.__array__,
        Tensor.__cuda_array_interface__.__get__,
        Tensor.__dlpack__,
    )
    ASSIGNING = Tensor.data.__set__  # type: ignore[attr-defined]

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self._recorder = recorder

    def __torch_function__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if function in (Tensor.item, Tensor.__format__) and isinstance(args[0], FakeTensor):
            self._recorder.read(args[:1])
            return Unknown() if function is Tensor.item else format(Unknown(), *args[1:])
        if function == self.ASSIGNING:
            return self._recorder.holdings.assign(*args)
        if function is Tensor.__deepcopy__:
            return _copied(*args)
        if function in self.READING:
            self._recorder.read(args[:1])
        return function(*args, **(kwargs or {}))


def _copied(tensor: Tensor, memo: dict[int, Any]) -> Tensor:
    """A deep copy made by operations."""
    if id(tensor) not in memo:
        memo[id(tensor)] = tensor.detach().clone().requires_grad_(tensor.requires_grad)
    copy: Tensor = memo[id(tensor)]
    return copy


class Unknown:
    """A number that a fake tensor does not have: it may be kept, printed and computed with, but not used.

    Raises:
        DataDependentOutputException: When something depends on it.
    """

    def __repr__(self) -> str:
        return "nan"

    def __format__(self, form: str) -> str:
        return format(float("nan"), form)

    def _computed(self, other: Any = 0, *rest: Any) -> Unknown:
        return Unknown() if isinstance(other, (int, float, Unknown)) else self._used()

    def _used(self, *others: Any) -> Any:
        raise DataDependentOutputException(torch.ops.aten._local_scalar_dense.default)

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _computed
    __truediv__ = __rtruediv__ = __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = _computed
    __pow__ = __rpow__ = __neg__ = __pos__ = __abs__ = __round__ = _computed
    __bool__ = __int__ = __float__ = __complex__ = __index__ = _used
    __lt__ = __le__ = __gt__ = __ge__ = __eq__ = __ne__ = __hash__ = _used
