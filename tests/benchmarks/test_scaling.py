"""What a look exchanges follows from the symmetries alone."""

import pytest

from benchmarks.cost.scaling.formula import Plan, received
from benchmarks.cost.scaling.look import Planned, decoder, planned
from lightning_symmetry.metrics import OrderParameters


def test_nothing_is_received_alone_and_a_share_by_several():
    numbers, reads = {"a": 8, "b": 4}, {"a": 3, "b": 1}
    assert received(numbers, reads, 1, size=4) == 0
    assert received(numbers, reads, 2, size=4) == (3 * 8 + 4) * 4 / 2
    assert received(numbers, reads, 4, size=4) == (3 * 8 + 4) * 4 * 3 / 4


def test_every_weight_is_read_a_few_times():
    params, symmetries = decoder()
    reads = planned(params, symmetries, exact=False)
    assert reads.keys() <= params.keys()
    assert max(reads.values()) <= 5
    assert reads == planned(params, symmetries, exact=False)


def test_gradients_are_looked_at_in_one_go_through_the_weights():
    params, symmetries = decoder()
    weights, gradients = Planned(params), Planned(params)
    OrderParameters(symmetries).motion(weights, gradients)
    assert weights.reads == gradients.reads == dict.fromkeys(params, 1)


def test_a_plan_adds_up():
    plan = Plan(parameters=1e9, processes=10, reads=2.0, largest=1e6)
    assert plan.bytes == pytest.approx(0.9 * 2 * 1e9 * 4)
    assert plan.memory == (1e9 * 4 / 10, 2 * 1e6 * 4)
    assert plan.interval * 0.01 * plan.step == pytest.approx(plan.seconds)
