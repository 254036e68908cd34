import pytest
import torch
from torch import nn

from benchmarks.cost import universality
from benchmarks.cost.observation.timing import Timing
from benchmarks.cost.universality import OURS, STEP, Result


def test_times_are_given_in_training_steps_a_batch():
    step = Result(256, STEP, Timing(0.01, 0.0, 1), 0.0, None)
    lines = universality.table([step, Result(256, OURS, Timing(0.04, 0.0, 1), 2.0**20, 0.5)]).splitlines()
    assert lines[2] == "| 256 | training step | 10 ms | 1.00 | 0 MiB |  |"
    assert lines[3] == "| 256 | UnbiasedLinearCKA | 40 ms | 2.00 | 1 MiB | 0.500000 |"


def test_the_naive_way_finds_the_same():
    torch.manual_seed(0)
    models = [
        nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 7)) for _ in "ab"
    ]
    x = torch.randn(300, 6)
    assert universality._ours(models, x) == pytest.approx(universality._naive(models, x), abs=1e-5)
