"""Re-initialisation of units that are dead or do what another one does (ReDo, arXiv 2302.12902)."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from lightning_symmetry._compat import Callback, LightningModule, Trainer

THRESHOLD = 0.1
"""That of the package's own counts, for sizes and for pairs."""


class ResetUnits(Callback):
    """Draws the incoming weights of superfluous units anew and sets what they write to zero.

    Args:
        every: Steps from one time to the next; the first time is before the first step.
        until: The step from which on nothing is reset, so that what is measured at the end was trained.
        seed: Of the new weights.
    """

    def __init__(self, every: int, until: int, seed: int) -> None:
        self.every, self.until = every, until
        self.generator = torch.Generator().manual_seed(seed)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, *batch: Any) -> None:
        """Reset, if it is time.

        Args:
            trainer: The Trainer.
            pl_module: The model; its ``model`` is a sequence of layers.
            batch: The batch and its index.
        """
        if trainer.global_step < self.until and trainer.global_step % self.every == 0:
            linear = [layer for layer in pl_module.model if isinstance(layer, nn.Linear)]
            for writer, reader in pairwise(linear):
                units = superfluous(writer.weight, reader.weight)
                self._reset(writer, reader, units)
                _forget(trainer.optimizers[0], writer, reader, units)

    @torch.no_grad()
    def _reset(self, writer: nn.Linear, reader: nn.Linear, units: Tensor) -> None:
        # As `nn.Linear` draws them.
        bound = writer.in_features**-0.5
        for parameter in (writer.weight, writer.bias):
            fresh = torch.empty_like(parameter).uniform_(-bound, bound, generator=self.generator)
            parameter[units] = fresh[units]
        reader.weight[:, units] = 0


@torch.no_grad()
def superfluous(incoming: Tensor, outgoing: Tensor) -> Tensor:
    """Find the dead units, and of those that read the same direction all but the first.

    Args:
        incoming: ``(n, k)``, a unit a row.
        outgoing: ``(m, n)``, a unit a column.

    Returns:
        A mask ``(n,)``.
    """
    sizes = incoming.norm(dim=1) * outgoing.norm(dim=0)
    dead = sizes < THRESHOLD * sizes.max()
    directions = nn.functional.normalize(incoming, dim=1)
    same = 2 - 2 * directions @ directions.mT < THRESHOLD
    return dead | (same & ~dead).tril(-1).any(dim=1)


def _forget(optimizer: torch.optim.Optimizer, writer: nn.Linear, reader: nn.Linear, units: Tensor) -> None:
    """Stop what momentum would go on doing to new weights."""
    for parameter, dim in ((writer.weight, 0), (writer.bias, 0), (reader.weight, 1)):
        momentum = optimizer.state[parameter].get("momentum_buffer")
        if momentum is not None:
            momentum.movedim(dim, 0)[units] = 0
