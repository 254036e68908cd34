"""Write down what a model computes while it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor
from torch.nn.parameter import is_lazy
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

from . import rules
from ._calls import RULES, Call, bound
from ._dims import StructureConflict
from ._memory import overlapping, storage, written
from ._program import Program, defined
from ._values import Origin, Value


class TraceError(RuntimeError):
    """The model could not be run, or not on fake tensors."""


READING = (torch.ops.aten._local_scalar_dense.default, torch.ops.aten.equal.default)
"""Operations that hand numbers to Python."""


class Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Turns every ATen operation into statements as it happens.

    The model runs on *twins* of its parameters, buffers and inputs, and of every tensor that it brings along,
    so that its own are neither read nor written.

    Args:
        twin: Makes the twin of a tensor.
    """

    def __init__(self, twin: Callable[[Tensor], Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.program = Program()
        self._twin = twin
        self._values: dict[int, Value] = {}
        self._alive: list[Tensor] = []
        self._sharing: dict[int, list[Tensor]] = {}
        self._stale: dict[int, list[Value]] = {}
        self._unexplained: dict[int, list[Value]] = {}
        self._twins: dict[int, Tensor] = {}
        self._draws = 0

    def sources(self, model: nn.Module) -> dict[str, Tensor]:
        """Make twins of all parameters and buffers."""
        state: dict[str, Tensor] = {}
        for name, parameter in model.named_parameters():
            if is_lazy(parameter):
                raise TraceError(f"parameter {name!r} is not initialised: run the model on one batch first")
            origin = Origin.PARAMETER if parameter.requires_grad else Origin.FIXED
            state[name] = self._source(parameter, origin, name)
        for name, buffer in model.named_buffers():
            origin = Origin.BUFFER if buffer.is_floating_point() else Origin.FIXED
            state[name] = self._source(buffer, origin, name)
        shared = overlapping(dict(model.named_parameters()) | dict(model.named_buffers()))
        self.program.pin([self._values[id(state[name])] for name in shared], "memory shared between names")
        return state

    def inputs(self, tree: Any) -> Any:
        """Make twins of all tensors in the inputs."""
        return tree_map_only(Tensor, lambda tensor: self._source(tensor, Origin.FIXED), tree)

    def value(self, tensor: Tensor) -> Value:
        """The value that a tensor holds now."""
        known = self._values.get(id(tensor))
        if known is None:
            # made before the trace began, or out of its sight: a constant, unless it shares memory with what
            # is known
            relatives = self._sharing.get(storage(tensor), [])
            known = self._bind(tensor, self.program.value(tensor.shape, Origin.FIXED))
            others = [self._values[id(relative)] for relative in relatives if relative is not tensor]
            if others:
                self.program.pin(others, "memory that was seen in a way the trace does not know")
        stale = self._stale.pop(id(tensor), []) + self._unexplained.pop(id(tensor), [])
        if stale:
            self.program.pin([known, *stale], "written through another view, or an output without a rule")
            known = self._bind(tensor, self.program.value(tensor.shape, Origin.FIXED))
        return known

    def read(self, tensors: Iterable[Any]) -> None:
        """Note that Python sees the numbers of some tensors: what it does with them is out of sight."""
        self.program.pin([self.value(t) for t in tensors if isinstance(t, Tensor)], "its numbers are read")

    def _source(self, tensor: Tensor, origin: Origin, name: str = "") -> Tensor:
        twin = self._twin(tensor)
        self._bind(twin, self.program.value(tensor.shape, origin, name))
        return twin

    def _known(self, tensor: Tensor) -> Tensor:
        """A tensor of the trace, or the twin of one that the model brings along."""
        if id(tensor) in self._values or isinstance(tensor, FakeTensor):
            return tensor
        if id(tensor) not in self._twins:
            self._alive.append(tensor)
            self._twins[id(tensor)] = self._twin(tensor)
        return self._twins[id(tensor)]

    def _bind(self, tensor: Tensor, value: Value) -> Value:
        if id(tensor) not in self._values:
            self._alive.append(tensor)
            self._sharing.setdefault(storage(tensor), []).append(tensor)
        self._values[id(tensor)] = value
        return value

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if operation.namespace == "prim":
            return operation(*args, **kwargs)
        if "lift_fresh" not in operation._schema.name:
            args, kwargs = tree_map_only(Tensor, self._known, (args, kwargs))
        if RULES.get(operation.overloadpacket) in (rules.shape.identity, rules.shape.view):
            origin = self._unexplained.get(id(args[0]))
            if origin is not None:  # autograd keeps it: nobody has looked yet
                result = operation(*args, **kwargs)
                self._bind(result, self.program.value(result.shape))
                self._unexplained[id(result)] = origin
                return result
        seen, named = tree_map_only(Tensor, self.value, (args, kwargs))
        result = operation(*args, **kwargs)
        outputs = [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
        targets = written(operation, args, kwargs)
        if operation in READING:
            self.read(tree_leaves((args, kwargs)))
        elif outputs or targets:
            self._record(operation, (args, kwargs), bound(operation, seen, named), outputs, targets)
        return result

    def _record(
        self,
        operation: Any,
        given: Any,
        arguments: dict[str, Any],
        outputs: list[Tensor],
        targets: list[Tensor],
    ) -> None:
        outs = tuple(self.program.value(tensor.shape) for tensor in outputs)
        inputs = [leaf for leaf in tree_leaves(list(arguments.values())) if isinstance(leaf, Value)]
        meaning = RULES.get(operation.overloadpacket)
        length = len(self.program.statements)
        try:
            if meaning is None:
                raise StructureConflict("no rule")
            meaning(self.program, Call(operation, arguments, outs, _real(given) and not _real(outputs)))
        except StructureConflict as conflict:
            del self.program.statements[length:]
            self.program.pin([*inputs, *outs], f"{operation.overloadpacket}: {conflict}")
        if meaning in rules.DRAWS:
            if outs[-1].origin in (Origin.NOISE, Origin.SYMMETRIC_NOISE):
                outs[-1].name = f"noise:{self._draws}"
            self._draws += 1
        settled = {value for statement in self.program.statements[length:] for value in defined(statement)}
        for tensor, out in zip(outputs, outs, strict=True):
            self._bind(tensor, out)
            if out.origin is Origin.COMPUTED and out not in settled:
                self._unexplained[id(tensor)] = inputs
        returned = {id(tensor): out for tensor, out in zip(outputs, outs, strict=True)}
        for tensor in targets:
            made = [returned[id(tensor)]] if id(tensor) in returned else inputs
            for relative in self._sharing.get(storage(tensor), []):
                if relative is not tensor or id(tensor) not in returned:
                    self._stale.setdefault(id(relative), []).extend(made)


def _real(tree: Any) -> bool:
    """Whether a tree holds a tensor of real or complex numbers."""
    return any(isinstance(t, Tensor) and (t.is_floating_point() or t.is_complex()) for t in tree_leaves(tree))
