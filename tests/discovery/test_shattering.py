"""Axes whose parts would be too many to follow stay whole, and nothing else is lost."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightning_symmetry import find_symmetries
from lightning_symmetry.discovery._program.attempt import attempt
from lightning_symmetry.discovery._program.dims import (
    Dim,
    Shattered,
    fix,
    fixed,
    parts,
    terms,
    total,
)
from lightning_symmetry.discovery._program.unify import unify
from lightning_symmetry.discovery._tracing.trace import trace_fake

from .claims import Case, assert_complete, assert_found, assert_proved, gaussian


class Differences(nn.Module):
    """What is computed at one time minus what was before."""

    def __init__(self, lag: int = 1) -> None:
        super().__init__()
        self.lag, self.first, self.last = lag, nn.Linear(3, 4), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        h = self.first(x).relu()
        return self.last((h[:, self.lag :] - h[:, : -self.lag]).tanh().mean(1) + h.mean(1))


class Windows(nn.Module):
    """Attention inside shifted windows, then patches that do not fit them are merged."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.score, self.merge = nn.Linear(3, 4), nn.Linear(4, 1), nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        h = self.embed(x).relu()
        h = F.pad(h, (0, 0, 0, 1, 0, 1)).roll((-1, -1), (1, 2))
        h = h.view(-1, 3, 3, 3, 3, 4).permute(0, 1, 3, 2, 4, 5).reshape(-1, 9, 4)
        h = h + self.score(h).softmax(1) * h.tanh().sum(1, keepdim=True)
        h = h.view(-1, 3, 3, 3, 3, 4).permute(0, 1, 3, 2, 4, 5).reshape(-1, 9, 9, 4)
        h = h.roll((1, 1), (1, 2))[:, :8, :8]
        corners = [h[:, i::2, j::2] for i in range(2) for j in range(2)]
        return self.merge(torch.cat(corners, -1)).tanh().mean((1, 2))


def statements(model: nn.Module, *args: Tensor) -> tuple[int, int]:
    """The number of tensors, and that of all parts of them, that a trace speaks of."""
    program = trace_fake(model, model, (args, {}))
    counts = [[parts(dim) for dim in value.dims] for value in program.values]
    return len(counts), sum(int(torch.tensor(count or [1]).prod()) for count in counts)


@pytest.mark.parametrize("lag", [1, 3])
@pytest.mark.parametrize("length", [5, 40])
def test_differences_along_time_keep_the_permutation_of_units(lag, length):
    case = Case(
        lambda: Differences(lag),
        gaussian(length, 3),
        "permutation 4: first.weight first.bias last.weight",
    )
    assert_found(case)


def test_windows_that_do_not_fit_patches_leave_the_channels_alone():
    case = Case(Windows, gaussian(8, 8, 3), "", nullity=1)
    model = case.model()
    symmetries = case.find(model)
    assert [(s.group, s.size) for s in symmetries] == [("permutation", 4), ("translation", 1)]
    assert_proved(symmetries, model, *case.data(3))
    assert_complete(case)


@pytest.mark.parametrize("model", [Differences(), Windows()], ids=["differences", "windows"])
def test_tensors_are_not_cut_beyond_measure(model):
    shape = (2, 200, 3) if isinstance(model, Differences) else (2, 8, 8, 3)
    tensors, pieces = statements(model, torch.zeros(shape))
    assert pieces < 30 * tensors


def test_an_axis_is_not_the_same_as_a_shifted_part_of_itself():
    axis, later, earlier = Dim(40), Dim(39), Dim(39)
    unify(axis, total([Dim(1), later]))
    unify(axis, total([earlier, Dim(1)]))
    assert parts(axis) == 3
    with pytest.raises(Shattered, match="shifted part of itself"):
        unify(later, earlier)


def test_a_failed_attempt_teaches_nothing():
    axis, half, other = Dim(6), Dim(3), Dim(6)
    unify(axis, total([half, Dim(3)]))
    with pytest.raises(ZeroDivisionError), attempt():
        unify(axis, total([Dim(2), Dim(4)]))
        unify(other, axis)
        fix(axis)
        assert parts(axis) == parts(other) == 3
        raise ZeroDivisionError
    assert (parts(axis), parts(other), fixed(axis)) == (2, 1, False)
    assert terms(axis)[0] is half


def test_a_successful_attempt_lasts():
    axis = Dim(6)
    with attempt() as learnt:
        unify(axis, total([Dim(2), Dim(4)]))
        assert not learnt.has_cut(axis.age)
        unify(axis, total([Dim(3), Dim(3)]))
        assert learnt.has_cut(axis.age + 3)
    assert parts(axis) == 3


def test_shifted_diagonals_of_any_length_are_traced():
    """The trick by which sliding-window attention turns diagonals into columns."""

    class Diagonals(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = nn.Linear(3, 4), nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            h = self.first(x).relu()
            scores = h @ h.mT
            batch, rows, columns = scores.shape
            skewed = F.pad(scores, (0, rows + 1)).view(batch, -1)[:, :-rows]
            skewed = skewed.view(batch, rows, columns + rows)[:, :, :-1]
            return self.last(skewed.softmax(-1)[:, :, :rows] @ h)

    model, x = Diagonals(), torch.randn(2, 24, 3)
    symmetries = find_symmetries(model, x)
    assert ("permutation", 4) in [(s.group, s.size) for s in symmetries]
    assert_proved(symmetries, model, x)


def test_an_attempt_inside_another_is_forgotten_with_it():
    axis, journals = Dim(6), []
    with pytest.raises(ZeroDivisionError), attempt() as outer:
        with attempt():
            unify(axis, total([Dim(2), Dim(4)]))
        journals.append(outer)
        raise ZeroDivisionError
    assert parts(axis) == 1
    assert journals[0].before == []


def test_nothing_is_kept_of_what_is_learnt_outside_of_attempts():
    axis = Dim(6)
    unify(axis, total([Dim(2), Dim(4)]))
    with attempt() as learnt:
        assert learnt.before == []
