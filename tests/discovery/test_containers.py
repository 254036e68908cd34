"""Tensors inside any object are inputs and outputs like those that are passed alone."""

from __future__ import annotations

from collections import OrderedDict, UserDict, deque, namedtuple
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lightning_symmetry import find_symmetries
from lightning_symmetry.discovery._tracing.contents import mapped, tensors

from .claims import assert_exactly, assert_proved

EXPECTED = """
    permutation 6: first.weight first.bias last.weight
    positive_scaling 6: first.weight first.bias last.weight^-1
    """


@dataclass
class Plain:
    x: Any
    text: str = "?"


@dataclass(frozen=True, slots=True)
class Sealed:
    x: Any


class Slots:
    __slots__ = ("empty", "x")

    def __init__(self, x: Any) -> None:
        self.x = x


class Named(dict):
    """A dictionary of a class of its own, as libraries return them."""


class Ordered(OrderedDict):
    """As the outputs of language models: its items are attributes, too, and it refuses to be updated."""

    def __init__(self, **items: Any) -> None:
        super().__init__(items)
        self.__dict__.update(items)

    def update(self, *args: Any, **kwargs: Any) -> None:
        raise TypeError("read only")


class Loop:
    """An object that leads to itself."""

    def __init__(self, x: Any) -> None:
        self.x, self.itself, self.model = x, self, nn.Linear(1, 1)


Pair = namedtuple("Pair", "x rest")

WRAPPERS = {
    "dataclass": Plain,
    "frozen dataclass with slots": Sealed,
    "slots": Slots,
    "namespace": lambda x: SimpleNamespace(x=x),
    "namedtuple": lambda x: Pair(x, ()),
    "dictionary": lambda x: SimpleNamespace(x=Named(y=x)["y"], also=Named(y=x)),
    "ordered dictionary": lambda x: Ordered(x=x),
    "user dictionary": lambda x: SimpleNamespace(x=x, also=UserDict(y=x)),
    "deque": lambda x: SimpleNamespace(x=x, also=deque([x])),
    "nested": lambda x: Plain(x=x, text=[{"a": (Slots(x),)}]),
    "loop": Loop,
}


class Net(nn.Module):
    """A hidden layer; ``opened`` finds the input in what is given, ``wrapped`` makes the output."""

    def __init__(self, opened=lambda x: x, wrapped=lambda y, h: y) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(4, 6), nn.Linear(6, 3)
        self.opened, self.wrapped = opened, wrapped

    def forward(self, given: Any) -> Any:
        h = self.first(self.opened(given)).relu()
        return self.wrapped(self.last(h), h)


@pytest.fixture
def x() -> Tensor:
    return torch.randn(7, 4)


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
def test_outputs_inside_any_object_stay_the_same(wrap, x):
    model = Net(wrapped=lambda y, h: wrap(y))
    symmetries = find_symmetries(model, x)
    assert_exactly(symmetries, EXPECTED)
    assert_proved(symmetries, model, x)


HOLDERS = WRAPPERS | {
    "set": lambda h: {h},
    "generator": lambda h: (t for t in [1, h]),
    "map": lambda h: map(torch.clone, [h]),
    "distribution": lambda h: torch.distributions.Normal(h, 1.0, validate_args=False),
    "dictionary alone": lambda h: Named(h=h),
    "key": lambda h: {h: "value"},
}


@pytest.mark.parametrize("hold", HOLDERS.values(), ids=HOLDERS)
def test_no_output_beside_another_is_overlooked(hold, x):
    model = Net(wrapped=lambda y, h: (y, hold(h)))
    symmetries = find_symmetries(model, x)
    assert_exactly(symmetries, "")
    proof = find_symmetries(Net(), x).errors(model, x)
    assert min(proof.values()) > 1e-3  # the proof sees the hidden units, too


def test_a_generator_as_the_only_output_is_run_to_its_end(x):
    class Steps(Net):
        def forward(self, given: Tensor) -> Any:
            h = self.first(given).relu()
            yield self.last(h)
            yield self.last(h.tanh())

    symmetries = find_symmetries(Steps(), x)
    assert_exactly(symmetries, "permutation 6: first.weight first.bias last.weight")
    assert_proved(symmetries, Steps(), x)


