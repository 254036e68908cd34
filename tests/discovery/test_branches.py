"""Whole branches that trade places."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from lightning_symmetry import find_symmetries

from .claims import assert_proved


def branch(function: type[nn.Module] = nn.GELU, width: int = 4) -> nn.Sequential:
    return nn.Sequential(nn.Linear(5, width), function(), nn.Linear(width, 3))


class Committee(nn.Module):
    """Branches that read the same, and how their results are put together."""

    def __init__(self, branches: list[nn.Module], how: str) -> None:
        super().__init__()
        self.branches, self.how = nn.ModuleList(branches), how
        self.router, self.head = nn.Linear(5, len(branches)), nn.Linear(3 * len(branches), 2)

    def forward(self, x: Tensor) -> Tensor:
        results = [branch(x) for branch in self.branches]
        if self.how == "joined":
            return self.head(torch.cat(results, -1))
        if self.how == "routed":
            gates = self.router(x).softmax(-1)
            return sum(gates[:, i : i + 1] * result for i, result in enumerate(results))
        if self.how == "weighted":
            return sum((i + 1) * result for i, result in enumerate(results))
        return sum(results)


def permuted(model: nn.Module) -> list[int]:
    """The sizes of the permutations of branches."""
    symmetries = find_symmetries(model, torch.zeros(2, 5, dtype=torch.float64))
    assert_proved(symmetries, model, torch.randn(7, 5, dtype=torch.float64))
    return [s.size for s in symmetries if any(leg.unit is not None for leg in s.legs)]


@pytest.mark.parametrize("how", ["summed", "joined", "routed"])
def test_branches_alike_trade_places(how):
    torch.manual_seed(0)
    assert permuted(Committee([branch() for _ in range(3)], how).double()) == [3]


def test_only_those_alike_trade_places():
    torch.manual_seed(0)
    branches = [branch(), branch(nn.Tanh), branch(), branch(nn.Tanh), branch(width=5)]
    assert permuted(Committee(branches, "summed").double()) == [2, 2]


def test_branches_with_weights_of_their_own_do_not():
    torch.manual_seed(0)
    assert permuted(Committee([branch(), branch()], "weighted").double()) == []


def test_one_branch_used_twice_is_one_branch():
    torch.manual_seed(0)
    shared = branch()
    assert permuted(Committee([shared, shared], "summed").double()) == []


def test_a_branch_that_something_else_reads_stays():
    class Watched(Committee):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return super().forward(x), self.branches[0][0](x)

    torch.manual_seed(0)
    assert permuted(Watched([branch() for _ in range(3)], "summed").double()) == [2]


def test_a_permutation_moves_every_parameter_of_a_branch_to_one_other():
    torch.manual_seed(0)
    model = Committee([branch() for _ in range(3)], "joined").double()
    symmetries = find_symmetries(model, torch.zeros(2, 5, dtype=torch.float64))
    (symmetry,) = [s for s in symmetries if any(leg.unit is not None for leg in s.legs)]
    params = dict(model.named_parameters())
    moved = symmetry.act(params, torch.tensor([[2, 0, 1]]))
    for name in ("0.weight", "0.bias", "2.weight"):
        for now, before in ((0, 2), (1, 0), (2, 1)):
            assert torch.equal(moved[f"branches.{now}.{name}"], params[f"branches.{before}.{name}"])
    assert torch.equal(moved["head.weight"][:, :3], params["head.weight"][:, 6:])


@pytest.mark.parametrize("pooled", [False, True])
def test_branches_that_normalise_the_same_input_take_their_running_means_along(pooled):
    class Twins(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = (nn.Sequential(nn.BatchNorm1d(5), nn.Linear(5, 3)) for _ in range(2))

        def forward(self, x: Tensor) -> Tensor:
            h = x.mean(1) if pooled else x[:, 0]
            return self.a(h) + self.b(h)

    model, x = Twins().eval(), torch.randn(4, 3, 5)
    symmetries = find_symmetries(model, x)
    (branches,) = (s for s in symmetries if s.group == "permutation")
    moved = {leg.parameter for leg in branches.legs}
    assert {"a.0.running_mean", "b.0.running_mean", "a.0.running_var", "b.0.running_var"} <= moved
    assert max(symmetries.errors(model, x).values()) < 1e-12


@pytest.mark.parametrize("move", [lambda p: p.flip(-1), lambda p: p.cumsum(-1), lambda p: p.sort(-1).values])
def test_readers_of_different_places_do_not_trade_them(move):
    class Places(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.readers = nn.Parameter(torch.randn(2, 3))

        def forward(self, x: Tensor) -> Tensor:
            places = move(torch.stack([x[:, 0], x[:, 1]], -1))
            return sum((places[:, i, None] * self.readers[i]).tanh() for i in range(2))

    model, x = Places(), torch.randn(5, 2)
    symmetries = find_symmetries(model, x)
    assert [s.size for s in symmetries if s.group == "permutation"] == []
    assert_proved(symmetries, model, x)
