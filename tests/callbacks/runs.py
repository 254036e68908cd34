"""Small real trainings that the tests of callbacks share."""

import lightning.pytorch
import torch
from lightning.pytorch.loggers.logger import DummyLogger
from torch import nn


class Memory(DummyLogger):
    """Keeps what a Trainer sends to its logger, by step."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[int, dict[str, float]] = {}

    def log_metrics(self, metrics, step=None) -> None:
        self.rows.setdefault(step, {}).update({k: float(v) for k, v in metrics.items() if k != "epoch"})


class Batches:
    """Forty batches of a fixed task; a resumed run goes on in the middle of an epoch."""

    def __init__(self, count: int = 40) -> None:
        generator = torch.Generator().manual_seed(1)
        x = torch.randn(count, 16, 6, generator=generator)
        self.batches = [(batch, batch[:, :3].argmax(1)) for batch in x]
        self.position = 0

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self):
        for batch in self.batches[self.position :]:
            self.position += 1
            yield batch
        self.position = 0

    def state_dict(self) -> dict[str, int]:
        return {"position": self.position}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.position = state["position"]


def network() -> nn.Module:
    """A ReLU network with dropout and batch normalisation, always the same."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Linear(6, 12),
            nn.BatchNorm1d(12),
            nn.ReLU(),
            nn.Dropout(0.2),
            nn.Linear(12, 8),
            nn.ReLU(),
            nn.Linear(8, 3),
        )


def module_class(package=lightning.pytorch):
    """An ordinary LightningModule of either name: it calls ``self.model(x)`` and has no example input."""

    class Classifier(package.LightningModule):
        def __init__(self, model: nn.Module | None = None) -> None:
            super().__init__()
            self.model = network() if model is None else model

        def training_step(self, batch, batch_idx):
            x, y = batch
            loss = nn.functional.cross_entropy(self.model(x), y)
            self.log("loss", loss)
            return loss

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.05, momentum=0.9)

        def train_dataloader(self):
            return Batches()

    return Classifier


Classifier = module_class()


def fit(module, callbacks, quiet, package=lightning.pytorch, **options):
    """Train from a fixed seed; return the trainer."""
    torch.manual_seed(3)
    checkpoint = options.pop("ckpt_path", None)
    trainer = package.Trainer(
        **{**quiet, "max_steps": 40, "callbacks": callbacks, "log_every_n_steps": 1, **options}
    )
    trainer.fit(module, ckpt_path=checkpoint)
    return trainer


def monitored(trainer) -> dict[str, float]:
    """What the Trainer knows under our keys."""
    return {k: float(v) for k, v in trainer.callback_metrics.items() if k.startswith("symmetry/")}
