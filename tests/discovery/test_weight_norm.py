"""Weights that are made of others: a direction and a length, a matrix over its norm, an orthogonal matrix."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import utils
from torch.nn.utils import parametrizations, parametrize

from lightning_symmetry.discovery import find_symmetries

from .claims import Case, assert_complete, assert_exactly, assert_found, assert_proved, gaussian


def mlp(wrap, **options):
    return lambda: nn.Sequential(
        wrap(nn.Linear(4, 5), **options), nn.Tanh(), wrap(nn.Linear(5, 3), **options)
    )


WEIGHT = "{}.parametrizations.weight"
G1, V1 = (f"{WEIGHT.format(0)}.original{k}" for k in (0, 1))
G2, V2 = (f"{WEIGHT.format(2)}.original{k}" for k in (0, 1))
W1, W2 = (f"{WEIGHT.format(i)}.original" for i in (0, 2))
U1, LEFT1, RIGHT2 = f"{WEIGHT.format(0)}.0._u", f"{WEIGHT.format(0)}.0._v", f"{WEIGHT.format(2)}.0._v"

ROWS = f"""
    permutation 5: {V1} {G1} 0.bias {V2}
    positive_scaling 5: {V1}
    sign 5: {V1} {G1}^-1
    sign 5: {G1} 0.bias {V2}
    positive_scaling 3: {V2}
    sign 3: {V2} {G2}
    """

CASES = {
    "lengths of rows": Case(mlp(parametrizations.weight_norm), gaussian(4), ROWS, nullity=8),
    "lengths of columns": Case(
        mlp(parametrizations.weight_norm, dim=1),
        gaussian(4),
        f"""
        permutation 5: {V1} 0.bias {V2} {G2}
        sign 5: {V1} 0.bias {G2}
        positive_scaling 4: {V1}
        sign 4: {V1} {G1}
        positive_scaling 5: {V2}
        sign 5: {V2} {G2}
        """,
        nullity=9,
    ),
    "lengths of matrices": Case(
        mlp(parametrizations.weight_norm, dim=None),
        gaussian(4),
        f"""
        permutation 5: {V1} 0.bias {V2}
        sign 5: {V1} 0.bias {V2}
        positive_scaling 1: {V1}
        sign 1: {V1} {G1}^-1
        sign 1: {G1} 0.bias {G2}
        positive_scaling 1: {V2}
        """,
        nullity=2,
    ),
    "lengths of kernels": Case(
        lambda: nn.Sequential(
            parametrizations.weight_norm(nn.Conv2d(2, 4, 3)), nn.ReLU(), nn.Conv2d(4, 3, 1), nn.Flatten()
        ),
        gaussian(2, 4, 4),
        f"""
        permutation 4: {V1} {G1} 0.bias 2.weight
        positive_scaling 4: {V1}
        sign 4: {V1} {G1}
        positive_scaling 4: {G1} 0.bias 2.weight^-1
        """,
        nullity=8,
        outputs=12,
    ),
    "hooks": Case(
        mlp(utils.weight_norm),
        gaussian(4),
        ROWS.replace(V1, "0.weight_v")
        .replace(G1, "0.weight_g")
        .replace(V2, "2.weight_v")
        .replace(G2, "2.weight_g"),
        nullity=8,
    ),
    "spectral norms": Case(
        lambda: mlp(parametrizations.spectral_norm)().eval(),
        gaussian(4),
        f"""
        permutation 5: {W1} 0.bias {W2} {U1} {RIGHT2}
        sign 5: {W1} 0.bias {W2} {U1} {RIGHT2}
        scaling 1: {W1}
        scaling 1: {W2}
        """,
        nullity=2,
    ),
    "spectral norms in training": Case(
        mlp(parametrizations.spectral_norm),
        gaussian(4),
        f"""
        permutation 5: {W1} 0.bias {W2} {RIGHT2}
        sign 5: {W1} 0.bias {W2} {RIGHT2}
        scale_invariance 1: {W1}
        scale_invariance 1: {W2}
        """,
    ),
}
pytestmark = pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated:FutureWarning")


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_exactly_the_groups_of_the_theory_are_found_and_hold(case):
    assert_found(case)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.nullity is not None])
def test_no_continuous_direction_is_missing(name):
    assert_complete(CASES[name])


def test_whoever_reads_the_lengths_sees_the_scale_of_the_direction():
    class Lengths(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.v, self.g, self.o = (nn.Parameter(torch.randn(5, n)) for n in (4, 1, 3))

        def forward(self, x: Tensor) -> Tensor:
            weight, lengths = torch.ops.aten._weight_norm_interface(self.v, self.g)
            return (x @ weight.T * lengths.T).tanh() @ self.o

    model = Case(Lengths, gaussian(4), "").model()
    symmetries = find_symmetries(model, *gaussian(4)(7))
    assert_exactly(
        symmetries,
        """
        permutation 5: v g o
        positive_scaling 5: v g^-1
        sign 5: g o
        sign 5: v o
        """,
    )
    assert_proved(symmetries, model, *gaussian(4)(7))


class Symmetric(nn.Module):
    """A symmetric matrix, made of a triangle."""

    def forward(self, weight: Tensor) -> Tensor:
        return weight.triu() + weight.triu(1).mT


class Positive(nn.Module):
    """A matrix of positive numbers."""

    def forward(self, weight: Tensor) -> Tensor:
        return weight.exp()


def parametrized(module: nn.Module, parametrization: nn.Module) -> nn.Module:
    parametrize.register_parametrization(module, "weight", parametrization)
    return module


OTHERS = {
    "spectral norms by hooks": lambda: mlp(utils.spectral_norm)(),
    "spectral norms by hooks in evaluation": lambda: mlp(utils.spectral_norm)().eval(),
    "spectral norm of a kernel": lambda: nn.Sequential(
        nn.Unflatten(1, (1, 4)),
        parametrizations.spectral_norm(nn.Conv1d(1, 4, 3)),
        nn.ReLU(),
        nn.Conv1d(4, 2, 1),
    ),
    "orthogonal by reflections": mlp(parametrizations.orthogonal, orthogonal_map="householder"),
    "orthogonal by exponentials": mlp(parametrizations.orthogonal, orthogonal_map="matrix_exp"),
    "orthogonal by inverses": mlp(parametrizations.orthogonal, orthogonal_map="cayley"),
    "symmetric": lambda: nn.Sequential(
        nn.Linear(4, 5), parametrized(nn.Linear(5, 5), Symmetric()), nn.ReLU(), nn.Linear(5, 3)
    ),
    "positive": mlp(lambda module: parametrized(module, Positive())),
}


@pytest.mark.parametrize("build", OTHERS.values(), ids=OTHERS)
def test_no_parametrization_promises_too_much(build):
    case = Case(build, gaussian(4), "")
    model = case.model()
    symmetries = case.find(model)
    assert_proved(symmetries, model, *case.data(case.batch))
