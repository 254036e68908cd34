"""Parameters written as products of factors, also while they are trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from ..._compat import LightningModule, Trainer, raw_optimizer
from ...surgery import Factorisation, add_symmetry, fold, prune, undo
from ...surgery._choice import Filter
from ...surgery._factors import Factors
from ...surgery._plain_name import plain_name
from .change import Change
from .exchange import exchange
from .plain_optimizer import plain_optimizer
from .steered import is_steered


class AddedFactors(Change):
    """Adds symmetries to a model; see :func:`~lightning_symmetry.add_symmetry`.

    Args:
        config: As there.
        filter: As there.
        threshold: Largest size of a unit that is zeroed when the factors are taken off; None for no unit.

    Attributes:
        names: The parameters that have factors, or will.
    """

    def __init__(
        self,
        config: Factorisation | Mapping[str, Factorisation | None],
        filter: Filter | None,
        threshold: float | None,
    ) -> None:
        self.config = config
        self.filter = filter
        self.threshold = threshold
        self.names: list[str] = []

    def is_on(self, model: LightningModule) -> bool:
        """Whether a model has factors that were put on here.

        Args:
            model: The model.

        Returns:
            True or false.
        """
        return bool(self.names and _added(model))

    def check(self, model: LightningModule) -> None:
        """Refuse a plain model that cannot be changed, and choose the parameters.

        Args:
            model: The model.

        Raises:
            ValueError: If it is steered in another way, which taking the factors off would fold.
        """
        if is_steered(model):
            raise ValueError(
                f"`schedule` must be on from the start to the end for a model that is steered already, found "
                f"that {type(model).__name__} is"
            )
        self.names = []
        self.put_on(model)
        undo(model)

    def put_on(self, model: LightningModule, trainer: Trainer | None = None) -> None:
        """Change a plain model; the parameters are those that :meth:`check` chose.

        Args:
            model: The model.
            trainer: The Trainer once it has optimizers, which go on with the factors.
        """
        before = {name for name, _ in model.named_parameters()}
        chosen = {plain_name(name) for name in self.names}
        add_symmetry(model, self.config, (lambda name, _: name in chosen) if chosen else self.filter)
        self.names = sorted(before - {name for name, _ in model.named_parameters()})
        if trainer is not None:
            exchange(trainer, {factors.original(): _pairs(name, factors) for name, factors in _added(model)})

    def take_off(self, model: LightningModule, trainer: Trainer | None = None) -> None:
        """Give the original parameters the values that the factors make, and put them back.

        Args:
            model: The model.
            trainer: The Trainer once it has optimizers, which go on with the original parameters.
        """
        by: dict[Tensor, list[tuple[str, Tensor]]] = {}
        for name, factors in _added(model):
            first, *others = factors.parameters()
            by |= {first: [(name, factors.original())], **{other: [] for other in others}}
        if trainer is not None and self.threshold is not None:
            prune(model, self.threshold)
        fold(model)
        if trainer is not None:
            exchange(trainer, by)

    def plain_optimizers(
        self, trainer: Trainer, model: LightningModule, states: list[dict[str, Any]]
    ) -> list[dict[str, Any]]:
        """Take the factors out of the states of the optimizers.

        Args:
            trainer: The Trainer.
            model: The model.
            states: States of the Trainer's optimizers.

        Returns:
            States for the original parameters.
        """
        optimizers = map(raw_optimizer, trainer.optimizers)
        originals = self.originals(model)
        return [plain_optimizer(state, own, originals) for state, own in zip(states, optimizers, strict=True)]

    def concerned(self, model: LightningModule) -> dict[str, Tensor]:
        """Return the factors by name, or the parameters that will have factors.

        Args:
            model: The model.
        """
        named = dict(model.named_parameters())
        factors = self.originals(model)
        if not factors:
            return {name: named[name] for name in self.names}
        return {name: parameter for name, parameter in named.items() if parameter in factors}

    def originals(self, model: nn.Module) -> dict[Tensor, Tensor]:
        """Return the original parameter of each factor.

        Args:
            model: A model.
        """
        return {p: factors._original[0] for _, factors in _added(model) for p in factors.parameters()}


def _added(model: nn.Module) -> list[tuple[str, Factors]]:
    """The factors of each parameter, once, with its name."""
    found = [(name, module) for name, module in model.named_modules() if isinstance(module, Factors)]
    return [(name.removesuffix(f"_{module.suffix}"), module) for name, module in found]


def _pairs(name: str, factors: Factors) -> list[tuple[str, Tensor]]:
    return [(f"{name}_{factors.suffix}.{key}", factor) for key, factor in factors.named_parameters()]
