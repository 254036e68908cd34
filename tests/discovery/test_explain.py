"""Reasons for what acts and for what does not."""

from contextlib import suppress

import pytest
import torch
from torch import nn
from torch.nn.modules import module as hooks

from lightning_symmetry.discovery import TraceError, explain, find_symmetries
from lightning_symmetry.discovery.fact import CONTAINED, KINDS

from . import test_convolution, test_dense, test_normalisation, test_products

CASES = {
    **test_dense.CASES,
    **test_products.CASES,
    **test_convolution.CASES,
    **test_normalisation.CASES,
}


def reason(model, name, axis, *shape, **loss):
    (fact,) = [f for f in explain(model, torch.randn(*shape), **loss).why(name) if f.axis == axis]
    return {kind: obstacle.reason for obstacle in fact.obstacles for kind in obstacle.prevents}


def between(function, **changes):
    return nn.Sequential(nn.Linear(4, 6), function, nn.Linear(6, 2))


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_every_kind_of_group_acts_or_has_a_reason(case):
    model = case.model()
    explanation = explain(model, *case.data(case.batch), loss=case.loss)
    groups = {s.name: s.group for s in explanation.symmetries}
    assert explanation.symmetries == case.find(model)
    for name, parameter in model.named_parameters():
        facts = [fact for fact in explanation.why(name) if fact.axis is not None]
        told, long = {fact.axis for fact in facts}, {i for i, size in enumerate(parameter.shape) if size > 1}
        # an axis that is cut into single rows has no index
        pieces = {(fact.parameter, fact.indices.start) for fact in facts if not fact.whole}
        assert told == long or (told < long and (pieces or len(told) == len(long) - 1))
        for fact in facts:
            acting = {kind for n in (*fact.symmetries, *fact.copies) for kind in CONTAINED.get(groups[n], ())}
            assert acting | {kind for o in fact.obstacles for kind in o.prevents} == set(KINDS)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_every_symmetry_is_a_fact_about_each_parameter_that_it_moves(case):
    model = case.model()
    explanation = explain(model, *case.data(case.batch), loss=case.loss)
    for symmetry in explanation.symmetries:
        moved = {leg.parameter for leg in symmetry.legs if leg.kind == "parameter"}
        facts = explanation.why(symmetry.name)
        assert {fact.parameter for fact in facts} >= moved
        assert all(symmetry.name in fact.symmetries for fact in facts)


@pytest.mark.parametrize(
    ("function", "commutes"),
    [
        (nn.ReLU(), "aten.relu in 1 commutes with permutations and positive scalings only"),
        (nn.Tanh(), "aten.tanh in 1 commutes with permutations and signs only"),
        (nn.GELU(), "aten.gelu in 1 commutes with permutations only"),
    ],
)
def test_functions_say_what_they_commute_with(function, commutes):
    reasons = reason(between(function), "0.weight", 0, 5, 4)
    allowed = {"permutation"} | {kind for kind in ("scaling", "sign") if kind in commutes}
    assert reasons == dict.fromkeys(set(KINDS) - allowed, commutes)


def test_data_and_outputs_are_named_with_the_operation_that_meets_them():
    model = between(nn.ReLU())
    assert set(reason(model, "0.weight", 1, 5, 4).values()) == {"data keeps its places, in aten.addmm in 0"}
    assert set(reason(model, "2.bias", 0, 5, 4).values()) == {"outputs are what must not change"}


def test_frozen_parameters_are_named():
    model = between(nn.ReLU())
    model[2].weight.requires_grad_(False)
    text = "2.weight does not move, in aten.addmm in 2"
    assert set(reason(model, "0.weight", 0, 5, 4).values()) == {text}
    assert set(reason(model, "2.weight", 1, 5, 4).values()) == {"2.weight does not move"}


def test_shared_memory_is_named():
    class Sharing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            both = torch.randn(2, 6, 6)
            self.one, self.two = nn.Parameter(both[0]), nn.Parameter(both.view(12, 6)[5:11])

        def forward(self, x):
            return (x @ self.one).relu() @ self.two

    assert set(reason(Sharing(), "one", 1, 5, 6).values()) == {"memory shared between names"}


def test_what_the_loss_does_is_named_too():
    model = nn.Linear(4, 3)

    def loss(out):
        return nn.functional.cross_entropy(out, torch.zeros(5, dtype=torch.int64))

    reasons = reason(model, "weight", 0, 5, 4, loss=loss)
    assert all(text.startswith("aten.nll_loss_forward: ") for text in reasons.values()) and len(reasons) == 4


