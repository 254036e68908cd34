"""Looking at a model changes nothing."""

import copy
import random

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor

from lightning_symmetry.discovery import find_symmetries

from .claims import described


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
