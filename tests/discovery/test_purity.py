"""Looking at a model changes nothing."""

import copy
import random
from collections import Counter, OrderedDict, deque
from dataclasses import dataclass, field
from functools import cache, lru_cache, partial
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode

from lightning_symmetry.discovery import TraceError, find_symmetries
from lightning_symmetry.discovery._tracing.contents import tensors

from .claims import described
from .tracers import both_tracers


class Busy(nn.Module):
    """Draws, counts, keeps and caches while it runs."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.drop = nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Dropout(0.5)
        self.last = nn.Linear(6, 3)
        self.calls, self.history, self.cache, self.seen = 0, [], {"deep": [{}]}, {1}

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        self.hidden = self.drop(self.norm(self.first(x)).relu())
        self.history.append(self.hidden)
        self.cache["x"] = x
        self.cache["deep"][0]["y"] = self.hidden
        self.seen.add(self.calls + 1)
        return self.last(self.hidden)


ASK = {
    "find": lambda model, x: find_symmetries(model, x),
    "errors": lambda model, x: find_symmetries(model, x).errors(model, x),
    "completeness": lambda model, x: find_symmetries(model, x).completeness(model, x),
}


@pytest.mark.parametrize("ask", ASK.values(), ids=ASK)
@pytest.mark.parametrize("training", [True, False])
def test_the_model_and_all_randomness_stay_as_they_were(ask, training):
    torch.manual_seed(0)
    model, x = Busy().train(training), torch.randn(50, 4)
    model.norm.eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    objects = {name: id(p) for name, p in (*model.named_parameters(), *model.named_buffers())}
    modes = [module.training for module in model.modules()]
    x_before = x.clone()
    states = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].copy()
    grad = torch.is_grad_enabled()
    ask(model, x)
    after = torch.get_rng_state(), random.getstate(), np.random.get_state()[1]
    assert torch.equal(states[0], after[0])
    assert states[1] == after[1]
    assert (states[2] == after[2]).all()
    assert torch.is_grad_enabled() is grad
    assert {name: id(p) for name, p in (*model.named_parameters(), *model.named_buffers())} == objects
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert [module.training for module in model.modules()] == modes
    assert all(p.grad is None and p.requires_grad for p in model.parameters())
    assert torch.equal(x, x_before)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def test_no_fake_tensor_stays_behind():
    model, x = Busy(), torch.randn(7, 4)
    model(x)
    kept = dict(model.__dict__)
    hidden = model.hidden
    find_symmetries(model, x)
    assert model.__dict__ == kept
    assert model.hidden is hidden
    assert model.calls == 1
    assert [id(h) for h in model.history] == [id(hidden)]
    assert list(model.cache) == ["deep", "x"]
    assert list(model.cache["deep"][0]) == ["y"]
    assert model.seen == {1, 2}
    values = [
        *model.__dict__.values(),
        *model.history,
        *model.cache.values(),
        *model.cache["deep"][0].values(),
    ]
    assert not any(isinstance(value, FakeTensor) for value in values)


def test_nothing_stays_behind_when_the_model_fails():
    class Fails(Busy):
        def forward(self, x: Tensor) -> Tensor:
            super().forward(x)
            raise KeyError("no luck")

    model = Fails()
    with pytest.raises(RuntimeError, match="KeyError: 'no luck'"):
        find_symmetries(model, torch.randn(7, 4))
    assert "hidden" not in model.__dict__
    assert (model.calls, model.history, model.cache, model.seen) == (0, [], {"deep": [{}]}, {1})


@dataclass
class Log:
    """What a user keeps beside a model."""

    values: list[Any] = field(default_factory=list)
    last: Any = None


@dataclass(slots=True)
class SlottedLog(Log):
    """The same without a dictionary."""

    count: Counter = field(default_factory=Counter)


HISTORY: list[Any] = []


class Diary(nn.Module):
    """Keeps its hidden units wherever Python lets it."""

    shared: ClassVar[list[Any]] = []

    def __init__(self, fails: bool = False) -> None:
        super().__init__()
        self.first, self.last, self.fails = nn.Linear(4, 6), nn.Linear(6, 3), fails
        self.log, self.slotted = Log(), SlottedLog()
        self.recent, self.order = deque(maxlen=2), OrderedDict(a=1, b=2)
        self.numbers = (random.Random(0), np.random.default_rng(0), np.random.RandomState(0))
        self.torch_numbers = torch.Generator().manual_seed(0)
        seen: dict[str, Any] = {}
        count = 0

        def hook(module: nn.Module, args: Any, output: Tensor) -> None:
            nonlocal count
            count += 1
            seen["last"] = output

        self.state_of_hook = lambda: (count, dict(seen))
        self.first.register_forward_hook(hook)
        self.write = partial(self.log.values.append)

    def forward(self, x: Tensor) -> Tensor:
        h = self.first(x).relu()
        self.write(h)
        self.log.last = self.slotted.last = h
        self.slotted.values.append(h)
        self.slotted.count["calls"] += 1
        self.recent.append(h)
        self.order.move_to_end("a")
        self.shared.append(h)
        HISTORY.append(h)
        for generator in self.numbers:
            generator.random()
        torch.randn(2, generator=self.torch_numbers)
        if self.fails:
            raise KeyError("no luck")
        return self.last(h)

    def states(self) -> list[Any]:
        """Everything that it keeps."""
        python, new, old = self.numbers
        return [
            copy.copy(self.log.values),
            self.log.last,
            (copy.copy(self.slotted.values), self.slotted.last, dict(self.slotted.count)),
            list(self.recent),
            list(self.order),
            list(self.shared),
            list(HISTORY),
            self.state_of_hook(),
            (python.getstate(), str(new.bit_generator.state), str(old.get_state())),
            self.torch_numbers.get_state().tolist(),
        ]


@pytest.mark.parametrize("fails", [False, True])
@both_tracers
def test_what_is_kept_in_objects_hooks_and_globals_is_put_back(find, fails):
    model, x = Diary(fails), torch.randn(7, 4)
    if not fails:
        model(x)
    before = model.states()
    if fails:
        with pytest.raises(TraceError, match="KeyError: 'no luck'"):
            find(model, x)
    else:
        assert find(model, x)
    after = model.states()
    assert str(before) == str(after)
    assert not any(isinstance(value, FakeTensor) for value in tensors([after, model.__dict__]))


@cache
def table(size: int) -> Tensor:
    return torch.linspace(0, 1, size)


@lru_cache(maxsize=2)
def tables(size: int) -> tuple[list[Tensor], str]:
    return ([torch.linspace(0, 1, size)], "nested")


CACHE: dict[int, Tensor] = {}
elsewhere = ModuleType("elsewhere")
elsewhere.cache, elsewhere.all = {}, []


def looked_up(size: int) -> Tensor:
    if size not in CACHE:
        CACHE[size] = torch.linspace(0, 1, size)
    return CACHE[size]


def looked_up_elsewhere(size: int) -> Tensor:
    if size not in elsewhere.cache:
        elsewhere.cache[size] = torch.linspace(0, 1, size)
        elsewhere.all.append(elsewhere.cache[size])
    return elsewhere.cache[size]


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("cached", [table, lambda size: tables(size)[0][0], looked_up, looked_up_elsewhere])
def test_no_fake_tensor_stays_in_a_cache(cached, fails):
    class Cached(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            y = super().forward(x) * cached(3)
            if fails:
                raise KeyError("no luck")
            return y

    model, x = Cached(4, 3), torch.randn(7, 4)
    if fails:
        with pytest.raises(TraceError):
            find_symmetries(model, x)
    else:
        find_symmetries(model, x)
    assert torch.equal(cached(3), torch.linspace(0, 1, 3))
    assert not any(isinstance(value, FakeTensor) for value in [cached(3), *elsewhere.all])


def test_a_model_made_of_fake_tensors_keeps_them():
    with FakeTensorMode():
        model, x = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3)), torch.zeros(2, 4)
    before = dict(model.named_parameters())
    assert [s.group for s in find_symmetries(model, x)] == ["permutation", "positive_scaling"]
    assert dict(model.named_parameters()).keys() == before.keys()
    assert all(parameter is before[name] for name, parameter in model.named_parameters())


def test_a_cache_that_was_full_before_stays_full():
    filled = table(5)
    find_symmetries(Scaled(), torch.randn(7, 4))
    assert table(5) is filled


class Scaled(nn.Linear):
    """Scales its outputs by a table."""

    def __init__(self) -> None:
        super().__init__(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * table(5)


def test_a_model_that_was_looked_at_trains_like_its_twin():
    torch.manual_seed(0)
    model, x = Busy(), torch.randn(7, 4)
    twin = copy.deepcopy(model)
    find_symmetries(model, x).errors(model, x)
    results = []
    for one in (model, twin):
        torch.manual_seed(1)
        optimizer = torch.optim.Adam(one.parameters())
        for _ in range(3):
            optimizer.zero_grad()
            one(x).square().sum().backward()
            optimizer.step()
        results.append(one.state_dict())
    assert all(torch.equal(results[0][name], results[1][name]) for name in results[0])


def test_existing_gradients_are_kept():
    model, x = Busy(), torch.randn(7, 4)
    model(x).sum().backward()
    grads = [p.grad.clone() for p in model.parameters()]
    find_symmetries(model, x).completeness(model, torch.randn(50, 4))
    assert all(torch.equal(p.grad, g) for p, g in zip(model.parameters(), grads, strict=True))


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_the_answer_does_not_depend_on_whether_gradients_are_recorded(context):
    model, x = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3)), torch.randn(7, 4)
    expected = find_symmetries(model, x)
    with context():
        assert find_symmetries(model, x) == expected
        assert max(expected.errors(model, x).values()) < 1e-12
        result = expected.completeness(model, torch.randn(40, 4))
    assert result.rank == 6
    assert result.leak < 1e-12


def test_asking_twice_gives_the_same():
    model, x = Busy(), torch.randn(7, 4)
    assert find_symmetries(model, x) == find_symmetries(model, x)
    symmetries = find_symmetries(model, x)
    assert symmetries.errors(model, x) == symmetries.errors(model, x)
    assert symmetries.errors(model, x, seed=1) != symmetries.errors(model, x, seed=2)
    assert len({described(s) for s in symmetries}) == len(symmetries)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_model_that_writes_into_its_input_is_run_on_copies(dtype):
    class Careless(nn.Sequential):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x.mul_(1.5).add_(1))

    model, x = (
        Careless(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3)).to(dtype),
        torch.randn(60, 4, dtype=dtype),
    )
    before = x.clone()
    symmetries = find_symmetries(model, x)
    assert len(symmetries) == 2
    assert max(symmetries.errors(model, x).values()) < 1e-12
    assert symmetries.completeness(model, x).leak < 1e-12
    assert torch.equal(x, before)
