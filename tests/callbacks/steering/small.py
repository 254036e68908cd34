"""A small training in double precision that is steered by a schedule."""

import lightning.pytorch
import torch
from torch import nn

from ..runs import Batches, Memory


def network() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3)).double()


def small_class(package=lightning.pytorch):
    class Small(package.LightningModule):
        """Trained by Adam, whose steps depend on the states of all parameters."""

        def __init__(self, optimizer=torch.optim.Adam, **options) -> None:
            super().__init__()
            self.model = network()
            self.optimizer, self.options = optimizer, {"lr": 0.02, "weight_decay": 0.1, **options}
            self.risks: dict[int, float] = {}

        def training_step(self, batch, batch_idx):
            loss = nn.functional.cross_entropy(self.model(batch[0].double()), batch[1])
            self.log("loss", loss)
            if self.global_step in self.risks:
                self.log("risk", self.risks[self.global_step])
            return loss

        def configure_optimizers(self):
            optimizer = self.optimizer(self.parameters(), **self.options)
            return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.9)]

        def train_dataloader(self):
            return Batches(5)

    return Small


Small = small_class()


def fit(module, callbacks, quiet, package=lightning.pytorch, ckpt_path=None, **options):
    memory = Memory()
    trainer = package.Trainer(
        **{**quiet, "logger": memory, "max_steps": 16, "log_every_n_steps": 1, **options}, callbacks=callbacks
    )
    trainer.fit(module, ckpt_path=ckpt_path)
    return trainer, memory.rows


def assert_equal(module, other) -> None:
    """The same names in the same order, and the same weights bit for bit."""
    pairs = zip(module.named_parameters(), other.named_parameters(), strict=True)
    for (name, one), (also, two) in pairs:
        assert name == also
        assert torch.equal(one, two), name
