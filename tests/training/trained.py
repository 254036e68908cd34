"""What trains in every cell of the matrix: a classifier, or two networks that play against each other."""

from __future__ import annotations

import lightning.pytorch
import torch
import torch.nn.functional as F
from torch import nn
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import Replicate
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module

from ..callbacks.runs import Batches

DECAY = 0.5
"""Large, so that what steering does in a few steps is no rounding."""


class Network(nn.Sequential):
    """Linear layers, with what a part of the matrix changes: dropout draws random numbers."""

    def __init__(self, *sizes: int, drop: float = 0.0) -> None:
        layers: list[nn.Module] = []
        for i in range(len(sizes) - 1):
            layers += [nn.Linear(sizes[i], sizes[i + 1]), nn.ReLU()]
        super().__init__(*layers[:-1])
        self.drop = drop

    def forward(self, x):
        return F.dropout(super().forward(x), self.drop, self.training)

    def shard(self, mesh, how: str) -> None:
        """Distribute the parameters over the processes."""
        if how == "tensor":
            last = {"4": ColwiseParallel(output_layouts=Replicate())} if len(self) > 3 else {}
            plan = {"0": ColwiseParallel(), "2": RowwiseParallel(), **last}
            parallelize_module(self, mesh["tensor_parallel"], plan)
            return
        for layer in (*list(self)[::2], self):
            fully_shard(layer, mesh=mesh["data_parallel"])


class Trained(lightning.pytorch.LightningModule):
    """A classifier in one cell of the matrix."""

    def __init__(self, cell) -> None:
        super().__init__()
        self.cell = cell
        self.automatic_optimization = cell.is_automatic
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.model = self.network()
        if cell.precision == "64-true":
            self.double()

    def network(self) -> nn.Module:
        return Network(6, 12, 8, 3, drop=0.2)

    def networks(self) -> list[Network]:
        return [self.model]

    def configure_model(self) -> None:
        for network in self.networks():
            if self.cell.is_sharded and not network.__dict__.get("is_sharded"):
                network.shard(self.device_mesh, self.cell.strategy)
                network.__dict__["is_sharded"] = True

    def loss(self, batch, batch_idx):
        return F.cross_entropy(self.model(batch[0]), batch[1])

    def training_step(self, batch, batch_idx):
        loss = self.loss(batch, batch_idx)
        if not self.automatic_optimization:
            self.step_by_hand(loss, batch_idx)
        return loss

    def step_by_hand(self, loss, batch_idx) -> None:
        optimizer = self.stepping(batch_idx)
        self.manual_backward(loss / self.cell.batches_a_step)
        if (batch_idx + 1) % self.cell.batches_a_step == 0:
            if self.cell.clips:
                self.clip_gradients(optimizer, 0.5, "norm")
            optimizer.step()
            optimizer.zero_grad()

    def stepping(self, batch_idx):
        return self.optimizers()

    def configure_optimizers(self):
        return self.cell.optimizer_of(self.parameters())

    def train_dataloader(self):
        return Batches()


class Adversarial(Trained):
    """A maker and a critic, which learn in turn."""

    def network(self) -> nn.Module:
        return nn.ModuleDict({"maker": Network(3, 8, 6, drop=0.2), "critic": Network(6, 10, 1)})

    def networks(self) -> list[Network]:
        return list(self.model.values())

    def turn(self, batch_idx) -> int:
        return batch_idx // self.cell.batches_a_step % 2

    def loss(self, batch, batch_idx):
        made = self.model["maker"](batch[0][:, :3])
        if self.turn(batch_idx) == 0:
            return F.softplus(-self.model["critic"](made)).mean()
        judged = self.model["critic"](made.detach()), self.model["critic"](batch[0])
        return F.softplus(judged[0]).mean() + F.softplus(-judged[1]).mean()

    def stepping(self, batch_idx):
        first, second = self.optimizers()
        (first, second)[1 - self.turn(batch_idx)].zero_grad()
        return (first, second)[self.turn(batch_idx)]

    def configure_optimizers(self):
        return [
            torch.optim.SGD(self.model["maker"].parameters(), 0.05, momentum=0.9, weight_decay=DECAY),
            torch.optim.Adam(self.model["critic"].parameters(), 0.005, weight_decay=DECAY),
        ]
