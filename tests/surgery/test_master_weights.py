"""Parameters of half precision reach their offset at the pace of float32."""

from functools import partial

import pytest
import torch
from torch import nn

from lightning_symmetry.surgery import OffsetDecay

HALF = [torch.bfloat16, torch.float16]
# float16 holds no smaller `eps`.
OPTIMIZERS = {
    "sgd": partial(torch.optim.SGD, lr=0.1),
    "sgd-momentum": partial(torch.optim.SGD, lr=0.02, momentum=0.8),
    "adamw": partial(torch.optim.AdamW, lr=0.1, eps=1e-4),
    "adam": partial(torch.optim.Adam, lr=0.002, eps=1e-4),
}
EARLY, LATE = 60, 800


def start(dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    """A weight and its offset, both numbers of the precision."""
    weight, offset = torch.randn(2, 128, generator=torch.Generator().manual_seed(0)).to(dtype)
    return weight, offset


class Naive:
    """Subtracts and adds the offset around the step, in the precision of the parameter."""

    def __init__(self, optimizer, names, draw):
        (parameter,) = names
        offset = draw(names[parameter])

        @torch.no_grad()
        def move(optimizer, *_, sign):
            parameter.add_(offset, alpha=sign)

        optimizer.register_step_pre_hook(partial(move, sign=-1))
        optimizer.register_step_post_hook(partial(move, sign=1))


def pulled(make, dtype, like, hooks=OffsetDecay) -> list[torch.Tensor]:
    """Decay alone, early and late, in one precision, from values that another has."""
    weight, offset = (value.to(dtype) for value in start(like))
    parameter = nn.Parameter(weight)
    optimizer = make([parameter], weight_decay=0.1)
    hooks(optimizer, {parameter: "weight"}, lambda name: offset)
    parameter.grad = torch.zeros_like(parameter)
    found = []
    for step in range(1, LATE + 1):
        optimizer.step()
        if step in (EARLY, LATE):
            found.append(parameter.detach().float().clone())
    return found


@pytest.mark.parametrize("dtype", HALF)
@pytest.mark.parametrize("name", ["sgd", "sgd-momentum", "adamw"])
def test_half_precision_decays_at_the_pace_of_float32(name, dtype):
    half, single = (pulled(OPTIMIZERS[name], each, dtype) for each in (dtype, torch.float32))
    naive = pulled(OPTIMIZERS[name], dtype, dtype, Naive)
    weight, offset = (value.float() for value in start(dtype))
    for found, lost, expected in zip(half, naive, single, strict=True):
        # one rounding of the weight, and one of each step relative to itself
        allowed = torch.finfo(dtype).eps * (expected.abs() + (weight - offset).abs())
        assert bool(((found - expected).abs() <= allowed).all())
        assert not bool(((lost - expected).abs() <= 10 * allowed).all())


@pytest.mark.parametrize("dtype", HALF)
def test_decay_reaches_the_moments_of_adam_in_half_precision(dtype):
    weight, offset = (value.float() for value in start(dtype))

    def left(found):
        return float((found[-1] - offset).norm() / (weight - offset).norm())

    half, single = (left(pulled(OPTIMIZERS["adam"], each, dtype)) for each in (dtype, torch.float32))
    # The moments, which are the optimizer's own, are rounded too.
    assert abs(half - single) < 0.01
    assert single < 0.4
    if dtype == torch.bfloat16:
        assert left(pulled(OPTIMIZERS["adam"], dtype, dtype, Naive)) > 0.9


def parameter_at(value: float):
    parameter = nn.Parameter(torch.tensor([value], dtype=torch.bfloat16))
    optimizer = torch.optim.AdamW([parameter], lr=0.01, weight_decay=0.01)
    zero = torch.zeros(1)
    hooks = OffsetDecay(optimizer, {parameter: "weight"}, lambda name: zero)
    parameter.grad = torch.zeros_like(parameter)
    return parameter, optimizer, hooks


def test_what_others_write_into_a_parameter_counts():
    parameter, optimizer, _ = parameter_at(1.0)
    for _ in range(15):
        optimizer.step()
    # 1 - 0.0015 is rounded to 1, and the rest is kept until somebody writes.
    assert parameter.item() == 1.0
    parameter.data.fill_(1e-3)
    optimizer.step()
    assert parameter.item() == pytest.approx(1e-3, rel=0.005)


def test_a_resumed_run_loses_at_most_half_a_rounding_step():
    whole, optimizer, _ = parameter_at(1.0)
    for _ in range(100):
        optimizer.step()
    resumed, again, _ = parameter_at(whole.item())
    for _ in range(400):
        optimizer.step()
        again.step()
    assert abs(whole.item() - resumed.item()) <= 2 * 2**-8


def test_a_metric_below_the_rounding_step_acts():
    weight = torch.linspace(0.5, 1.0, 1000).bfloat16()
    assert (1 + torch.tensor(0.003, dtype=torch.bfloat16)) == 1

    def mean(metric):
        parameter = nn.Parameter(weight.clone())
        optimizer = torch.optim.AdamW([parameter], lr=0.1, weight_decay=0.1)
        OffsetDecay(optimizer, {parameter: "weight"}, lambda name: torch.zeros(1000), lambda name: metric)
        parameter.grad = torch.zeros_like(parameter)
        for _ in range(100):
            optimizer.step()
        return float(parameter.detach().double().mean())

    plain, metric = (mean(torch.full((1000,), size)) for size in (0.0, 0.003))
    # By 0.3 % of a decay of 1: the roundings of a thousand entries leave a tenth of that.
    assert metric / plain == pytest.approx((1 - 0.01 * 1.003) ** 100 / 0.99**100, rel=3e-4)
    assert plain / float(weight.double().mean()) == pytest.approx(0.99**100, rel=3e-4)


def test_closures_and_errors_find_the_weights():
    parameter, optimizer, hooks = parameter_at(0.5)

    def closure():
        assert parameter.item() == 0.5
        parameter.grad = torch.ones_like(parameter)
        return parameter.sum()

    optimizer.step(closure)
    assert parameter.item() == pytest.approx(0.49, rel=2**-8)
    before = parameter.item()
    hooks._open()
    assert parameter.item() == 0.0
    hooks.remove()
    assert parameter.item() == before
