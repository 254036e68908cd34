"""Write down what a model computes while it runs."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor
from torch.nn.parameter import is_lazy
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_leaves, tree_map_only

from .. import rules
from .._program.calls import COMPLEX, COMPOSITIONS, RULES, Call, bound
from .._program.dims import StructureConflict
from .._program.program import Program
from .._program.statements import defined
from .._program.values import Origin, Value
from .._real import real
from .chance import is_seeded
from .contents import mapped
from .error import TraceError
from .memory import congruent, hollow, overlap, overlapping, storage, written
from .modules import RunningModules
from .shattering import followed
from .twins import Twins

READING = (torch.ops.aten._local_scalar_dense.default, torch.ops.aten.equal.default)
"""Operations that hand numbers to Python."""

DEVICE = torch.ops.prim.device.default
"""What is asked more often than all others together."""

ALIASING = (torch.ops.aten.alias.default, torch.ops.aten.detach.default)
"""Operations whose output is their input."""


class Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Turns every ATen operation into statements as it happens.

    The model runs on *twins* of its parameters, buffers and inputs, and of every tensor that it brings along,
    so that its own are neither read nor written.

    Args:
        twin: Makes the twin of a tensor.
        modules: Which module is running.

    Attributes:
        program: What has been written down.
        has_read: Whether Python has seen numbers.
        made: All tensors that the trace has brought into the world.
    """

    def __init__(self, twin: Callable[[Tensor], Tensor], modules: RunningModules) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.program = Program()
        self.has_read = False
        self._twins = Twins(twin)
        self._modules = modules
        self._values: dict[int, Value] = {}
        self._alive: list[Tensor] = []
        self.made: list[weakref.ref[Tensor]] = []
        self._sharing: dict[int, list[Tensor]] = {}
        self._owned: list[Value] = []
        self._stale: dict[int, list[Value]] = {}
        self._unexplained: dict[int, list[Value]] = {}
        self._draws = 0

    def sources(self, model: nn.Module) -> dict[str, Tensor]:
        """Make twins of all parameters and buffers."""
        state: dict[str, Tensor] = {}
        for name, parameter in model.named_parameters():
            if is_lazy(parameter):
                raise TraceError(f"parameter {name!r} is not initialised: run the model on one batch first")
            origin = Origin.PARAMETER if parameter.requires_grad else Origin.FIXED
            state[name] = self._source(parameter, origin, name)
        passing = _not_persistent(model)
        for name, buffer in model.named_buffers():
            state_like = real(buffer).is_floating_point() and name not in passing
            origin = Origin.BUFFER if state_like else Origin.FIXED
            state[name] = self._source(buffer, origin, name)
        shared = overlapping(dict(model.named_parameters()) | dict(model.named_buffers()))
        self.program.pin([self._values[id(state[name])] for name in shared], "memory shared between names")
        self._owned = list(self.program.values)
        return state

    def inputs(self, tree: Any) -> Any:
        """Make twins of all tensors in the inputs."""

        def given(tensor: Tensor) -> Tensor:
            twin = self._source(tensor, Origin.FIXED)
            value = self._values[id(twin)]
            if value in self._owned:
                self.program.pin([value], "a parameter or a buffer given as data")
            return twin

        return mapped(given, tree)

    def value(self, tensor: Tensor) -> Value:
        """The value that a tensor holds now."""
        known = self._values.get(id(tensor))
        if known is None:
            known = self._bind(tensor, self._unseen(tensor))
        stale = self._stale.pop(id(tensor), []) + self._unexplained.pop(id(tensor), [])
        if stale:
            self.program.pin([known, *stale], "written through another view, or an output without a rule")
            known = self._bind(tensor, self._new(tensor, Origin.FIXED))
        return known

    def read(self, tensors: Iterable[Any]) -> None:
        """Note that Python sees the numbers of some tensors: what it does with them is out of sight."""
        self.has_read = True
        self.program.pin([self.value(t) for t in tensors if isinstance(t, Tensor)], "its numbers are read")

    def assign(self, target: Tensor, source: Tensor) -> None:
        """Let a tensor take over the memory of another, and with it its value."""
        target, source = self._known(target), self._known(source)
        value = self.value(source)
        target.data = source
        for sharing in self._sharing.values():
            sharing[:] = [relative for relative in sharing if relative is not target]
        self._stale.pop(id(target), None)
        self._unexplained.pop(id(target), None)
        self._bind(target, value)

    def _source(self, tensor: Tensor, origin: Origin, name: str = "") -> Tensor:
        """The twin of a tensor that the model owns, is given or brings along."""
        twin = self._twins.of(tensor)
        if id(twin) not in self._values:
            self.made += [weakref.ref(twin)] if twin is not tensor else []
            self._bind(twin, self._new(tensor, origin, name))
            others = [self._values[id(other)] for other in self._twins.relatives(tensor)]
            if others and not name:
                self.program.pin(others, "memory that is held in another way")
        return twin

    def _known(self, tensor: Tensor) -> Tensor:
        """A tensor of the trace, or the twin of one that the model brings along."""
        if id(tensor) in self._values or isinstance(tensor, FakeTensor) or storage(tensor) in self._sharing:
            return tensor
        shared = self._twins.relatives(tensor)
        if not shared and (hollow(tensor) or tensor.grad_fn is not None):
            self._lose_sight()
        return self._source(tensor, Origin.FIXED)

    def _unseen(self, tensor: Tensor) -> Value:
        """The value of a tensor that no recorded operation has made."""
        relatives = self._sharing.get(storage(tensor), [])
        same = next((relative for relative in relatives if congruent(relative, tensor)), None)
        if same is not None:
            return self.value(same)
        if relatives:
            others = [self._values[id(relative)] for relative in relatives]
            self.program.pin(others, "memory that was seen in a way the trace does not know")
        elif isinstance(tensor, FakeTensor):
            self._lose_sight()
        return self._new(tensor, Origin.FIXED)

    def _lose_sight(self) -> None:
        self.program.pin(self._owned, "a tensor was made out of sight of the trace")

    def _new(self, tensor: Tensor, origin: Origin = Origin.COMPUTED, name: str = "") -> Value:
        """A value for a tensor; complex numbers have a last axis for the real and the imaginary part."""
        return self.program.value((*tensor.shape, 2) if tensor.is_complex() else tensor.shape, origin, name)

    def _bind(self, tensor: Tensor, value: Value) -> Value:
        if id(tensor) not in self._values:
            self._alive.append(tensor)
        sharing = self._sharing.setdefault(storage(tensor), [])
        if not any(relative is tensor for relative in sharing):
            sharing.append(tensor)
        self._values[id(tensor)] = value
        return value

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if operation is DEVICE and isinstance(args[0], FakeTensor):
            return args[0].fake_device
        kwargs = kwargs or {}
        if operation.namespace == "prim":
            return operation(*args, **kwargs)
        if operation.overloadpacket in COMPOSITIONS:
            with self:
                return COMPOSITIONS[operation.overloadpacket](*args, **kwargs)
        if "lift_fresh" not in operation._schema.name:
            args, kwargs = tree_map_only(Tensor, self._known, (args, kwargs))
        if RULES.get(operation.overloadpacket) in (rules.shape.identity, rules.shape.view):
            origin = self._unexplained.get(id(args[0]))
            if origin is not None:  # autograd keeps it: nobody has looked yet
                result = operation(*args, **kwargs)
                self.made.append(weakref.ref(result))
                self._bind(result, self._new(result))
                self._unexplained[id(result)] = origin
                return result
        seen, named = tree_map_only(Tensor, self.value, (args, kwargs))
        result = operation(*args, **kwargs)
        if operation in ALIASING:
            self.made.append(weakref.ref(result))
            self._bind(result, seen[0])
            return result
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
        self.program.place = self._place(operation)
        numbers = [leaf for leaf in tree_leaves(arguments) if not isinstance(leaf, Value)]
        self.program.call = (f"{operation}{numbers}", len(self.program.statements))
        self.made += [weakref.ref(tensor) for tensor in outputs if id(tensor) not in self._values]
        outs = tuple(self._new(tensor) for tensor in outputs)
        if "lift_fresh" in operation._schema.name:
            outs[0].number = _number(outputs[0])
        inputs = [leaf for leaf in tree_leaves(list(arguments.values())) if isinstance(leaf, Value)]
        pairs = [value for tensor, value in zip(outputs, outs, strict=True) if tensor.is_complex()]
        pairs += [self._values[id(leaf)] for leaf in tree_leaves(given) if _is_complex(leaf)]
        meaning = (COMPLEX if pairs else RULES).get(operation.overloadpacket)
        length = len(self.program.statements)
        try:
            if meaning is None:
                raise StructureConflict("no rule")
            masks = frozenset(self._values[id(leaf)] for leaf in tree_leaves(given) if _is_mask(leaf))
            rounds = _real(given) and not _real(outputs)
            followed(meaning, self.program, Call(operation, arguments, outs, rounds, masks, frozenset(pairs)))
        except StructureConflict as conflict:
            self.program.pin([*inputs, *outs], str(conflict))
        self.program.place, self.program.call = "", None
        if RULES.get(operation.overloadpacket) in rules.DRAWS:
            if is_seeded(arguments.get("generator")):
                outs[-1].origin = Origin.FIXED
            if outs[-1].origin in (Origin.NOISE, Origin.SYMMETRIC_NOISE):
                outs[-1].name = f"noise:{self._draws}"
            self._draws += 1
        settled = {value for statement in self.program.statements[length:] for value in defined(statement)}
        for tensor, out in zip(outputs, outs, strict=True):
            self._bind(tensor, out)
            if out.origin is Origin.COMPUTED and out not in settled and out.one_hot is None:
                self._unexplained[id(tensor)] = inputs
        returned = {id(tensor): out for tensor, out in zip(outputs, outs, strict=True)}
        for tensor in targets:
            made = [returned[id(tensor)]] if id(tensor) in returned else inputs
            for relative in self._sharing.get(storage(tensor), []):
                known = id(tensor) in returned and id(tensor) not in self._unexplained
                if known and congruent(relative, tensor):
                    self._stale.pop(id(relative), None)
                    self._bind(relative, returned[id(tensor)])
                elif not (relative is tensor and id(tensor) in returned) and overlap(relative, tensor):
                    self._stale.setdefault(id(relative), []).extend(made)

    def _place(self, operation: Any) -> str:
        """The operation, and the module that runs it."""
        module = self._modules.innermost
        return f"{operation.overloadpacket} in {module}" if module else str(operation.overloadpacket)


def _is_complex(leaf: Any) -> bool:
    return isinstance(leaf, Tensor) and leaf.is_complex()


def _real(tree: Any) -> bool:
    """Whether a tree holds a tensor of real or complex numbers."""
    return any(isinstance(t, Tensor) and (t.is_floating_point() or t.is_complex()) for t in tree_leaves(tree))


def _is_mask(leaf: Any) -> bool:
    return isinstance(leaf, Tensor) and leaf.dtype in (torch.bool, torch.uint8)


def _number(tensor: Tensor) -> float | None:
    """The number that a constant without axes holds."""
    constant = getattr(tensor, "constant", tensor)
    if constant is None or constant.dim() or constant.is_meta or constant.is_complex():
        return None
    with _disable_current_modes():
        return float(constant)


def _not_persistent(model: nn.Module) -> set[str]:
    """Buffers that no checkpoint holds: constants of the code, a rotary embedding's frequencies for one."""
    return {
        f"{path}.{name}" if path else name
        for path, module in model.named_modules()
        for name in module._non_persistent_buffers_set
    }