def test_the_order_of_a_kernel_is_fixed_by_the_convolution():
    reasons = reason(nn.Sequential(nn.Conv2d(2, 3, 3)), "0.weight", 2, 1, 2, 5, 5)
    assert reasons == dict.fromkeys(KINDS, "aten.convolution in 0 tells the indices apart")


def test_a_function_of_a_nested_module_is_found_there():
    class Shared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.blocks = nn.ModuleList(between(nn.GELU()) for _ in range(2))

        def forward(self, x):
            return self.blocks[0](x) + self.blocks[1](x).sigmoid()

    assert reason(Shared(), "blocks.1.0.weight", 0, 5, 4)["sign"].startswith("aten.gelu in blocks.1.1 ")


def test_a_module_that_fails_inside_is_left():
    class Fails(nn.Module):
        def forward(self, x):
            raise ArithmeticError

    class Catches(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.fails, self.last = nn.Linear(4, 6), Fails(), nn.Linear(6, 2)

        def forward(self, x):
            hidden = self.first(x)
            try:
                hidden = self.fails(hidden)
            except ArithmeticError:
                hidden = hidden.sigmoid()
            return self.last(hidden)

    assert (
        reason(Catches(), "first.weight", 0, 5, 4)["sign"] == "aten.sigmoid commutes with permutations only"
    )


def test_a_module_and_a_symmetry_stand_for_all_that_belongs_to_them():
    explanation = explain(between(nn.Tanh()), torch.randn(5, 4))
    assert [(f.parameter, f.axis) for f in explanation.why("0")] == [
        ("0.weight", 0),
        ("0.weight", 1),
        ("0.bias", 0),
    ]
    places = [("0.weight", 0), ("0.bias", 0), ("2.weight", 1)]
    assert [(f.parameter, f.axis) for f in explanation.why("0.sign")] == places
    assert explanation.text("0.sign").count("0.permutation, 0.sign") == 3


def test_parts_of_an_axis_and_copies():
    class Packed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.both = nn.Linear(4, 12)

        def forward(self, x):
            left, right = self.both(x).view(5, 2, 2, 3).unbind(1)
            return left @ right.mT

    facts = explain(Packed(), torch.randn(5, 4)).why("both.weight")
    assert [(f.axis, f.indices, f.whole) for f in facts] == [
        (0, range(0, 6, 3), False),
        (0, range(3), False),
        (0, range(6, 12, 3), False),
        (0, range(6, 9), False),
        (1, range(4), True),
    ]
    pinned = "nothing acts\n    pinned: outputs are what must not change"
    assert list(map(str, facts[:2])) == [
        f"  axis 0 [0:6:3] (2): {pinned}",
        "  axis 0 [0:3] (3): both.query_key.general_linear",
    ]


def test_an_index_that_has_a_copy_of_a_group_for_each_of_its_values():
    class Diagonal(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.u, self.v = nn.Parameter(torch.randn(3, 4)), nn.Parameter(torch.randn(3, 4))

        def forward(self, x):
            return x @ (self.u * self.v).T

    rows, columns = explain(Diagonal(), torch.randn(5, 4)).why("u")
    assert rows.copies == columns.symmetries == ("u.scaling",) and not rows.symmetries
    assert [o.prevents for o in rows.obstacles] == [("permutation", "change of basis")]
    assert str(rows).startswith("  axis 0 (3): u.scaling for each\n    no permutation, no change of basis: ")


def test_an_unknown_name_is_refused_with_the_nearest():
    explanation = explain(between(nn.ReLU()), torch.randn(5, 4))
    with pytest.raises(ValueError, match=r"found '0.wait', did you mean '0.weight'\?"):
        explanation.why("0.wait")


@pytest.mark.parametrize(
    "build", [lambda: between(nn.ReLU()), lambda: nn.Linear(3, 2)], ids=["runs", "fails"]
)
def test_no_hook_is_left_behind(build):
    model = build()
    with suppress(TraceError):
        find_symmetries(model, torch.randn(5, 4))
    left = (hooks._global_forward_hooks, hooks._global_forward_pre_hooks)
    assert not any(map(len, left)) and not hooks._global_forward_hooks_always_called
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
