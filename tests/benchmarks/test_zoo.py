import math
import sys

import pytest
import torch
from torch import Tensor, nn

from benchmarks.cost.zoo.examination import Examination, examine
from benchmarks.cost.zoo.gaps import gaps
from benchmarks.cost.zoo.memory import peak_since, reset_peak
from benchmarks.cost.zoo.specimen import Specimen
from benchmarks.cost.zoo.torchvision_operators import _suppressed
from benchmarks.cost.zoo.verification import verify
from lightning_symmetry.discovery import find_symmetries
from lightning_symmetry.discovery.verify import TOGETHER


@torch.library.custom_op("zoo_test::unheard_of", mutates_args=())
def unheard_of(x: Tensor) -> Tensor:
    return x + 1


@unheard_of.register_fake
def _(x: Tensor) -> Tensor:
    return torch.empty_like(x)


class Unheard(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return unheard_of(x)


class ByValue(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(3, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x) if x.sum() > 0 else self.inner(-x)


def mlp(activation: nn.Module) -> Specimen:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 7), activation, nn.Linear(7, 5), activation, nn.Linear(5, 3))
    return Specimen(model, (torch.randn(6, 4),))


def examined(specimen: Specimen) -> list[Examination]:
    return list(examine(Examination("test", "small", "model"), specimen, budget=60))


def test_an_examination_says_what_discovery_says():
    specimen = mlp(nn.ReLU())
    *_, last = examined(specimen)
    assert last.reached == "verified"
    assert last.tensors == "fake"
    assert last.parameters == 4 * 7 + 7 + 7 * 5 + 5 + 5 * 3 + 3
    assert last.groups == {"permutation": 2, "positive_scaling": 2}
    assert set(last.errors) == {s.name for s in find_symmetries(specimen.model, *specimen.args)} | {TOGETHER}
    assert max(last.errors.values()) < 1e-12
    assert last.seconds > 0


def test_every_stage_is_told_so_that_a_late_failure_keeps_the_early_ones():
    assert [e.reached for e in examined(mlp(nn.Tanh()))] == ["built", "traced", "traced", "verified"]


def test_control_flow_that_depends_on_data_is_traced_on_real_tensors():
    *_, last = examined(Specimen(ByValue(), (torch.ones(2, 3),)))
    assert last.tensors == "real"


def test_a_model_that_does_not_run_at_all_is_no_failure_of_the_trace():
    stages = examine(Examination("test", "small", "model"), Specimen(nn.Linear(3, 2), (torch.ones(2, 5),)), 1)
    assert next(stages).reached == "built"
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        next(stages)


def test_gaps_are_operations_without_a_rule_on_what_depends_on_parameters():
    hidden = Specimen(nn.Sequential(nn.Linear(3, 4), Unheard(), nn.Linear(4, 2)), (torch.randn(5, 3),))
    on_data = Specimen(nn.Sequential(Unheard(), nn.Linear(3, 4)), (torch.randn(5, 3),))
    assert gaps(hidden) == {"zoo_test.unheard_of: no rule": 1}
    assert gaps(on_data) == {}
    assert gaps(mlp(nn.GELU())) == {}


def test_verification_finds_what_is_false():
    claimed = find_symmetries(mlp(nn.ReLU()).model, torch.zeros(1, 4))
    errors = verify(claimed, mlp(nn.GELU()), budget=60)
    for symmetry in claimed:
        assert (errors[symmetry.name] < 1e-12) == (symmetry.group == "permutation")
    assert errors[TOGETHER] > 1e-3


def test_all_are_verified_at_once_even_without_time_for_single_ones():
    specimen = mlp(nn.ReLU())
    errors = verify(find_symmetries(specimen.model, *specimen.args), specimen, budget=0)
    assert set(errors) == {TOGETHER}
    assert errors[TOGETHER] < 1e-12


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux keeps the peak")
def test_the_peak_counts_memory_that_has_been_given_back():
    size = 2**27
    reset_peak()
    block = b"x" * size
    del block
    # pages that were free before are used first
    assert 0.9 * size < peak_since() < 1.5 * size
    reset_peak()
    assert peak_since() < 0.5 * size


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.7])
def test_suppression_keeps_the_best_of_boxes_that_overlap(threshold):
    generator = torch.Generator().manual_seed(0)
    corners, sides = torch.rand(40, 2, generator=generator), torch.rand(40, 2, generator=generator)
    boxes, scores = torch.cat([corners, corners + sides], 1), torch.rand(40, generator=generator)
    kept: list[int] = []
    for i in sorted(range(40), key=lambda i: -scores[i]):
        if all(overlap(boxes[i].tolist(), boxes[j].tolist()) <= threshold for j in kept):
            kept.append(i)
    assert _suppressed(boxes, scores, threshold).tolist() == kept


def overlap(a: list[float], b: list[float]) -> float:
    wide = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    high = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    areas = math.fsum((c[2] - c[0]) * (c[3] - c[1]) for c in (a, b))
    return wide * high / (areas - wide * high)
