"""Run a model once and write down what it computes.

By default on fake tensors, which carry shapes alone: nothing is allocated, no weight is read, no random
number is drawn and no buffer is written. Plain Python control flow, caches and custom modules just run. What
depends on numbers (``if loss > 1``) runs on copies of the real tensors instead.
"""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeTensorMode,
)

from .._program.places import write_numbers
from .._program.program import Program
from .as_written import as_written
from .chance import has_drawn, mark, state
from .contents import tensors
from .error import TraceError
from .function import Function, NoTensor
from .idle import pin_idle
from .leftovers import no_leftovers
from .modules import RunningModules
from .reads import Reads
from .recorder import Recorder
from .twins import copied, fake, is_real
from .unchanged import unchanged

PATHS = 8
"""How often a model is run that takes its path by chance."""

Inputs = tuple[tuple[Any, ...], Mapping[str, Any]]


def trace(model: nn.Module, function: Callable[..., Any], inputs: Inputs) -> Program:
    """Trace a function of a model's parameters on fake tensors or, where these do not do, on real ones.

    Args:
        model: Owns the parameters.
        function: What to run, such as the model itself.
        inputs: Positional and keyword arguments of the function.

    Returns:
        The program; its parameters and buffers bear their dotted names in the model.

    Raises:
        TraceError: If the function does not run; the message gives the cause.
    """
    try:
        return trace_fake(model, function, inputs)
    except TraceError as error:
        if not all(map(is_real, [*model.parameters(), *model.buffers(), *tensors(inputs)])):
            raise
        cause = str(error)
    program = trace_running(model, function, inputs)
    warnings.warn(
        f"{type(model).__name__} does not run on fake tensors ({cause}): it was traced on copies of the real "
        "ones, for the time and memory of a forward pass. The symmetries hold where it takes the same path.",
        stacklevel=5,
    )
    return program


def trace_fake(model: nn.Module, function: Callable[..., Any], inputs: Inputs) -> Program:
    """Trace a function of a model's parameters on fake tensors.

    Returns:
        The program.
    """
    with no_leftovers() as made:
        mode = FakeTensorMode(allow_non_fake_inputs=True)
        return _trace(partial(fake, mode), mode, model, function, inputs, made)


def trace_running(model: nn.Module, function: Callable[..., Any], inputs: Inputs) -> Program:
    """Trace on copies of the real parameters, buffers and inputs: one forward pass in time and memory.

    Returns:
        The program; whatever the model reads into Python is pinned.
    """
    devices = {p.device.index for p in model.parameters() if p.device.type == "cuda"}
    with no_leftovers() as made, torch.random.fork_rng(devices=[i for i in devices if i is not None]):
        return pin_idle(_trace(copied, nullcontext(), model, function, inputs, made))


def _trace(
    twin: Callable[[Tensor], Tensor],
    mode: AbstractContextManager[Any],
    model: nn.Module,
    function: Callable[..., Any],
    inputs: Inputs,
    made: list[weakref.ref[Tensor]],
) -> Program:
    modules = RunningModules(model)
    recorder = Recorder(twin, modules)
    computed = Function(model, function)
    try:
        with torch.inference_mode(False), torch.enable_grad(), unchanged(model) as generators:
            mark()
            owned = recorder.holdings.sources(model)
            args, kwargs = recorder.holdings.inputs((inputs[0], dict(inputs[1])))
            paths, by_chance = 0, True
            while by_chance and paths < PATHS:
                before = [state(generator) for generator in generators]
                with as_written(model), modules, mode, recorder, Reads(recorder):
                    found = computed.on(owned, args, kwargs)
                recorder.program.pin(map(recorder.holdings.value, found), "outputs are what must not change")
                drawn = [g for g, earlier in zip(generators, before, strict=True) if has_drawn(g, earlier)]
                paths, by_chance = paths + 1, _steers(drawn, recorder)
    except TraceError:
        raise
    except Exception as error:
        raise TraceError(_cause(error)) from error
    finally:
        made += recorder.holdings.made
    write_numbers(recorder.program)
    return pin_idle(recorder.program) if paths > 1 else recorder.program


def _steers(drawn: Iterable[Any], recorder: Recorder) -> bool:
    """Whether random numbers may have chosen the path: Python's, or those of torch that Python has read."""
    return any(recorder.has_read or not isinstance(generator, torch.Generator) for generator in drawn)


def _cause(error: Exception) -> str:
    """One line on what went wrong."""
    line = next(iter(str(error).splitlines()), "")
    if isinstance(error, NoTensor):
        return line
    if isinstance(error, (DataDependentOutputException, DynamicOutputShapeException)):
        return f"control flow or shapes that depend on data: {line}"
    return f"{type(error).__name__}: {line}"
