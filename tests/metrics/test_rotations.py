"""Ranks of spaces that may be rotated, such as residual streams."""

import numpy as np
import pytest
import torch
from torch import nn

from lightning_symmetry import find_symmetries
from lightning_symmetry.metrics import OrderParameters

WIDTH = 8
QUANTITIES = ("effective_rank", "participation_ratio", "stable_rank", "numerical_rank", "unbroken")


class Stream(nn.Module):
    """A residual stream behind norms with gains."""

    def __init__(self, norm: type[nn.Module]) -> None:
        super().__init__()
        self.embed = nn.Linear(3, WIDTH, bias=False)
        self.norm, self.last = norm(WIDTH, eps=0.0), norm(WIDTH, eps=0.0)
        self.up, self.down = nn.Linear(WIDTH, 6), nn.Linear(6, WIDTH, bias=False)
        self.head = nn.Linear(WIDTH, 2, bias=False)

    def forward(self, x):
        x = self.embed(x)
        return self.head(self.last(x + self.down(torch.tanh(self.up(self.norm(x))))))


def stream(norm):
    torch.manual_seed(0)
    net = Stream(norm).double()
    with torch.no_grad():
        for parameter in (net.norm.weight, net.last.weight):
            parameter.uniform_(0.5, 2.0)
    x = torch.randn(4, 3, dtype=torch.float64)
    symmetries = find_symmetries(net, x)
    (rotation,) = [s for s in symmetries if s.group == "orthogonal"]
    return net, symmetries, rotation.name


@pytest.mark.parametrize("norm", [nn.RMSNorm, nn.LayerNorm])
def test_ranks_are_those_of_all_matrices_around_and_the_same_after_a_rotation(norm):
    net, symmetries, name = stream(norm)
    params = dict(net.named_parameters())
    values = OrderParameters(symmetries)(params)
    moved = OrderParameters(symmetries)(symmetries.transform(params, torch.Generator().manual_seed(1)))
    for quantity in QUANTITIES:
        key = f"symmetry/{quantity}/{name}"
        assert moved[key].item() == pytest.approx(values[key].item(), rel=1e-10, abs=1e-10), key
    gains = [1.0, 1.0, *(1 / norm.weight.detach().numpy() for norm in (net.norm, net.last))]
    matrices = [net.embed.weight, net.down.weight, net.up.weight.T, net.head.weight.T]
    rows = [m.detach().numpy() / np.reshape(gain, (-1, 1)) for m, gain in zip(matrices, gains, strict=True)]
    if norm is nn.LayerNorm:
        rows = [m - m.mean(axis=0) for m in rows]
    side_by_side = np.concatenate([m / np.linalg.norm(m) for m in rows], axis=1)
    squares = np.linalg.svd(side_by_side, compute_uv=False) ** 2
    participation = squares.sum() ** 2 / (squares**2).sum()
    assert values[f"symmetry/participation_ratio/{name}"].item() == pytest.approx(participation, rel=1e-9)


def test_directions_that_nothing_writes_or_reads_may_be_rotated():
    net, symmetries, name = stream(nn.RMSNorm)
    with torch.no_grad():
        for weight in (net.embed.weight, net.down.weight):
            weight[5:] = 0
        for weight in (net.up.weight, net.head.weight):
            weight[:, 5:] = 0
    values = OrderParameters(symmetries)(dict(net.named_parameters()))
    assert values[f"symmetry/numerical_rank/{name}"] == 5
    assert values[f"symmetry/unbroken/{name}"].item() == pytest.approx(3 * 2 / (8 * 7))
    assert values["symmetry/unbroken"] != values[f"symmetry/unbroken/{name}"]


def test_a_sketched_rotation_is_close_to_the_exact_one():
    net, symmetries, name = stream(nn.RMSNorm)
    params = dict(net.named_parameters())
    exact, sketch = (OrderParameters(symmetries, exact=e)(params) for e in (True, False))
    key = f"symmetry/participation_ratio/{name}"
    # one in three of 32 directions is new to a space of 9 columns: twice the deviation of a wide space
    assert sketch[key].item() == pytest.approx(exact[key].item(), rel=4 * 0.14)
    assert f"symmetry/effective_rank/{name}" not in sketch
