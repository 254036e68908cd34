"""The mean losses of the steps since the last reading."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from .._compat import Trainer
from .._plain_form import by_text, number, row

FORM = by_text(row(number, number))
"""What the sums and counts may be."""


class LossMeans:
    """Sum up on the device what training steps return, and read the means rarely.

    Losses that are not finite do not count.

    Args:
        keys: Keys of the losses in what a step returns; by default ``"loss"``, or every real number if there
            is no ``"loss"``.
    """

    def __init__(self, keys: Sequence[str] | None) -> None:
        self.keys = keys
        self._sums: dict[str, Tensor] = {}

    def add(self, outputs: Any, device: torch.device, weight: int) -> None:
        """Take in one step; nothing waits for the device.

        Args:
            outputs: What the Trainer made of the step's result; nothing, if the step was skipped.
            device: Where to sum.
            weight: Number that the losses are multiplied by.

        Raises:
            ValueError: If a loss is asked for by a key that the step does not return.
        """
        if isinstance(outputs, Tensor):
            outputs = {"loss": outputs}
        if not outputs or not isinstance(outputs, Mapping):
            return
        numbers = {key: value for key, value in outputs.items() if _is_number(value)}
        missing = [key for key in self.keys or () if key not in numbers]
        if missing:
            raise ValueError(
                f"`losses` must be numbers that the training step returns, one of {sorted(numbers)}, "
                f"found {missing[0]!r}"
            )
        for key in self.keys or (["loss"] if "loss" in numbers else numbers):
            value = torch.as_tensor(numbers[key]).detach().to(device, torch.float32).reshape(())
            is_finite = value.isfinite()
            pair = torch.stack([torch.where(is_finite, weight * value, 0.0), is_finite.float()])
            self._sums[key] = self._sums[key].to(device) + pair if key in self._sums else pair

    def read(self, trainer: Trainer) -> dict[str, float]:
        """Average over steps and processes, and start again. Every process must call it.

        Args:
            trainer: The Trainer.

        Returns:
            The means, the same in every process; NaN where no loss was finite.
        """
        shares = self.shares(trainer)
        self._sums = {}
        return {key: total / count if count else math.nan for key, (total, count) in shares.items()}

    def shares(self, trainer: Trainer) -> dict[str, list[float]]:
        """Average the sums and counts of all processes. Every process must call it.

        Args:
            trainer: The Trainer.

        Returns:
            Plain numbers by key, the same in every process; a :meth:`state_dict` for each of any number of
            processes, in which a step counts for as much as it did.
        """
        # one process may have skipped its steps: all must reduce the same
        keys = trainer.strategy.broadcast(sorted(self._sums))
        if not keys:
            return {}
        nothing, device = torch.zeros(2), trainer.strategy.root_device
        pairs = torch.stack([self._sums.get(key, nothing).to(device) for key in keys])
        shares: list[list[float]] = trainer.strategy.reduce(pairs, reduce_op="mean").tolist()
        return dict(zip(keys, shares, strict=True))

    def state_dict(self) -> dict[str, list[float]]:
        """Return the sums and counts of this process, which waits for the device.

        Returns:
            Plain numbers by key.
        """
        return {key: pair.tolist() for key, pair in self._sums.items()}

    def load_state_dict(self, state: Mapping[str, Sequence[float]]) -> None:
        """Go on in the middle of an interval.

        Args:
            state: What :meth:`state_dict` returned.
        """
        self._sums = {key: torch.tensor(pair) for key, pair in state.items()}


def _is_number(value: object) -> bool:
    if isinstance(value, Tensor):
        return value.numel() == 1 and value.is_floating_point()
    return isinstance(value, float)
