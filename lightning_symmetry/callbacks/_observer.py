"""All that is measured at a look, and what the next one is compared with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from ..discovery import Symmetry
from ..metrics._model.reader import Reader
from ..metrics._model.sums import answered, together
from ..metrics._model.whole_values import WholeValues
from ..metrics.order_parameters import OrderParameters
from ._charge_memory import ChargeMemory
from ._collapse_warning import CollapseWarning
from ._decay_clock import parameter_groups
from ._finite_values import FiniteValues
from ._motion import motion

LARGE = 512
"""Models that have spaces of more units are sketched unless the user wants it otherwise."""


class Observer:
    """Looks at a model in training.

    Args:
        owner: Whom its warnings speak of.
        before: Called with a name before processes exchange anything; all of them come by.
    """

    def __init__(self, owner: str, before: Callable[[str], object]) -> None:
        self._before = before
        self._measure: OrderParameters | None = None
        self._charges = ChargeMemory()
        self._motion: dict[str, Tensor] = {}
        self._warning = CollapseWarning()
        self._values = FiniteValues(owner)

    @property
    def is_ready(self) -> bool:
        """Whether it knows what to watch."""
        return self._measure is not None

    def watch(self, symmetries: Iterable[Symmetry], exact: bool | None) -> None:
        """Say what to watch.

        Args:
            symmetries: Symmetries of the model.
            exact: Whether to measure exactly or to sketch; None for what the sizes of the spaces suggest.
        """
        symmetries = list(symmetries)
        small = all(symmetry.size <= LARGE for symmetry in symmetries)
        self._measure = OrderParameters(symmetries, small if exact is None else exact)
        self._charges.watch(symmetries)

    def forget(self) -> None:
        """Watch nothing, and compare with nothing that was measured before."""
        self._measure, self._motion = None, {}
        self._charges.forget()

    def step(self, optimizers: Sequence[Optimizer], optimizer: Optimizer) -> None:
        """Count a step of which the next look wants to know.

        Args:
            optimizers: All optimizers.
            optimizer: The one that is about to step.
        """
        self._charges.clock.step(optimizers, optimizer)

    def look_at_gradients(self, module: nn.Module, optimizer: Optimizer, scale: float) -> None:
        """Measure what belongs to the look that follows this step.

        Args:
            module: The model, with gradients.
            optimizer: The one that is about to step.
            scale: How many times too large the gradients are.
        """
        assert self._measure is not None
        self._motion |= motion(self._measure, module, optimizer, scale, self._before)

    def look(self, module: nn.Module, optimizers: Sequence[Optimizer], step: int) -> dict[str, float]:
        """Measure the weights.

        Args:
            module: The model.
            optimizers: All optimizers.
            step: Steps done.

        Returns:
            What is finite, by key.
        """
        assert self._measure is not None
        read = Reader(WholeValues(dict(module.named_parameters()), self._before))
        looks = [self._measure.look(read), self._charges.look(read, parameter_groups(module, optimizers))]
        values, charges = answered(together(looks), read)
        finite = self._values.of(values | self._motion | self._charges.compare(charges), step)
        self._motion = {}
        return finite | self._warning.after(step, finite)

    def state_dict(self) -> dict[str, Any]:
        """Return plain numbers, strings, lists and dicts, and charges as tensors on the CPU."""
        return {"looks": self._warning.state_dict(), "charges": self._charges.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where another observer was.

        Args:
            state: What its :meth:`state_dict` returned; what is absent starts anew.
        """
        self._warning.load_state_dict(state.get("looks", []))
        if "charges" in state:
            self._charges.load_state_dict(state["charges"])
