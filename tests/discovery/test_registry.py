"""Operations and symmetries that users declare."""

import pytest
import torch
from torch import Tensor, nn

from lightning_symmetry.discovery import TraceError, explain, find_symmetries
from lightning_symmetry.discovery.registry import (
    Dim,
    composition,
    declared,
    entrywise,
    known_symmetries,
    rule,
    temporary,
)


@torch.library.custom_op("registry_tests::swish", mutates_args=())
def swish(x: Tensor, slope: float = 1.0) -> Tensor:
    return x * torch.sigmoid(slope * x)


@torch.library.custom_op("registry_tests::cubed", mutates_args=())
def cubed(x: Tensor) -> Tensor:
    return x**3


@torch.library.custom_op("registry_tests::fused", mutates_args=())
def fused(x: Tensor, inner: Tensor, outer: Tensor) -> Tensor:
    return (x @ inner.T) @ outer.T


@swish.register_fake
def _(x, slope=1.0):
    return torch.empty_like(x)


@cubed.register_fake
def _(x):
    return torch.empty_like(x)


@fused.register_fake
def _(x, inner, outer):
    return x.new_empty(len(x), len(outer))


def _backward(context, gradient):
    x, inner, outer = context.saved_tensors
    back = gradient @ outer
    return back @ inner, back.T @ x, gradient.T @ (x @ inner.T)


fused.register_autograd(_backward, setup_context=lambda ctx, inputs, output: ctx.save_for_backward(*inputs))


