"""What runs as compiled code, where hooks that come later are not seen, and what must not."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import torch
from torch import nn
from torch._dynamo import OptimizedModule

Hook = TypeVar("Hook", bound=Callable[..., None])


def is_compiled(module: nn.Module) -> bool:
    """Whether a call of this module runs compiled code.

    Args:
        module: Any; of a LightningModule that was compiled, the module itself.

    Returns:
        False also for a module that only contains compiled ones, or is contained in one.
    """
    return (
        isinstance(module, OptimizedModule)
        or module._compiled_call_impl is not None
        or getattr(module, "_compiler_ctx", None) is not None
        or hasattr(module.forward, "_torchdynamo_orig_callable")
    )


def inside_compiled(module: nn.Module) -> set[nn.Module]:
    """Find all modules whose forward pass is part of compiled code.

    Args:
        module: The model.

    Returns:
        Modules that are compiled, and all that they contain.
    """
    return {part for each in module.modules() if is_compiled(each) for part in each.modules()}


def uncompiled_hook(hook: Hook) -> Hook:
    """Keep the compiler out of a hook: a compiled step that optimizes by hand calls it, too.

    Args:
        hook: Of a callback, within a training step.

    Returns:
        The same, which runs as written.
    """
    return cast(Hook, torch.compiler.disable(hook))  # type: ignore[no-untyped-call]
