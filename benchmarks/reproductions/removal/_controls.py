"""What else is done against collapse: noise, and fresh weights for units that are dead or duplicates."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import sqrt
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from lightning_symmetry import RemoveSymmetry, Syre, find_symmetries
from lightning_symmetry._compat import Callback, LightningModule, Trainer
from lightning_symmetry.surgery import initial_std

ALONE, NOISE, RENEWED, SYRE = "weight decay alone", "noise", "re-initialisation", "syre"

Filter = Callable[[str, Tensor], bool]


def treatments(std: float, seed: int, filter: Filter | None = None) -> dict[str, list[Callback]]:
    """Return the callbacks of every treatment, for one training each.

    Args:
        std: Size of syre's offset in initial standard deviations, and of the noise.
        seed: Of the offset, the noise and the fresh weights.
        filter: Chooses the parameters that syre acts on; None for all.

    Returns:
        Callbacks by treatment.
    """
    return {
        ALONE: [],
        NOISE: [Noise(std, seed)],
        RENEWED: [Reinitialisation(seed)],
        SYRE: [RemoveSymmetry(Syre(std, seed=seed), filter)],
    }


class Noise(Callback):
    """Shake all weights after every step, by so much that decay alone would hold them as far out as ``std``.

    Args:
        std: In initial standard deviations.
        seed: Of the noise.
    """

    def __init__(self, std: float, seed: int) -> None:
        self.std = std
        self.generator = torch.Generator().manual_seed(seed)

    @torch.no_grad()
    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *args: Any) -> None:
        """Shake.

        Args:
            trainer: The Trainer.
            pl_module: The model.
            *args: What the step was made of.
        """
        names = {parameter: name for name, parameter in pl_module.named_parameters()}
        for optimizer in trainer.optimizers:
            for group in optimizer.param_groups:
                rate = group["lr"] * group["weight_decay"] / (1 - group.get("momentum", 0))
                for parameter in group["params"]:
                    noise = torch.randn(parameter.shape, generator=self.generator).to(parameter)
                    std = self.std * initial_std(pl_module, names[parameter])
                    parameter.add_(noise, alpha=std * sqrt(2 * rate))


class Reinitialisation(Callback):
    """Draw the incoming weights of dead and duplicate units anew every so often, and let nobody read them.

    Args:
        seed: Of the fresh weights.
        every_n_steps: How often.
    """

    def __init__(self, seed: int, every_n_steps: int = 50) -> None:
        self.generator = torch.Generator().manual_seed(seed)
        self.every_n_steps = every_n_steps

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Find the permutations of the network.

        Args:
            trainer: The Trainer.
            pl_module: The model, with an ``example_input_array``.
        """
        found = find_symmetries(pl_module, pl_module.example_input_array)
        self.permutations = [s for s in found if s.group == "permutation" and s.copies == 1]

    @torch.no_grad()
    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *args: Any) -> None:
        """Renew what is redundant.

        Args:
            trainer: The Trainer.
            pl_module: The model.
            *args: What the step was made of.
        """
        if trainer.global_step % self.every_n_steps:
            return
        parameters = dict(pl_module.named_parameters())
        for symmetry in self.permutations:
            sides = {
                role: torch.cat([leg.units(leg.of(parameters[leg.parameter]))[0] for leg in legs], dim=1)
                for role, legs in _by_role(symmetry.legs)
            }
            chosen = redundant(sides["writes"], sides["reads"]).nonzero()[:, 0]
            for role, legs in _by_role(symmetry.legs):
                for leg in legs:
                    piece = leg.of(parameters[leg.parameter].data)
                    fresh = torch.randn(piece.shape, generator=self.generator).to(piece)
                    # a layer's own initial weights are uniform, of a third of the variance 1 / d
                    std = initial_std(pl_module, leg.parameter) / sqrt(3) if role == "writes" else 0.0
                    act = leg.acts[0]
                    piece.index_copy_(act, chosen, (std * fresh).index_select(act, chosen))


def redundant(incoming: Tensor, outgoing: Tensor) -> Tensor:
    """Say which units are dead, or read the same as a living unit before them.

    Args:
        incoming: What each unit reads, a row each.
        outgoing: What reads each unit, a row each.

    Returns:
        A truth for every unit.
    """
    sizes = (incoming.norm(dim=1) * outgoing.norm(dim=1)).sqrt()
    dead = sizes < 0.1 * sizes.max()
    directions = normalize(incoming, dim=1)
    same = (directions @ directions.mT > 0.95).tril(-1) & ~dead
    return dead | same.any(dim=1)


def _by_role(legs: Any) -> Iterator[tuple[str, list[Any]]]:
    for role in ("writes", "reads"):
        yield role, [leg for leg in legs if leg.roles[0] == role]
