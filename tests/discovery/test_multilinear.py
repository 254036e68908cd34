"""Products of more than two tensors, of vectors, and distances between vectors."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightning_symmetry.discovery import find_symmetries

from .claims import Case, assert_complete, assert_found, assert_proved, gaussian
from .test_writes import Net


class Two(nn.Module):
    """Two linear maps of the same input, and a function of both."""

    def __init__(self, function, width: int = 3, bias: bool = True) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, width, bias), nn.Linear(4, width, bias)
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self.a(x), self.b(x))


class Bilinear(nn.Module):
    """Both inputs of a bilinear layer have linear layers before them."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.both = nn.Linear(4, 2), nn.Linear(4, 3), nn.Bilinear(2, 3, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.both(self.a(x), self.b(x))


class Capsules(nn.Module):
    """Vectors of a set meet in a product that is spelled with three factors at once."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.core = nn.Linear(4, 2), nn.Linear(4, 3), nn.Parameter(torch.randn(5, 2, 3))

    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("ni,oij,nj->no", self.a(x), self.core, self.b(x))


CORE = """
    general_linear 2: a.weight a.bias {0}^-1
    general_linear 3: b.weight b.bias {0}^-1
    """
DISTANCE = """
    orthogonal 3: a.weight a.bias b.weight b.bias
    translation 3: a.bias b.bias
    """
EDGES = """
    permutation 3: a.weight a.bias b.weight b.bias
    sign 3: a.weight a.bias b.weight b.bias
    translation 3: a.bias b.bias
    """
CASES = {
    "bilinear layer": Case(Bilinear, gaussian(4), CORE.format("both.weight"), nullity=13, outputs=4),
    "three factors": Case(Capsules, gaussian(4), CORE.format("core"), nullity=13, outputs=5),
    "distances": Case(lambda: Two(torch.cdist), gaussian(6, 4), DISTANCE, nullity=6, outputs=36),
    "distances by a matrix product": Case(
        lambda: Two(lambda a, b: torch.cdist(a, b, compute_mode="use_mm_for_euclid_dist")),
        gaussian(6, 4),
        DISTANCE,
    ),
    "distances along edges": Case(lambda: Two(lambda a, b: torch.cdist(a, b, p=1.0)), gaussian(6, 4), EDGES),
    "greatest differences": Case(
        lambda: Two(lambda a, b: torch.cdist(a, b, p=float("inf"))), gaussian(6, 4), EDGES
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_exactly_the_groups_of_the_theory_are_found_and_hold(case):
    assert_found(case)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.nullity is not None])
def test_no_continuous_direction_is_missing(name):
    assert_complete(CASES[name])


def test_distances_within_one_set_are_those_between_it_and_itself():
    model = Case(lambda: nn.Linear(4, 3), gaussian(4), "").model()
    x, groups = gaussian(4)(7)[0], set()
    for function in (torch.pdist, lambda h: torch.cdist(h, h)):
        symmetries = find_symmetries(nn.Sequential(model, Apply(function)), x)
        assert_proved(symmetries, nn.Sequential(model, Apply(function)), x)
        groups.add(frozenset(s.group for s in symmetries))
    assert groups == {frozenset({"orthogonal", "translation"})}


class Apply(nn.Module):
    """A function as a module."""

    def __init__(self, function) -> None:
        super().__init__()
        self.function = function

    def forward(self, h: Tensor) -> Tensor:
        return self.function(h)


MAPS = {
    "bilinear": lambda h: F.bilinear(h.relu(), h.tanh(), torch.arange(216.0, dtype=h.dtype).view(6, 6, 6)),
    "addmv": lambda h: h * torch.addmv(h[:, 0], h, h[0].tanh(), beta=0.5, alpha=2.0).unsqueeze(1),
    "addr": lambda h: torch.addr(h, h[:, 0], h[0], beta=0.5, alpha=2.0),
    "addbmm": lambda h: torch.addbmm(h, h.unsqueeze(2).mT.mT[:, :1].expand(7, 7, 1), h.unsqueeze(1)),
    "vdot": lambda h: h * torch.vdot(h[0], h[1].tanh()),
    "cross": lambda h: torch.cat([torch.linalg.cross(h[:, :3], h[:, 3:]), h[:, 3:].relu()], 1),
    "cross of the batch": lambda h: torch.linalg.cross(h[:3], h[3:6].relu(), dim=0),
    "tensordot": lambda h: torch.tensordot(h, h.relu(), dims=([0], [0])),
    "kron": lambda h: torch.kron(h, h[:1, :1]),
    "inner": lambda h: torch.inner(h, h).relu() @ h,
    "chain": lambda h: torch.linalg.multi_dot([h, h.T, h]),
    "vecdot": lambda h: h * torch.linalg.vecdot(h, h.tanh()).unsqueeze(1),
    "power": lambda h: h @ torch.linalg.matrix_power(h.T @ h, 3),
    "inverse": lambda h: h @ torch.linalg.inv(h.T @ h),
    "solution": lambda h: torch.linalg.solve(h.T @ h, h.T).T,
    "determinant": lambda h: h * torch.linalg.det(h.T @ h),
    "singular values": lambda h: h * torch.linalg.svdvals(h),
    "factors": lambda h: torch.linalg.qr(h)[0],
    "exponential": lambda h: h @ torch.matrix_exp(h.T @ h * 1e-2),
    "matrix norm": lambda h: h / torch.linalg.matrix_norm(h),
    "distances": lambda h: torch.cdist(h, h) @ h,
    "distances of order 0": lambda h: torch.cdist(h.relu(), h.relu(), p=0.0) @ h,
    "distances of order 1/2": lambda h: torch.cdist(h, h.tanh(), p=0.5) @ h,
    "distances of order 3": lambda h: torch.cdist(h, h.tanh(), p=3.0) @ h,
    "broadcast distances": lambda h: torch.cdist(h.view(7, 1, 6), h).squeeze(1) @ h,
    "own distances": lambda h: h * torch.pdist(h).sum(),
    "cosines": lambda h: h * F.cosine_similarity(h, h.tanh()).unsqueeze(1),
    "lengths": lambda h: F.normalize(h),
    "lengths along edges": lambda h: F.normalize(h, p=1.0),
    "pairwise distance": lambda h: h * F.pairwise_distance(h, h.tanh()).unsqueeze(1),
}


@pytest.mark.parametrize("middle", MAPS.values(), ids=MAPS)
def test_no_rule_promises_too_much(middle):
    torch.manual_seed(0)
    model, x = Net(middle).double(), torch.randn(7, 4, dtype=torch.float64)
    symmetries = find_symmetries(model, x)
    assert_proved(symmetries, model, x)
