"""How much memory two processes take to measure what neither could hold."""

import torch
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import Shard, distribute_tensor

from benchmarks.cost.scaling.alive import Alive
from lightning_symmetry import find_symmetries
from lightning_symmetry.metrics import ChargeDrift, OrderParameters
from lightning_symmetry.metrics._model import measured

from ..processes import join

WIDTH, BLOCKS = 256, 6
LAYER = 4 * WIDTH * 2 * WIDTH
"""Bytes of the largest parameter."""


class Block(nn.Module):
    """Adds a hidden layer to a stream that all blocks share."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(WIDTH)
        self.up, self.down = nn.Linear(WIDTH, 2 * WIDTH), nn.Linear(2 * WIDTH, WIDTH)

    def forward(self, x):
        return x + self.down(self.up(self.norm(x)).relu())


def model() -> nn.Module:
    """Blocks around one stream, whose space has all the matrices as its legs."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Linear(8, WIDTH), *(Block() for _ in range(BLOCKS)), nn.RMSNorm(WIDTH), nn.Linear(WIDTH, 4)
        )


def whole() -> tuple:
    """Weights, what stands for gradients, and symmetries."""
    made = model()
    params = {name: parameter.detach() for name, parameter in made.named_parameters()}
    return params, {n: p.sin() for n, p in params.items()}, find_symmetries(made, torch.zeros(1, 8))


def looks(params, gradients, symmetries) -> dict[str, tuple[dict[str, float], int]]:
    """All that is measured, and the most bytes alive meanwhile."""
    found = {}
    for name, look in (
        ("exact", lambda: OrderParameters(symmetries)(params)),
        ("sketched", lambda: OrderParameters(symmetries, exact=False)(params)),
        ("motion", lambda: OrderParameters(symmetries).motion(params, gradients)),
        ("charges", lambda: ChargeDrift(symmetries).charges(params)),
    ):
        if name == "sketched":
            look()  # random directions are kept from look to look, and small beside wider layers
        with Alive() as alive:
            values = look()
        numbers = {k: v.item() for k, v in values.items()} if name != "charges" else {}
        found[name] = numbers, alive.peak
    return found


def work(rank: int, port: int):
    """Be one of two processes."""
    join(rank, port)
    mesh = init_device_mesh("cpu", (2,))
    params, gradients, symmetries = whole()
    measured.AT_ONCE = {"cpu": LAYER // 64}  # as if these weights were large
    shards, slopes = (
        {name: distribute_tensor(each, mesh, [Shard(0)]) for name, each in tensors.items()}
        for tensors in (params, gradients)
    )
    return looks(shards, slopes, symmetries)
