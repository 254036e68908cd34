"""Write down what a model computes while it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_leaves, tree_map_only

from .. import rules
from .._program.calls import COMPLEX, COMPOSITIONS, RULES, Call, bound
from .._program.dims import StructureConflict
from .._program.program import Program
from .._program.statements import defined
from .._program.values import Origin, Value
from .chance import is_seeded
from .holdings import Holdings
from .memory import written
from .modules import RunningModules
from .shattering import followed

READING = (torch.ops.aten._local_scalar_dense.default, torch.ops.aten.equal.default)
"""Operations that hand numbers to Python."""

DEVICE = torch.ops.prim.device.default
"""What is asked more often than all others together."""

ALIASING = (torch.ops.aten.alias.default, torch.ops.aten.detach.default)
"""Operations whose output is their input."""


class Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Turns every ATen operation into statements as it happens.

    Args:
        twin: Makes the twin of a tensor.
        modules: Which module is running.

    Attributes:
        program: What has been written down.
        has_read: Whether Python has seen numbers.
        holdings: Which tensor holds which value.
    """

    def __init__(self, twin: Callable[[Tensor], Tensor], modules: RunningModules) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.program = Program()
        self.has_read = False
        self.holdings = Holdings(self.program, twin)
        self._modules = modules
        self._draws = 0

    def read(self, tensors: Iterable[Any]) -> None:
        """Note that Python sees the numbers of some tensors: what it does with them is out of sight."""
        self.has_read = True
        self.program.pin(
            [self.holdings.value(t) for t in tensors if isinstance(t, Tensor)], "its numbers are read"
        )

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
            args, kwargs = tree_map_only(Tensor, self.holdings.known, (args, kwargs))
        if RULES.get(operation.overloadpacket) in (rules.shape.identity, rules.shape.view):
            origin = self.holdings.doubted(args[0])
            if origin is not None:  # autograd keeps it: nobody has looked yet
                result = operation(*args, **kwargs)
                self.holdings.bring([result])
                self.holdings.bind(result, self.holdings.new(result))
                self.holdings.doubt(result, origin)
                return result
        seen, named = tree_map_only(Tensor, self.holdings.value, (args, kwargs))
        result = operation(*args, **kwargs)
        if operation in ALIASING:
            self.holdings.bring([result])
            self.holdings.bind(result, seen[0])
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
        self.holdings.bring([tensor for tensor in outputs if tensor not in self.holdings])
        outs = tuple(self.holdings.new(tensor) for tensor in outputs)
        if "lift_fresh" in operation._schema.name:
            outs[0].number = _number(outputs[0])
        inputs = [leaf for leaf in tree_leaves(list(arguments.values())) if isinstance(leaf, Value)]
        pairs = [value for tensor, value in zip(outputs, outs, strict=True) if tensor.is_complex()]
        pairs += [self.holdings[leaf] for leaf in tree_leaves(given) if _is_complex(leaf)]
        meaning = (COMPLEX if pairs else RULES).get(operation.overloadpacket)
        length = len(self.program.statements)
        try:
            if meaning is None:
                raise StructureConflict("no rule")
            masks = frozenset(self.holdings[leaf] for leaf in tree_leaves(given) if _is_mask(leaf))
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
            self.holdings.bind(tensor, out)
            if out.origin is Origin.COMPUTED and out not in settled and out.one_hot is None:
                self.holdings.doubt(tensor, inputs)
        returned = {id(tensor): out for tensor, out in zip(outputs, outs, strict=True)}
        for tensor in targets:
            self.holdings.overwrite(tensor, returned.get(id(tensor)), inputs)

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
