"""Which tensor of a trace holds which value: twins, shared memory, and what has been overwritten."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor
from torch.nn.parameter import is_lazy

from .._program.program import Program
from .._program.values import Origin, Value
from .._real import real
from .contents import mapped
from .error import TraceError
from .memory import congruent, hollow, overlap, overlapping, storage
from .twins import Twins


class Holdings:
    """Knows the value that every tensor of a trace holds.

    The model runs on *twins* of its parameters, buffers and inputs, and of every tensor that it brings along,
    so that its own are neither read nor written.

    Args:
        program: What is written down.
        twin: Makes the twin of a tensor.

    Attributes:
        made: All tensors that the trace has brought into the world.
    """

    def __init__(self, program: Program, twin: Callable[[Tensor], Tensor]) -> None:
        self.made: list[weakref.ref[Tensor]] = []
        self._program = program
        self._twins = Twins(twin)
        self._values: dict[int, Value] = {}
        self._alive: list[Tensor] = []
        self._sharing: dict[int, list[Tensor]] = {}
        self._owned: list[Value] = []
        self._stale: dict[int, list[Value]] = {}
        self._unexplained: dict[int, list[Value]] = {}

    def __contains__(self, tensor: Tensor) -> bool:
        """Whether a tensor holds a value."""
        return id(tensor) in self._values

    def __getitem__(self, tensor: Tensor) -> Value:
        """The value that a tensor was bound to last."""
        return self._values[id(tensor)]

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
        self._program.pin([self._values[id(state[name])] for name in shared], "memory shared between names")
        self._owned = list(self._program.values)
        return state

    def inputs(self, tree: Any) -> Any:
        """Make twins of all tensors in the inputs."""

        def given(tensor: Tensor) -> Tensor:
            twin = self._source(tensor, Origin.FIXED)
            value = self._values[id(twin)]
            if value in self._owned:
                self._program.pin([value], "a parameter or a buffer given as data")
            return twin

        return mapped(given, tree)

    def value(self, tensor: Tensor) -> Value:
        """The value that a tensor holds now."""
        known = self._values.get(id(tensor))
        if known is None:
            known = self.bind(tensor, self._unseen(tensor))
        stale = self._stale.pop(id(tensor), []) + self._unexplained.pop(id(tensor), [])
        if stale:
            self._program.pin([known, *stale], "written through another view, or an output without a rule")
            known = self.bind(tensor, self.new(tensor, Origin.FIXED))
        return known

    def assign(self, target: Tensor, source: Tensor) -> None:
        """Let a tensor take over the memory of another, and with it its value."""
        target, source = self.known(target), self.known(source)
        value = self.value(source)
        target.data = source
        for sharing in self._sharing.values():
            sharing[:] = [relative for relative in sharing if relative is not target]
        self._stale.pop(id(target), None)
        self._unexplained.pop(id(target), None)
        self.bind(target, value)

    def known(self, tensor: Tensor) -> Tensor:
        """A tensor of the trace, or the twin of one that the model brings along."""
        if id(tensor) in self._values or isinstance(tensor, FakeTensor) or storage(tensor) in self._sharing:
            return tensor
        shared = self._twins.relatives(tensor)
        if not shared and (hollow(tensor) or tensor.grad_fn is not None):
            self._lose_sight()
        return self._source(tensor, Origin.FIXED)

    def bring(self, tensors: Sequence[Tensor]) -> None:
        """Note tensors that an operation has brought into the world."""
        self.made += [weakref.ref(tensor) for tensor in tensors]

    def new(self, tensor: Tensor, origin: Origin = Origin.COMPUTED, name: str = "") -> Value:
        """A value for a tensor; complex numbers have a last axis for the real and the imaginary part."""
        return self._program.value((*tensor.shape, 2) if tensor.is_complex() else tensor.shape, origin, name)

    def bind(self, tensor: Tensor, value: Value) -> Value:
        if id(tensor) not in self._values:
            self._alive.append(tensor)
        sharing = self._sharing.setdefault(storage(tensor), [])
        if not any(relative is tensor for relative in sharing):
            sharing.append(tensor)
        self._values[id(tensor)] = value
        return value

    def doubt(self, tensor: Tensor, inputs: list[Value]) -> None:
        """Note an output that no statement explains; it is pinned with its inputs once somebody looks."""
        self._unexplained[id(tensor)] = inputs

    def doubted(self, tensor: Tensor) -> list[Value] | None:
        """The inputs of an output that nothing explains and nobody has looked at yet."""
        return self._unexplained.get(id(tensor))

    def overwrite(self, tensor: Tensor, returned: Value | None, inputs: list[Value]) -> None:
        """Note that memory was written: what other tensors hold of it is new, or not known any more.

        Args:
            tensor: What an operation has written to.
            returned: The value of its output there, if it has one.
            inputs: What was written otherwise.
        """
        made = inputs if returned is None else [returned]
        for relative in self._sharing.get(storage(tensor), []):
            known = returned is not None and id(tensor) not in self._unexplained
            if known and congruent(relative, tensor):
                self._stale.pop(id(relative), None)
                self.bind(relative, made[0])
            elif not (relative is tensor and returned is not None) and overlap(relative, tensor):
                self._stale.setdefault(id(relative), []).extend(made)

    def _source(self, tensor: Tensor, origin: Origin, name: str = "") -> Tensor:
        """The twin of a tensor that the model owns, is given or brings along."""
        twin = self._twins.of(tensor)
        if id(twin) not in self._values:
            self.made += [weakref.ref(twin)] if twin is not tensor else []
            self.bind(twin, self.new(tensor, origin, name))
            others = [self._values[id(other)] for other in self._twins.relatives(tensor)]
            if others and not name:
                self._program.pin(others, "memory that is held in another way")
        return twin

    def _unseen(self, tensor: Tensor) -> Value:
        """The value of a tensor that no recorded operation has made."""
        relatives = self._sharing.get(storage(tensor), [])
        same = next((relative for relative in relatives if congruent(relative, tensor)), None)
        if same is not None:
            return self.value(same)
        if relatives:
            others = [self._values[id(relative)] for relative in relatives]
            self._program.pin(others, "memory that was seen in a way the trace does not know")
        elif isinstance(tensor, FakeTensor):
            self._lose_sight()
        return self.new(tensor, Origin.FIXED)

    def _lose_sight(self) -> None:
        self._program.pin(self._owned, "a tensor was made out of sight of the trace")


def _not_persistent(model: nn.Module) -> set[str]:
    """Buffers that no checkpoint holds: constants of the code, a rotary embedding's frequencies for one."""
    return {
        f"{path}.{name}" if path else name
        for path, module in model.named_modules()
        for name in module._non_persistent_buffers_set
    }
