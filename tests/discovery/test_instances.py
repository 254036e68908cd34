"""Normalisations of single examples: instance normalisation, and responses among neighbouring channels."""

import pytest
from torch import nn

from .claims import Case, assert_complete, assert_found, gaussian


def net(norm: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Conv1d(2, 4, 3), norm, nn.ReLU(), nn.Conv1d(4, 3, 1))


PLAIN = """
    permutation 4: 0.weight 0.bias 3.weight
    positive_scaling 4: 0.weight 0.bias
    translation 4: 0.bias
    """
AFFINE = """
    permutation 4: 0.weight 0.bias 1.weight 1.bias 3.weight
    positive_scaling 4: 0.weight 0.bias
    sign 4: 0.weight 0.bias 1.weight
    translation 4: 0.bias
    positive_scaling 4: 1.weight 1.bias 3.weight^-1
    """
CASES = {
    "plain": Case(lambda: net(nn.InstanceNorm1d(4)), gaussian(2, 6), PLAIN, nullity=8, outputs=12),
    "plain in evaluation": Case(lambda: net(nn.InstanceNorm1d(4)).eval(), gaussian(2, 6), PLAIN),
    "affine": Case(
        lambda: net(nn.InstanceNorm1d(4, affine=True)), gaussian(2, 6), AFFINE, nullity=12, outputs=12
    ),
    "affine in evaluation": Case(
        lambda: net(nn.InstanceNorm1d(4, affine=True)).eval(), gaussian(2, 6), AFFINE
    ),
    "tracked": Case(
        lambda: net(nn.InstanceNorm1d(4, affine=True, track_running_stats=True)),
        gaussian(2, 6),
        AFFINE,
        nullity=12,
        outputs=12,
    ),
    # what is tracked is repeated for every example before it is read
    "tracked in evaluation": Case(
        lambda: net(nn.InstanceNorm1d(4, affine=True, track_running_stats=True)).eval(),
        gaussian(2, 6),
        """
        permutation 4: 0.weight 0.bias 1.weight 1.bias 3.weight 1.running_mean 1.running_var
        sign 4: 0.weight 0.bias 1.weight 1.running_mean
        positive_scaling 4: 1.weight 1.bias 3.weight^-1
        """,
    ),
    "neighbouring channels": Case(
        lambda: nn.Sequential(nn.Conv1d(2, 4, 1), nn.LocalResponseNorm(3), nn.Conv1d(4, 3, 1)),
        gaussian(2, 6),
        """
        sign 4: 0.weight 0.bias 2.weight
        """,
        nullity=0,
        outputs=18,
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_exactly_the_groups_of_the_theory_are_found_and_hold(case):
    assert_found(case)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.nullity is not None])
def test_no_continuous_direction_is_missing(name):
    assert_complete(CASES[name])
