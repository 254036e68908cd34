"""Put parameters in the place of others while optimizers train them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from ..._compat import Trainer, raw_optimizer

Named = tuple[str, Tensor]


def exchange(trainer: Trainer, by: Mapping[Tensor, Sequence[Named]]) -> None:
    """Let every optimizer go on with other parameters in the same groups and places.

    Others keep their state, and those that come start without any. No group is added, so schedulers of the
    learning rate go on. Processes that average gradients average those of the parameters that came.

    Args:
        trainer: The Trainer, whose model has the new parameters already.
        by: The parameters that go, each with the name and object of those that come in its place, if any.
    """
    for optimizer in map(raw_optimizer, trainer.optimizers):
        for group in optimizer.param_groups:
            _exchange_in(group, by)
        for gone in by:
            optimizer.state.pop(gone, None)
    for gone in by:
        gone.grad = None
    _wrap_anew(trainer)


def _exchange_in(group: dict[str, Any], by: Mapping[Tensor, Sequence[Named]]) -> None:
    names = group.get("param_names", [""] * len(group["params"]))
    kept = [by.get(p, [(name, p)]) for name, p in zip(names, group["params"], strict=True)]
    new = [pair for pairs in kept for pair in pairs]
    # in place: some optimizers hold the lists themselves
    group["params"][:] = [parameter for _, parameter in new]
    if "param_names" in group:
        group["param_names"][:] = [name for name, _ in new]


def _wrap_anew(trainer: Trainer) -> None:
    wrapped: Any = trainer.strategy.model
    if isinstance(wrapped, DistributedDataParallel):
        strategy: Any = trainer.strategy
        # it has hooks on the parameters that stay
        wrapped._remove_autograd_hooks()  # type: ignore[no-untyped-call]
        strategy.model = trainer.lightning_module
        strategy.configure_ddp()