def test_a_model_that_an_output_mentions_is_no_output(x):
    model = Net()
    model.wrapped = lambda y, h: SimpleNamespace(y=y, model=model)
    assert_exactly(find_symmetries(model, x), EXPECTED)


def test_parameters_that_are_outputs_stay_the_same(x):
    model = Net()
    model.wrapped = lambda y, h: (y, SimpleNamespace(weight=model.first.weight))
    assert_exactly(find_symmetries(model, x), "")


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
def test_inputs_inside_any_object_are_read_but_not_written(wrap, x):
    def opened(given: Any) -> Tensor:
        given = given.x if hasattr(given, "x") else given["x"]
        return given.mul_(1.5)

    model, given, before = Net(opened), wrap(x), x.clone()
    symmetries = find_symmetries(model, given)
    assert_exactly(symmetries, EXPECTED)
    assert_proved(symmetries, model, given)
    assert torch.equal(x, before)


def test_objects_given_as_inputs_keep_their_attributes(x):
    def opened(given: Any) -> Tensor:
        given.x, given.new = given.x * 2, given.x
        given.items.append(given.new)
        return given.x

    batch = SimpleNamespace(x=x, items=[])
    symmetries = find_symmetries(Net(opened), batch)
    assert_proved(symmetries, Net(opened), batch)
    assert batch.__dict__ == {"x": x, "items": []}


def test_an_object_that_cannot_be_copied_is_used_as_it_is(x):
    class Stubborn:
        def __init__(self) -> None:
            self.x = x

        def __deepcopy__(self, memo: Any) -> Any:
            raise TypeError("no")

    model = Net(lambda given: given.x * 2)
    assert_exactly(find_symmetries(model, Stubborn()), EXPECTED)


def test_what_is_the_same_tensor_stays_the_same_tensor():
    shared = torch.randn(2)
    tree = [shared, Plain(shared), {"a": Slots([shared, "text"])}, nn.Linear(2, 2)]
    copy = mapped(torch.clone, tree)
    (found,) = tensors(copy)
    assert found is not shared
    assert copy[0] is copy[1].x is copy[2]["a"].x[0]
    assert copy[3] is tree[3]
    assert tree[1].x is shared


def test_what_holds_no_tensor_is_not_copied():
    plain = SimpleNamespace(a=[1, 2], b=object())
    assert mapped(torch.clone, (plain, 3))[0] is plain


def test_the_same_input_twice_is_one_tensor():
    class Twice(Net):
        def forward(self, one: Tensor, other: Tensor) -> Tensor:
            one.zero_()
            return super().forward(other)

    x = torch.randn(7, 4)
    symmetries = find_symmetries(Twice(), x, x)
    assert_proved(symmetries, Twice(), x, x)
    assert "translation" in {s.group for s in symmetries}  # the weight of the first layer sees zeros


def test_a_parameter_given_as_data_stays_where_it_is():
    model = Net()
    symmetries = find_symmetries(model, model.first.weight.detach())
    assert not any(leg.parameter == "first.weight" for s in symmetries for leg in s.legs)
    symmetries = find_symmetries(model, model.first.weight)
    assert not any(leg.parameter == "first.weight" for s in symmetries for leg in s.legs)


def test_sparse_inputs_are_data():
    class Graph(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight, self.last = nn.Parameter(torch.randn(4, 6)), nn.Linear(6, 3)

        def forward(self, adjacency: Tensor) -> Tensor:
            return self.last(torch.sparse.mm(adjacency, self.weight).relu())

    model, x = Graph(), torch.randn(7, 4).relu().to_sparse()
    assert_proved(find_symmetries(model, x), model, x)


def test_outputs_without_numbers_prove_nothing():
    class Nothing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = nn.Linear(4, 6), nn.Linear(6, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.last(self.first(x).relu())[:0]

    model, x = Nothing(), torch.randn(5, 4)
    with pytest.raises(ValueError, match="outputs must hold real numbers to compare"):
        find_symmetries(model, x).errors(model, x)
