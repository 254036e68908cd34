"""A model as its author wrote it, whatever was done to run it faster or on several devices."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from torch import nn

from ..._torch_compat import uncompiled

_WRAPPERS = (nn.DataParallel, nn.parallel.DistributedDataParallel)


@contextmanager
def as_written(model: nn.Module) -> Iterator[None]:
    """Run a model without compilation, without the hooks that shard it and without wrappers around it.

    Sharded parameters are to be replaced by whole ones. Leaves the modules changed, see :func:`unchanged`.
    """
    for module in model.modules():
        for hooks in (module._forward_pre_hooks, module._forward_hooks):
            for number in [n for n, hook in hooks.items() if _shards(hook)]:
                del hooks[number]
        if isinstance(module, _WRAPPERS):
            module.forward = partial(_pass, module)  # type: ignore[method-assign]
    with uncompiled(), warnings.catch_warnings():
        # a compiled module counts twice for hooks on all modules, which a trace has
        warnings.filterwarnings("ignore", "Using `torch.compile")
        yield


def _shards(hook: Any) -> bool:
    return str(getattr(hook, "__module__", "")).startswith("torch.distributed.")


def _pass(wrapper: nn.Module, *args: Any, **kwargs: Any) -> Any:
    inner: Any = wrapper.module
    return inner(*args, **kwargs)
