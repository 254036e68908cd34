"""Networks of linear layers: which groups act, on which parameters, and that no direction is missing."""

import pytest
from torch import nn

from .claims import Case, assert_complete, assert_found, gaussian
from .models import Chunked, DenseNet, Pooled, Singles


def _net(*layers: nn.Module) -> nn.Sequential:
    return nn.Sequential(*layers)


CASES = {
    "relu": Case(
        lambda: _net(nn.Linear(5, 9), nn.ReLU(), nn.Linear(9, 6), nn.ReLU(), nn.Linear(6, 3)),
        gaussian(5),
        """
        permutation 9: 0.weight 0.bias 2.weight
        positive_scaling 9: 0.weight 0.bias 2.weight^-1
        permutation 6: 2.weight 2.bias 4.weight
        positive_scaling 6: 2.weight 2.bias 4.weight^-1
        """,
        nullity=15,
        seed=2,
    ),
    "leaky relu": Case(
        lambda: _net(nn.Linear(4, 5), nn.LeakyReLU(), nn.Linear(5, 3)),
        gaussian(4),
        """
        permutation 5: 0.weight 0.bias 2.weight
        positive_scaling 5: 0.weight 0.bias 2.weight^-1
        """,
        nullity=5,
    ),
    "tanh": Case(
        lambda: _net(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)),
        gaussian(4),
        """
        permutation 5: 0.weight 0.bias 2.weight
        sign 5: 0.weight 0.bias 2.weight
        """,
        nullity=0,
    ),
    "gelu": Case(
        lambda: _net(nn.Linear(4, 5), nn.GELU(), nn.Linear(5, 3)),
        gaussian(4),
        """
        permutation 5: 0.weight 0.bias 2.weight
        """,
        nullity=0,
    ),
    "linear-linear-relu": Case(
        lambda: _net(nn.Linear(6, 3), nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 4)),
        gaussian(6),
        """
        general_linear 3: 0.weight 0.bias 1.weight^-1
        translation 3: 0.bias 1.bias^-1
        permutation 5: 1.weight 1.bias 3.weight
        positive_scaling 5: 1.weight 1.bias 3.weight^-1
        """,
        nullity=17,
        outputs=4,
    ),
    "linear-linear-linear": Case(
        lambda: _net(nn.Linear(5, 6, bias=False), nn.Linear(6, 7, bias=False), nn.Linear(7, 4)),
        gaussian(5),
        """
        general_linear 6: 0.weight 1.weight^-1
        general_linear 7: 1.weight 2.weight^-1
        """,
        nullity=80,
        outputs=4,
    ),
    "one unit": Case(
        lambda: _net(nn.Linear(4, 1), nn.ReLU(), nn.Linear(1, 3)),
        gaussian(4),
        """
        positive_scaling 1: 0.weight 0.bias 2.weight^-1
        """,
        nullity=1,
    ),
    "one linear unit": Case(
        lambda: _net(nn.Linear(4, 1, bias=False), nn.Linear(1, 3)),
        gaussian(4),
        """
        scaling 1: 0.weight 1.weight^-1
        """,
        nullity=1,
    ),
    "layer norm": Case(
        lambda: _net(nn.Linear(4, 5), nn.LayerNorm(5), nn.GELU(), nn.Linear(5, 3)),
        gaussian(4),
        """
        permutation 5: 0.weight 0.bias 1.weight 1.bias 3.weight
        scale_invariance 1: 0.weight 0.bias
        sign 1: 0.weight 0.bias 1.weight
        translation 4: 0.weight
        translation 1: 0.bias
        """,
        nullity=6,
    ),
    "softmax": Case(
        lambda: _net(nn.Linear(4, 5), nn.Softmax(-1), nn.Linear(5, 3, bias=False)),
        gaussian(4),
        """
        permutation 5: 0.weight 0.bias 2.weight
        translation 4: 0.weight
        translation 1: 0.bias
        """,
        nullity=5,
    ),
    "dropout": Case(
        lambda: _net(nn.Linear(4, 5), nn.ReLU(), nn.Dropout(0.4), nn.Linear(5, 3)),
        gaussian(4),
        """
        permutation 5: 0.weight 0.bias 3.weight
        positive_scaling 5: 0.weight 0.bias 3.weight^-1
        """,
        nullity=5,
    ),
    "concatenation": Case(
        DenseNet,
        gaussian(4),
        """
        permutation 3: a.weight a.bias b.weight@0,4 head.weight@0,4
        positive_scaling 3: a.weight a.bias b.weight@0,4^-1 head.weight@0,4^-1
        permutation 5: b.weight b.weight@0,4 b.bias head.weight@0,7
        positive_scaling 5: b.weight b.weight@0,4 b.bias head.weight@0,7^-1
        """,
        nullity=8,
        seed=2,
    ),
    "split": Case(
        Chunked,
        gaussian(4),
        """
        permutation 3: packed.weight packed.bias one.weight
        permutation 6: packed.weight@3,0 packed.bias@3 two.weight
        sign 6: packed.weight@3,0 packed.bias@3 two.weight
        positive_scaling 3: packed.weight packed.bias one.weight^-1
        translation 2: one.bias two.bias^-1
        """,
        nullity=5,
    ),
    "single units": Case(
        lambda: _net(nn.Linear(4, 2), nn.Linear(2, 2), Singles(), nn.Linear(2, 3)),
        gaussian(4),
        """
        general_linear 2: 0.weight 0.bias 1.weight^-1 1.weight@1,0^-1
        translation 2: 0.bias 1.bias^-1 1.bias@1^-1
        sign 1: 1.weight 1.bias 3.weight
        """,
        nullity=6,
    ),
    "mean of tokens": Case(
        Pooled,
        gaussian(3, 4),
        """
        permutation 5: token.weight token.bias head.weight
        positive_scaling 5: token.weight token.bias head.weight^-1
        """,
        nullity=5,
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_exactly_the_groups_of_the_theory_are_found_and_hold(case):
    assert_found(case)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.nullity is not None])
def test_no_continuous_direction_is_missing(name):
    assert_complete(CASES[name])
