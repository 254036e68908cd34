"""Run a model in float64 on given parameters, with eps driven to zero and random numbers replayed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

from .._program.calls import RULES
from .._real import real
from ..rules import DRAWS, pointwise
from .as_written import as_written
from .contents import mapped
from .function import Function
from .unchanged import unchanged

NO_EPS = 1e-60
"""In place of every normalisation's eps: vanishes beside any variance, yet keeps 0/0 at zero."""

WIDE = {
    torch.float16: torch.float64,
    torch.bfloat16: torch.float64,
    torch.float32: torch.float64,
    torch.complex32: torch.complex128,
    torch.complex64: torch.complex128,
}
"""What a model that asks for less gets while it is verified."""


class Replay(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Within this mode, normalisations have no eps, and the k-th draw of random numbers is ``noise:k``.

    Args:
        noise: Draws to use instead of fresh ones; fresh ones are added to it.
    """

    def __init__(self, noise: dict[str, Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.noise = noise
        self._draws = 0

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        args = _without_eps(operation, args, kwargs)
        args, kwargs = tree_map_only(torch.dtype, lambda dtype: WIDE.get(dtype, dtype), (args, kwargs))
        compute = grouped_product if operation._schema.name == "aten::_grouped_mm" else operation
        result = compute(*args, **kwargs)
        if RULES.get(operation.overloadpacket) in DRAWS:
            self._replace(tree_leaves(result)[-1])
            if RULES[operation.overloadpacket] is pointwise.dropout:
                chance = args[1]
                result[0].copy_(
                    args[0] * result[1] / (1 - chance) if chance < 1 else torch.zeros_like(args[0])
                )
        return result

    def _replace(self, drawn: Tensor) -> None:
        name = f"noise:{self._draws}"
        self._draws += 1
        if name in self.noise:
            drawn.copy_(self.noise[name])
        else:
            self.noise[name] = drawn.clone()


def grouped_product(left: Tensor, right: Tensor, offs: Tensor | None = None, **unused: Any) -> Tensor:
    """Multiply every group of rows by a matrix of its own, in float64, which torch's kernel refuses.

    Args:
        left: Rows ``(n, k)``, sorted by group, or one matrix a group ``(g, n, k)``.
        right: A matrix a group, ``(g, k, m)``.
        offs: Where every group ends, if ``left`` holds rows.
        **unused: A bias or a dtype, which torch does not support either or which is float64 here.

    Returns:
        The products, ``(n, m)`` or ``(g, n, m)``; rows beyond the last group are zero.
    """
    if offs is None or left.dim() == 3:
        return left @ right
    out = left.new_zeros(len(left), right.shape[-1])
    start = 0
    for end, matrix in zip(offs.tolist(), right, strict=True):
        out[start:end] = left[start:end] @ matrix
        start = end
    return out


def _without_eps(operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
    """Replace the eps of a normalisation, fused or written by hand."""
    named = any(kind in operation._schema.name for kind in ("norm", "transformer_encoder_layer"))
    for position, argument in enumerate(operation._schema.arguments):
        given = args[position] if position < len(args) else kwargs.get(argument.name)
        if (named and argument.name == "eps") or (
            argument.name in ("other", "min") and pointwise.is_eps(operation, given)
        ):
            if position < len(args):
                args = (*args[:position], NO_EPS, *args[position + 1 :])
            else:
                kwargs[argument.name] = NO_EPS
    return args


@contextmanager
def _double_and_reproducible(seed: int) -> Iterator[None]:
    devices = range(torch.cuda.device_count()) if torch.cuda.is_available() else []
    usual = torch.get_default_dtype()
    with torch.random.fork_rng(devices=list(devices)):
        torch.manual_seed(seed)
        torch.set_default_dtype(torch.float64)
        try:
            yield
        finally:
            torch.set_default_dtype(usual)


def double(tree: Any) -> Any:
    """Convert all floating-point tensors in a tree to float64 (complex ones to complex128)."""

    def convert(tensor: Tensor) -> Tensor:
        tensor = tensor.detach()
        if tensor.is_complex():
            return tensor.to(torch.complex128)
        return tensor.double() if tensor.is_floating_point() else tensor.clone()

    return mapped(convert, tree)


def outputs(
    model: nn.Module,
    state: Mapping[str, Tensor],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    loss: Callable[..., Any] | None,
    *,
    noise: dict[str, Tensor] | None = None,
    seed: int = 0,
) -> Tensor:
    """Return everything that the model puts out on the given state, as one vector."""
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    # buffers are written during training, inputs by careless models: each run gets its own
    kept = {
        name: t if t.requires_grad else t.clone().requires_grad_(name in trained)
        for name, t in state.items()
        if ":" not in name
    }
    args, kwargs = mapped(torch.clone, (args, dict(kwargs)))

    def computed(*args: Any, **kwargs: Any) -> Any:
        output = model(*args, **kwargs)
        return output if loss is None else loss(output)

    replay = Replay({} if noise is None else noise)
    with unchanged(model), as_written(model), _double_and_reproducible(seed), torch.enable_grad(), replay:
        leaves = Function(model, computed).on(kept, args, kwargs)
    leaves = [real(leaf.resolve_conj()) for leaf in leaves]
    return torch.cat([leaf.reshape(-1).double() for leaf in leaves if leaf.is_floating_point()])
