"""Offsets towards which the optimizers of a Trainer decay, while they are wanted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from torch import Tensor, nn
from torch.optim import Optimizer

from ...surgery import OffsetDecay, syre_metric, syre_offset
from ...surgery._towards import Draw
from ...surgery.offset_decay import has_weight_decay, matching
from .kinds import Offsets


class AttachedOffsets:
    """Attaches and detaches :class:`~lightning_symmetry.OffsetDecay`, the offsets of each parameter its own.

    Args:
        model: The model.
        offsets: Name and config of each parameter.
        optimizers: All optimizers.

    Raises:
        ValueError: If no optimizer has ``weight_decay``, all train copies, or none trains such a parameter,
            or if an optimizer cannot be attached to. Nothing is attached then.
    """

    def __init__(self, model: nn.Module, offsets: Offsets, optimizers: list[Optimizer]) -> None:
        self._model = model
        self._configs = dict(offsets.values())
        self._attached: list[OffsetDecay] = []
        self.names: Mapping[Tensor, str] = {parameter: name for parameter, (name, _) in offsets.items()}
        self.without = [type(each).__name__ for each in optimizers if not has_weight_decay(each)]
        if len(self.without) == len(optimizers):
            raise ValueError(
                "at least one optimizer must have `weight_decay` in its parameter groups, through which "
                f"RemoveSymmetry acts, found {', '.join(self.without) or 'no optimizer'}"
            )
        self.optimizers = [
            each for each in optimizers if has_weight_decay(each) and matching(each, self.names)
        ]
        own = set(model.parameters())
        foreign = [type(each).__name__ for each in optimizers if own.isdisjoint(_trained(each))]
        if len(foreign) == len(optimizers):
            raise ValueError(
                "at least one optimizer must train the parameters of the model themselves for "
                f"RemoveSymmetry, found {', '.join(foreign)}, which trains copies (DeepSpeed); train with "
                "ModelParallelStrategy or DDPStrategy"
            )
        if not self.optimizers:
            raise ValueError(
                "`filter` must keep at least one trainable parameter of an optimizer with `weight_decay`, "
                f"found none among the {len(self.names)} parameters that it keeps"
            )
        try:
            self.attach()
        finally:
            self.detach()

    @property
    def undecayed(self) -> list[str]:
        """Names of the parameters that are trained without weight decay."""
        matched = [pair for optimizer in self.optimizers for pair in matching(optimizer, self.names)]
        return [self.names[parameter] for parameter, weight_decay in matched if weight_decay == 0]

    def attach(self) -> None:
        """Decay towards the offsets from now on."""
        for optimizer in self.optimizers:
            # whose parameters all have factors at present
            if matching(optimizer, self.names):
                self._attached.append(OffsetDecay(optimizer, self.names, *self._draws(optimizer)))

    def detach(self) -> None:
        """Decay towards zero from now on; the parameters are whole, even if a step was interrupted."""
        while self._attached:
            self._attached.pop().remove()

    def set_strength(self, strength: float) -> None:
        """Decay towards that share of the offsets.

        Args:
            strength: From 0 to 1.
        """
        for each in self._attached:
            each.strength = strength

    def _draws(self, optimizer: Optimizer) -> tuple[Draw, Draw | None]:
        configs = {name: config.sized(optimizer) for name, config in self._configs.items()}

        def offset(name: str) -> Tensor:
            return syre_offset(self._model, name, configs[name])

        def metric(name: str) -> Tensor:
            return syre_metric(self._model, name, configs[name])

        has_metric = any(
            configs[self.names[parameter]].spread for parameter, _ in matching(optimizer, self.names)
        )
        return offset, metric if has_metric else None


def _trained(optimizer: Optimizer) -> Iterator[Tensor]:
    return (parameter for group in optimizer.param_groups for parameter in group["params"])
