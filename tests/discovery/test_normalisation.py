"""Normalisations: what they divide out, what they subtract, and the statistics that move along."""

import pytest
from torch import nn

from .claims import Case, assert_complete, assert_found, gaussian
from .models import Batches, InvertedResidual, Positioned, ResNet


def _net(*layers: nn.Module) -> nn.Sequential:
    return nn.Sequential(*layers)


INVERTED = """
        permutation 2: stem.weight norm.weight norm.bias body.0.weight body.6.weight body.7.weight \
            body.7.bias top.weight norm.running_mean norm.running_var body.7.running_mean \
            body.7.running_var
        positive_scaling 2: stem.weight norm.running_mean norm.running_var^2
        sign 2: stem.weight norm.weight^-1 norm.running_mean
        scaling 2: norm.weight norm.bias body.0.weight^-1 body.7.weight body.7.bias top.weight^-1
        translation 2: norm.bias body.1.running_mean last.running_mean
        permutation 4: body.0.weight body.1.weight body.1.bias body.3.weight body.4.weight \
            body.4.bias body.6.weight body.1.running_mean body.1.running_var body.4.running_mean \
            body.4.running_var
        positive_scaling 4: body.0.weight body.1.running_mean body.1.running_var^2
        sign 4: body.0.weight body.1.weight body.1.running_mean
        positive_scaling 4: body.1.weight body.1.bias body.4.running_mean body.4.running_var^2
        positive_scaling 4: body.3.weight body.4.running_mean body.4.running_var^2
        sign 4: body.3.weight body.4.weight body.4.running_mean
        positive_scaling 4: body.4.weight body.4.bias body.6.weight^-1
        positive_scaling 2: body.6.weight body.7.running_mean body.7.running_var^2
        sign 2: body.6.weight body.7.weight body.7.running_mean
        translation 2: body.7.bias last.running_mean
        permutation 5: top.weight last.weight last.bias head.weight last.running_mean \
            last.running_var
        positive_scaling 5: top.weight last.running_mean last.running_var^2
        sign 5: top.weight last.weight last.running_mean
        positive_scaling 5: last.weight last.bias head.weight^-1
        """

