"""One cell of the matrix of ways to train: what it consists of, and the runs that are made in it."""

from __future__ import annotations

import random
from dataclasses import dataclass

import lightning.pytorch
import numpy as np
import torch
from lightning.pytorch.plugins import MixedPrecision
from lightning.pytorch.strategies import DDPStrategy, ModelParallelStrategy

from .trained import DECAY, Adversarial, Trained

STEPS = 4
SCALE = 2.0**10
"""Of the loss: a scaler's own first guess is too large, and the first steps are skipped."""
FACTORS = {
    "strategy": ("single", "ddp", "fsdp", "tensor"),
    "precision": ("32-true", "64-true", "bf16-mixed", "bf16-true", "16-mixed"),
    "compiled": ("nothing", "model", "everything"),
    "accumulation": ("1", "3, clipped"),
    "optimizer": ("sgd", "adamw", "foreach", "fused", "by hand", "two in turn"),
    "callback": ("symmetries", "representations", "stages", "all monitors", "removal", "addition"),
}
OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, 0.05, momentum=0.9, weight_decay=DECAY),
    "adamw": lambda p: torch.optim.AdamW(p, 0.005, weight_decay=DECAY),
    "foreach": lambda p: torch.optim.SGD(p, 0.05, weight_decay=DECAY, foreach=True),
    "fused": lambda p: torch.optim.Adam(p, 0.005, weight_decay=DECAY, fused=True),
    "by hand": lambda p: torch.optim.SGD(p, 0.05, nesterov=True, momentum=0.9, weight_decay=DECAY),
}


@dataclass(frozen=True)
class Cell:
    """A value of each factor."""

    strategy: str
    precision: str
    compiled: str
    accumulation: str
    optimizer: str
    callback: str

    def __str__(self) -> str:
        return "-".join(value.replace(" ", "_") for value in vars(self).values())

    @property
    def is_sharded(self) -> bool:
        return self.strategy in ("fsdp", "tensor")

    @property
    def is_distributed(self) -> bool:
        return self.strategy != "single"

    @property
    def is_automatic(self) -> bool:
        return self.optimizer not in ("by hand", "two in turn")

    @property
    def clips(self) -> bool:
        return self.accumulation != "1"

    @property
    def batches_a_step(self) -> int:
        return 3 if self.clips else 1

    @property
    def steers(self) -> bool:
        return self.callback in ("removal", "addition")

    def optimizer_of(self, parameters) -> torch.optim.Optimizer:
        return OPTIMIZERS[self.optimizer](parameters)

    def module(self) -> Trained:
        """The model at its initial weights."""
        return (Adversarial if self.optimizer == "two in turn" else Trained)(self)

    def fit(self, module: Trained, callbacks, folder: str, backend: str = "eager"):
        """Train from fixed seeds; return the Trainer and the random states afterwards."""
        torch._dynamo.reset()
        random.seed(5)
        np.random.seed(5)
        torch.manual_seed(3)
        if self.compiled == "model":
            for network in module.networks():
                network.compile(backend=backend)
        trained = torch.compile(module, backend=backend) if self.compiled == "everything" else module
        trainer = lightning.pytorch.Trainer(**self._options(), default_root_dir=folder, callbacks=callbacks)
        trainer.fit(trained)
        return trainer, (torch.get_rng_state().tolist(), random.getstate(), str(np.random.get_state()))

    def _options(self):
        options = {
            "accelerator": "cpu",
            "devices": 2 if self.is_distributed else 1,
            "max_steps": STEPS,
            "logger": False,
            "enable_checkpointing": False,
            "enable_progress_bar": False,
            "enable_model_summary": False,
            "limit_val_batches": 0,
        }
        if self.precision == "16-mixed":
            # by its name Lightning takes bfloat16 instead on a CPU
            options["plugins"] = [MixedPrecision("16-mixed", "cpu", torch.amp.GradScaler("cpu", SCALE))]
        else:
            options["precision"] = self.precision
        if self.clips and self.is_automatic:
            options |= {"accumulate_grad_batches": 3, "gradient_clip_val": 0.5}
        if self.is_distributed:
            options["strategy"] = STRATEGIES[self.strategy](self)
        return options


STRATEGIES = {
    "ddp": lambda cell: DDPStrategy(
        process_group_backend="gloo", find_unused_parameters=cell.optimizer == "two in turn"
    ),
    "fsdp": lambda cell: ModelParallelStrategy(data_parallel_size=2, tensor_parallel_size=1),
    "tensor": lambda cell: ModelParallelStrategy(data_parallel_size=1, tensor_parallel_size=2),
}