class Function(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


class Fused(nn.Module):
    """A product of two matrices that the trace cannot look into."""

    def __init__(self, width=4, rank=3):
        super().__init__()
        self.inner, self.outer = nn.Parameter(torch.randn(rank, 4)), nn.Parameter(torch.randn(width, rank))

    def forward(self, x):
        return fused(x, self.inner, self.outer)


class Opaque(Fused):
    """The same with a nonlinearity."""

    def forward(self, x):
        return fused(x, self.inner, self.outer).sin()


def between(function):
    return nn.Sequential(nn.Linear(4, 6), Function(function), nn.Linear(6, 2))


def names(model, *inputs):
    return [s.name for s in find_symmetries(model, *inputs or (torch.randn(5, 4),))]


def hold(model):
    x = torch.randn(5, 4)
    return max(find_symmetries(model, x).errors(model, x).values()) < 1e-12


@pytest.fixture(autouse=True)
def forget():
    with temporary():
        yield


def linear(module):
    yield declared(module, "rank.general_linear", "r", writes={"inner": "r in"}, reads={"outer": "out r"})


def permuted(module):
    yield declared(module, "rank.permutation", "r", writes={"inner": "r in"}, reads={"outer": "out r"})


def test_an_operation_that_is_not_known_pins_and_is_named():
    model = between(cubed)
    assert names(model) == []
    fact = explain(model, torch.randn(5, 4)).why("0.bias")[0]
    assert [o.reason for o in fact.obstacles] == ["registry_tests.cubed in 1: no rule"]


def test_an_entrywise_function_with_degree_and_parity():
    entrywise("registry_tests::cubed", degree=3, parity=-1)
    assert names(between(cubed)) == ["0.permutation", "0.scaling"]
    assert hold(between(cubed))


def test_a_false_degree_is_found_out():
    entrywise("registry_tests::swish", degree=1)
    model, x = between(swish), torch.randn(5, 4)
    errors = find_symmetries(model, x).errors(model, x)
    assert errors["0.permutation"] < 1e-12 < 1e-3 < errors["0.positive_scaling"]


def test_a_rule_written_by_hand():
    @rule("registry_tests::fused")
    def matrices(program, call):
        rows, columns, between, out = (Dim(n) for n in (*call["x"].shape, *call["outer"].shape[::-1]))
        program.term(
            (call.out, [rows, out]),
            (call["x"], [rows, columns]),
            (call["inner"], [between, columns]),
            (call["outer"], [out, between]),
        )

    assert names(Fused()) == ["inner.general_linear"]
    assert hold(Fused())


def test_a_rule_that_defines_nothing_pins():
    @rule("registry_tests::cubed")
    def nothing(program, call):
        pass

    assert names(between(cubed)) == []


def test_a_rule_that_fails_says_so():
    @rule("registry_tests::cubed")
    def broken(program, call):
        raise KeyError("x")

    with pytest.raises(TraceError, match="KeyError: 'x'"):
        names(between(cubed))


def test_a_composition_of_known_operations():
    @composition("registry_tests::swish")
    def same(x, slope=1.0):
        return x * torch.sigmoid(slope * x)

    @composition("registry_tests::cubed")
    def power(x):
        return x**3

    assert names(between(swish)) == ["0.permutation"]
    assert names(between(cubed)) == ["0.permutation", "0.scaling"]
    assert hold(between(cubed))


def test_the_last_registration_counts():
    composition("registry_tests::cubed")(lambda x: x.sigmoid())
    entrywise("registry_tests::cubed", degree=3, parity=-1)
    assert "0.scaling" in names(between(cubed))
    composition("registry_tests::cubed")(lambda x: x.sigmoid())
    assert names(between(cubed)) == ["0.permutation"]


def test_an_autograd_function_needs_nothing():
    class Squared(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.clamp(min=0).pow(2)

        @staticmethod
        def backward(ctx, gradient):
            return gradient

    assert names(between(Squared.apply))[0] == "0.permutation"


def test_an_operation_that_does_not_exist_is_refused():
    for register in (rule, composition, entrywise):
        with pytest.raises(ValueError, match="found 'registry_tests::missing'"):
            register("registry_tests::missing")


def test_registrations_end_with_the_context():
    with temporary():
        entrywise("registry_tests::cubed")
        known_symmetries(Fused)(linear)
        assert names(between(cubed)) and names(Fused())
    assert not names(between(cubed)) and not names(Fused())


def test_every_instance_has_the_symmetries_that_its_class_declares():
    known_symmetries(Fused)(linear)
    model = nn.Sequential(Fused(), nn.Tanh(), nn.Sequential(Fused(3)))
    assert names(model) == ["0.rank.general_linear", "2.0.rank.general_linear"]
    assert names(Opaque()) == ["rank.general_linear"]
    assert hold(model)


def test_declared_symmetries_are_like_others():
    known_symmetries(Fused)(linear)
    model, x = nn.Sequential(Fused()).double(), torch.randn(9, 4, dtype=torch.float64)
    symmetries = find_symmetries(model, x)
    proof = symmetries.completeness(model, (x,))
    assert proof.rank == proof.nullity == 9
    assert type(symmetries).from_dict(symmetries.to_dict()) == symmetries
    fact = explain(model, x).why("0.inner")[0]
    assert fact.symmetries == ("0.rank.general_linear",) and not fact.obstacles


def test_what_is_found_anyway_is_not_repeated():
    class Open(Fused):
        def forward(self, x):
            return x @ self.inner.T @ self.outer.T

    known_symmetries(Fused)(linear)
    known_symmetries(Fused)(permuted)
    assert names(Open()) == ["inner.general_linear"]
    assert names(Fused()) == ["rank.general_linear", "rank.permutation"]


def test_names_that_are_taken_get_a_number():
    def twice(module):
        yield from permuted(module)
        yield declared(module, "rank.permutation", "in", writes={"inner": "r in"}, reads={})

    known_symmetries(Fused)(twice)
    with pytest.raises(ValueError, match=r"rank\.2\.permutation is declared"):
        names(Fused())


def test_a_false_declaration_is_an_error():
    def false(module):
        yield declared(module, "rank.sign", "r", writes={"inner": "r in"}, reads={})

    known_symmetries(Fused)(false)
    with pytest.raises(
        ValueError, match=r"0\.rank\.sign is declared and must hold; .* changes the outputs by \d"
    ):
        names(nn.Sequential(Fused()))


def test_nothing_is_proved_where_there_are_no_numbers():
    known_symmetries(Fused)(linear)
    with torch.device("meta"):
        model = Fused()
    assert names(model, torch.empty(5, 4, device="meta")) == ["rank.general_linear"]


def test_what_cannot_be_proved_is_left_out():
    class Single(Fused):
        def forward(self, x):
            if x.dtype is torch.float64:
                raise TypeError("too precise")
            return super().forward(x)

    known_symmetries(Fused)(linear)
    with pytest.warns(
        UserWarning, match=r"rank\.general_linear: declared, but left out: Single .* too precise"
    ):
        assert names(Single()) == []


def test_frozen_parameters_do_not_move():
    known_symmetries(Fused)(linear)
    model = Fused()
    model.outer.requires_grad_(False)
    assert names(model) == []


def test_the_proof_leaves_the_model_as_it_was():
    class Counting(Fused):
        calls = 0

        def forward(self, x):
            self.calls += 1
            return super().forward(x)

    known_symmetries(Fused)(linear)
    model = Counting()
    before, state = {n: p.clone() for n, p in model.named_parameters()}, torch.get_rng_state()
    assert names(model, torch.ones(5, 4))
    assert model.calls == 0 and torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(before[n], p) and p.dtype is torch.float32 for n, p in model.named_parameters())


def test_factors_copies_and_buffers():
    class Heads(nn.Module):
        def __init__(self):
            super().__init__()
            self.value, self.out = nn.Linear(4, 6), nn.Linear(6, 3)
            self.register_buffer("shift", torch.randn(6))

    symmetry = declared(
        Heads(),
        "value.general_linear",
        "d",
        writes={"value.weight": "(h d) i", "value.bias": "(h d)", "shift": "(h d)"},
        reads={"out.weight": "o (h d)"},
        copies="h",
        lengths={"h": 2},
    )
    assert (symmetry.size, symmetry.copies, symmetry.dimension) == (3, 2, 18)
    assert [leg.kind for leg in symmetry.legs] == ["parameter", "parameter", "buffer", "parameter"]
    model = Heads()
    params = dict(model.named_parameters()) | dict(model.named_buffers())
    moved = symmetry.act({n: p.detach().double() for n, p in params.items()}, symmetry.sample())

    def through(state):
        return (state["out.weight"].unflatten(1, (2, 3)) * 1).movedim(1, 0) @ state["value.weight"].unflatten(
            0, (2, 3)
        )

    before = through({n: p.double() for n, p in params.items()})
    assert torch.allclose(through(moved), before, rtol=0, atol=1e-12)
    assert not torch.allclose(moved["shift"], params["shift"].double())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "rank.translation"}, "name must end in one of"),
        ({"name": "rank"}, "name must end in one of"),
        (
            {"writes": {"missing": "r in"}},
            "must name parameters or buffers of Fused, each once; found missing",
        ),
        ({"reads": {"inner": "r in"}}, "each once; found inner, inner"),
        ({"writes": {"inner": "r"}}, "pattern of 'inner' must have 2 axes; found 1"),
        ({"writes": {"inner": "a in"}}, "pattern of 'inner' must name r"),
        ({"copies": "h"}, "pattern of 'inner' must name r and h"),
        (
            {"writes": {"inner": "(r a) in"}, "reads": {"outer": "out (r a)"}},
            "lengths must say how long r or a is",
        ),
        ({"lengths": {"r": 2}}, "an axis of 3 of 'inner' must be the product of r"),
        ({"lengths": {"r": 0}}, "an axis of 3 of 'inner' must be the product of r"),
    ],
)
def test_a_declaration_that_makes_no_sense_says_why(changes, message):
    good = {"name": "rank.permutation", "writes": {"inner": "r in"}, "reads": {"outer": "out r"}}
    arguments = {**good, **changes}
    with pytest.raises(ValueError, match=message):
        declared(Fused(), arguments.pop("name"), "r", **arguments)
