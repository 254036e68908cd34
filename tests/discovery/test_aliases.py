"""Parameters and hidden units that code gets hold of past the attributes and operations of torch."""

import copy
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import _disable_current_modes

from lightning_symmetry import TraceError, find_symmetries

from .claims import assert_exactly, assert_proved
from .tracers import both_tracers, on_copies, on_fakes


class Net(nn.Module):
    """Two linear layers; ``after`` computes the output from the hidden units and their image."""

    def __init__(self, after=lambda h, y: y) -> None:
        super().__init__()
        self.first, self.last, self.after = nn.Linear(4, 6), nn.Linear(6, 3), after
        self.double()

    def forward(self, x: Tensor) -> Tensor:
        h = self.first(x).relu()
        return self.after(h, self.last(h))


@pytest.fixture
def x() -> Tensor:
    torch.manual_seed(0)
    return torch.randn(7, 4, dtype=torch.float64)


@both_tracers
def test_a_parameter_in_a_closure_is_the_parameter(x, find):
    model = Net()
    held = [model.first.weight]
    model.after = lambda h, y: y + held[0].square().sum()
    symmetries = find(model, x)
    assert_exactly(symmetries, "permutation 6: first.weight first.bias last.weight")
    assert_proved(symmetries, model, x)
    model.after = lambda h, y: y + held[0].sin()[0, 0]
    symmetries = find(model, x)
    assert_proved(symmetries, model, x)
    assert max(find_symmetries(Net(), x).errors(model, x).values()) > 1e-3  # the proof moves it, too


@both_tracers
def test_weights_tied_through_a_list_are_tied(x, find):
    class Tied(Net):
        def __init__(self) -> None:
            super().__init__()
            self.held = [self.first.weight]

        def forward(self, x: Tensor) -> Tensor:
            return nn.functional.linear(self.first(x).relu(), self.held[0].t())

    symmetries = find(Tied(), x)
    found = [s for s in symmetries if any(leg.parameter == "first.weight" for leg in s.legs)]
    assert [(s.group, s.size) for s in found] == [("permutation", 6)]
    assert_proved(symmetries, Tied(), x)


VIEWS = {
    "view": lambda weight: weight.view(-1),
    "detached": lambda weight: weight.detach(),
    "transposed": lambda weight: weight.data.t(),
    "part": lambda weight: weight[2:4, 1],
    "array": lambda weight: torch.from_numpy(weight.detach().numpy()),
}


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
@both_tracers
def test_a_parameter_that_is_seen_through_other_memory_stays_where_it_is(x, find, view):
    model = Net()
    held = view(model.first.weight)
    model.after = lambda h, y: y + held.sin().sum()
    symmetries = find(model, x)
    assert not any(leg.parameter == "first.weight" for s in symmetries for leg in s.legs)


@both_tracers
def test_a_buffer_that_is_a_parameter_pins_it(x, find):
    model = Net()
    model.register_buffer("again", model.first.weight)
    assert not any(leg.parameter in ("first.weight", "again") for s in find(model, x) for leg in s.legs)


def test_a_copy_made_before_is_a_constant(x):
    class Frozen(Net):
        def __init__(self) -> None:
            super().__init__()
            self.kept = self.last.weight.detach().clone()

        def forward(self, x: Tensor) -> Tensor:
            return nn.functional.linear(self.first(x).relu(), self.kept)

    symmetries = find_symmetries(Frozen(), x)
    assert_proved(symmetries, Frozen(), x)
    assert {s.group for s in symmetries} == {"translation"}  # of the weight that is not used


def test_a_loss_that_holds_the_model_sees_its_parameters(x):
    class Penalised(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = Net()

        def forward(self, x: Tensor) -> Tensor:
            return self.net(x)

    model = Penalised()
    expected = {
        "even": [("permutation", 6)],
        "odd": [("permutation", 5), ("positive_scaling", 5)],  # of the units whose weights are left alone
    }
    losses = {
        "even": lambda y: y.square().sum() + model.net.first.weight.abs().sum(),
        "odd": lambda y: y.square().sum() + model.net.first.weight[0].sin().sum(),
    }
    for name, loss in losses.items():
        symmetries = find_symmetries(model, x, loss=loss)
        hidden = [s for s in symmetries if any(leg.parameter == "net.first.weight" for leg in s.legs)]
        assert [(s.group, s.size) for s in hidden] == expected[name]
        assert_proved(symmetries, model, x)


def in_a_thread(h: Tensor) -> Tensor:
    return ThreadPoolExecutor(1).submit(h.tanh).result()


def without_modes(h: Tensor) -> Tensor:
    with _disable_current_modes():
        return h.tanh()


@pytest.mark.parametrize("compute", [in_a_thread, without_modes])
@both_tracers
def test_what_is_computed_out_of_sight_pins_everything(x, find, compute):
    model = Net(lambda h, y: y + compute(h).sin()[:, :3])
    assert_exactly(find(model, x), "")


@both_tracers
def test_copies_made_on_the_way_are_understood(x, find):
    model = Net()
    model.after = lambda h, y: copy.deepcopy(model.last)(h) + copy.deepcopy(h.detach()).sum(-1, keepdim=True)
    symmetries = find(model, x)
    assert_exactly(symmetries, "permutation 6: first.weight first.bias last.weight")
    assert_proved(symmetries, model, x)


def test_memory_handed_to_another_library_and_back_is_known_again(x):
    def over_the_fence(h: Tensor) -> Tensor:
        return torch.utils.dlpack.from_dlpack(torch.utils.dlpack.to_dlpack(h.detach())).sin()

    model = Net(lambda h, y: y + over_the_fence(h).sum(-1, keepdim=True))
    symmetries = on_copies(model, x)
    assert_exactly(symmetries, "permutation 6: first.weight first.bias last.weight")
    assert_proved(symmetries, model, x)
    with pytest.raises(TraceError):
        on_fakes(model, x)


@both_tracers
def test_a_module_in_a_list_is_the_module(x, find):
    class Listed(Net):
        def __init__(self) -> None:
            super().__init__()
            self.again = [self.first]

        def forward(self, x: Tensor) -> Tensor:
            return self.last(self.again[0](x).relu())

    assert find(Listed(), x) == find(Net(), x)


@both_tracers
def test_a_module_that_looks_attributes_up_elsewhere(x, find):
    class Looking(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = Net()

        def __getattr__(self, name: str):
            try:
                return super().__getattr__(name)
            except AttributeError:
                return getattr(self.inner, name)

        def forward(self, x: Tensor) -> Tensor:
            return self.last(self.first(x).relu())

    symmetries = find(Looking(), x)
    assert_exactly(
        symmetries,
        """
        permutation 6: inner.first.weight inner.first.bias inner.last.weight
        positive_scaling 6: inner.first.weight inner.first.bias inner.last.weight^-1
        """,
    )