CASES = {
    "resnet": Case(
        ResNet,
        gaussian(3, 4, 4),
        """
        permutation 4: conv1.weight bn1.weight bn1.bias layer1.conv1.weight layer1.conv2.weight \
            layer1.bn2.weight layer1.bn2.bias layer2.conv1.weight layer2.downsample.0.weight \
            bn1.running_mean bn1.running_var layer1.bn2.running_mean layer1.bn2.running_var
        positive_scaling 4: conv1.weight bn1.running_mean bn1.running_var^2
        sign 4: conv1.weight bn1.weight bn1.running_mean
        positive_scaling 4: bn1.weight bn1.bias layer1.conv1.weight^-1 layer1.bn2.weight \
            layer1.bn2.bias layer2.conv1.weight^-1 layer2.downsample.0.weight^-1
        permutation 4: layer1.conv1.weight layer1.bn1.weight layer1.bn1.bias layer1.conv2.weight \
            layer1.bn1.running_mean layer1.bn1.running_var
        positive_scaling 4: layer1.conv1.weight layer1.bn1.running_mean layer1.bn1.running_var^2
        sign 4: layer1.conv1.weight layer1.bn1.weight layer1.bn1.running_mean
        positive_scaling 4: layer1.bn1.weight layer1.bn1.bias layer1.conv2.weight^-1
        positive_scaling 4: layer1.conv2.weight layer1.bn2.running_mean layer1.bn2.running_var^2
        sign 4: layer1.conv2.weight layer1.bn2.weight layer1.bn2.running_mean
        permutation 5: layer2.conv1.weight layer2.bn1.weight layer2.bn1.bias layer2.conv2.weight \
            layer2.bn1.running_mean layer2.bn1.running_var
        positive_scaling 5: layer2.conv1.weight layer2.bn1.running_mean layer2.bn1.running_var^2
        sign 5: layer2.conv1.weight layer2.bn1.weight layer2.bn1.running_mean
        positive_scaling 5: layer2.bn1.weight layer2.bn1.bias layer2.conv2.weight^-1
        permutation 5: layer2.conv2.weight layer2.bn2.weight layer2.bn2.bias \
            layer2.downsample.0.weight layer2.downsample.1.weight layer2.downsample.1.bias fc.weight \
            layer2.bn2.running_mean layer2.bn2.running_var layer2.downsample.1.running_mean \
            layer2.downsample.1.running_var
        positive_scaling 5: layer2.conv2.weight layer2.bn2.running_mean layer2.bn2.running_var^2
        sign 5: layer2.conv2.weight layer2.bn2.weight layer2.bn2.running_mean
        positive_scaling 5: layer2.bn2.weight layer2.bn2.bias layer2.downsample.1.weight \
            layer2.downsample.1.bias fc.weight^-1
        translation 5: layer2.bn2.bias layer2.downsample.1.bias^-1
        positive_scaling 5: layer2.downsample.0.weight layer2.downsample.1.running_mean \
            layer2.downsample.1.running_var^2
        sign 5: layer2.downsample.0.weight layer2.downsample.1.weight \
            layer2.downsample.1.running_mean
        """,
        nullity=50,
        outputs=4,
    ),
    "inverted residual": Case(InvertedResidual, gaussian(3, 4, 4), INVERTED),
    "inverted residual on two batches": Case(
        Batches, gaussian(3, 4, 4), INVERTED, nullity=36, outputs=4, batch=8
    ),
    "linear, batch norm": Case(
        lambda: _net(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 3)),
        gaussian(4),
        """
        permutation 5: 0.weight 0.bias 1.weight 1.bias 3.weight 1.running_mean 1.running_var
        positive_scaling 5: 0.weight 0.bias 1.running_mean 1.running_var^2
        sign 5: 0.weight 0.bias 1.weight 1.running_mean
        translation 5: 0.bias 1.running_mean
        positive_scaling 5: 1.weight 1.bias 3.weight^-1
        """,
        nullity=15,
    ),
    "bias before batch norm": Case(
        lambda: _net(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 3)),
        gaussian(2, 4, 4),
        """
        permutation 3: 0.weight 0.bias 1.weight 1.bias 4.weight 1.running_mean 1.running_var
        positive_scaling 3: 0.weight 0.bias 1.running_mean 1.running_var^2
        sign 3: 0.weight 0.bias 1.weight 1.running_mean
        translation 3: 0.bias 1.running_mean
        positive_scaling 3: 1.weight 1.bias 4.weight^-1
        """,
        nullity=9,
    ),
    "batch norm in evaluation": Case(
        lambda: _net(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 3)).eval(),
        gaussian(2, 4, 4),
        """
        permutation 3: 0.weight 0.bias 1.weight 1.bias 4.weight 1.running_mean 1.running_var
        positive_scaling 3: 0.weight 0.bias 1.running_mean 1.running_var^2
        sign 3: 0.weight 0.bias 1.weight 1.running_mean
        translation 3: 0.bias 1.running_mean
        positive_scaling 3: 1.weight 1.bias 4.weight^-1
        """,
    ),
    "position before batch norm in evaluation": Case(
        lambda: Positioned().eval(),
        gaussian(3, 2, 2),
        """
        positive_scaling 3: norm.weight norm.bias head.weight^-1
        """,
    ),
    "group norm": Case(
        lambda: _net(nn.Conv2d(2, 6, 3), nn.GroupNorm(2, 6), nn.GELU(), nn.Flatten(), nn.Linear(6 * 4, 3)),
        gaussian(2, 4, 4),
        """
        permutation 2: 0.weight 0.bias 1.weight 1.bias 4.weight
        permutation 3 x2: 0.weight 0.bias 1.weight 1.bias 4.weight
        positive_scaling 2: 0.weight 0.bias
        sign 2: 0.weight 0.bias 1.weight
        translation 2: 0.bias
        """,
        nullity=4,
    ),
    "group norm behind padding": Case(
        lambda: _net(
            nn.Conv2d(2, 2, 3, padding=1, bias=False),
            nn.GroupNorm(1, 2, affine=False),
            nn.GELU(),
            nn.Flatten(),
            nn.Linear(32, 3),
        ),
        gaussian(2, 4, 4),
        """
        permutation 2: 0.weight 4.weight
        scale_invariance 1: 0.weight
        """,
        nullity=1,
    ),
    "group norm of single channels": Case(
        lambda: _net(nn.Conv2d(2, 4, 3), nn.GroupNorm(4, 4), nn.GELU(), nn.Flatten(), nn.Linear(4 * 4, 3)),
        gaussian(2, 4, 4),
        """
        permutation 4: 0.weight 0.bias 1.weight 1.bias 4.weight
        positive_scaling 4: 0.weight 0.bias
        sign 4: 0.weight 0.bias 1.weight
        translation 4: 0.bias
        """,
        nullity=8,
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_exactly_the_groups_of_the_theory_are_found_and_hold(case):
    assert_found(case)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.nullity is not None])
def test_no_continuous_direction_is_missing(name):
    assert_complete(CASES[name])
