"""Run a model once and write down what it computes.

By default on fake tensors, which carry shapes alone: nothing is allocated, no weight is read, no random
number is drawn and no buffer is written. Plain Python control flow, caches and custom modules just run. What
depends on numbers (``loss.item()``) can run on copies of the real tensors instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeTensor,
    FakeTensorMode,
)
from torch.func import functional_call
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from ._program import Program
from ._recorder import Recorder, TraceError
from ._unchanged import unchanged

__all__ = ["TraceError", "trace", "trace_running"]

Loss = Callable[..., Any] | None


def trace(model: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any], loss: Loss = None) -> Program:
    """Trace ``loss(model(*args, **kwargs))``, or the model's outputs when there is no loss, on fake tensors.

    Returns:
        The program; its parameters and buffers bear their dotted names.

    Raises:
        TraceError: If the model does not run on fake tensors; the message gives the cause.
    """
    mode = FakeTensorMode(allow_non_fake_inputs=True)

    def twin(tensor: Tensor) -> Tensor:
        if isinstance(tensor, FakeTensor):
            return tensor
        if tensor.device.type == "meta":
            with torch.no_grad():
                fake: Tensor = FakeTensor(mode, tensor.detach(), torch.device("cpu"))
            return fake.requires_grad_(tensor.requires_grad)
        return mode.from_tensor(tensor)

    return _trace(Recorder(twin), mode, model, args, kwargs, loss)


def trace_running(
    model: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any], loss: Loss = None
) -> Program:
    """Trace on copies of the real parameters, buffers and inputs: one forward pass in time and memory.

    Returns:
        The program; whatever the model reads into Python is pinned.

    Raises:
        TraceError: If the model does not run.
    """
    recorder = Recorder(lambda tensor: tensor.detach().clone().requires_grad_(tensor.requires_grad))
    devices = {p.device.index for p in model.parameters() if p.device.type == "cuda"}
    with torch.random.fork_rng(devices=[index for index in devices if index is not None]):
        return _trace(recorder, nullcontext(), model, args, kwargs, loss)


def _trace(
    recorder: Recorder,
    mode: AbstractContextManager[Any],
    model: nn.Module,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    loss: Loss,
) -> Program:
    state = recorder.sources(model)
    twin_args, twin_kwargs = recorder.inputs((args, dict(kwargs)))
    with unchanged(model):
        try:
            with mode, recorder, _Reads(recorder):
                output = functional_call(model, state, twin_args, twin_kwargs, tie_weights=True)
                if loss is not None:
                    output = loss(output)
        except Exception as error:
            raise TraceError(_cause(error)) from error
    leaves = [leaf for leaf in tree_leaves(output) if isinstance(leaf, Tensor)]
    if not leaves:
        raise TraceError(f"the output holds no tensor: it is a {type(output).__name__}")
    recorder.program.pin([recorder.value(leaf) for leaf in leaves], "outputs are what must not change")
    return recorder.program


def _cause(error: Exception) -> str:
    """One line on what went wrong."""
    line = next(iter(str(error).splitlines()), "")
    if isinstance(error, (DataDependentOutputException, DynamicOutputShapeException)):
        return f"control flow or shapes that depend on data: {line}"
    return f"{type(error).__name__}: {line}"


class _Reads(TorchFunctionMode):
    """Tells the recorder of numbers that leave torch without an operation."""

    FUNCTIONS = (Tensor.numpy, Tensor.tolist, Tensor.__array__, Tensor.data_ptr, Tensor.__dlpack__)

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self._recorder = recorder

    def __torch_function__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if function in self.FUNCTIONS:
            self._recorder.read(args[:1])
        return function(*args, **(kwargs or {}))
