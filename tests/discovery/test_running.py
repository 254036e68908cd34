"""Models that depend on numbers are traced on real tensors, and what they read is pinned."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lightning_symmetry.discovery.find import TraceError, find_symmetries, find_symmetries_running


class Reading(nn.Module):
    """Multiplies by a number that Python has read from the hidden units."""

    def __init__(self, how) -> None:
        super().__init__()
        self.one, self.two, self.three = nn.Linear(4, 6), nn.Linear(6, 5), nn.Linear(5, 2)
        self.how = how

    def forward(self, x: Tensor) -> Tensor:
        h = self.one(x).relu()
        return self.three(self.two(h * self.how(h)).relu())


READINGS = {
    "list": lambda h: h.detach()[0].tolist()[0],
    "array": lambda h: float(h.detach().numpy()[0, 0]),
    "asarray": lambda h: float(np.asarray(h.detach())[0, 0]),
    "equal": lambda h: 2.0 if torch.equal(h[0], h[1]) else 3.0,
    "nonzero": lambda h: len(h[0].nonzero()),
}


@pytest.mark.parametrize("how", READINGS.values(), ids=READINGS)
def test_what_is_read_is_pinned_and_the_rest_found(how):
    torch.manual_seed(0)
    model, x = Reading(how), torch.randn(7, 4)
    found = find_symmetries_running(model, x)
    assert {(s.group, s.legs[0].parameter) for s in found} == {
        ("permutation", "two.weight"),
        ("positive_scaling", "two.weight"),
    }
    assert max(found.errors(model, x).values()) < 1e-9


@pytest.mark.parametrize(
    "how",
    [
        lambda h: h[0, 0].item(),
        lambda h: float(h.detach()[0, 1]),
        lambda h: 2.0 if h[0, 2] > h[0, 3] else 3.0,
    ],
)
def test_units_that_are_read_stay_where_they_are(how):
    torch.manual_seed(0)
    model, x = Reading(how), torch.randn(7, 4)
    found = find_symmetries_running(model, x)
    sizes = [s.size for s in found if s.group == "permutation" and s.legs[0].parameter == "one.weight"]
    assert sizes
    assert max(sizes) < 6
    assert max(found.errors(model, x).values()) < 1e-9


def test_what_is_invariant_may_be_read():
    model, x = Reading(lambda h: 1.0 + h.sum(-1, keepdim=True).max().item()), torch.randn(7, 4)
    groups = {(s.group, s.legs[0].parameter) for s in find_symmetries_running(model, x)}
    assert ("permutation", "one.weight") in groups
    assert ("positive_scaling", "one.weight") not in groups


def test_the_model_and_its_inputs_are_left_alone():
    class Writing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.norm, self.drop = nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Dropout()
            self.seen = torch.zeros(3)

        def forward(self, x: Tensor) -> Tensor:
            x.mul_(2)
            h = self.norm(self.layer(x))
            self.seen += h.detach()[0]
            with torch.no_grad():
                self.layer.bias.mul_(1 + 0 * h.max().item())
            return self.drop(h)

    model, x = Writing(), torch.randn(5, 4)
    before = {k: v.clone() for k, v in model.state_dict().items()} | {
        "x": x.clone(),
        "seen": model.seen.clone(),
    }
    state = torch.get_rng_state()
    find_symmetries_running(model, x)
    after = model.state_dict() | {"x": x, "seen": model.seen}
    assert all(torch.equal(v, after[k]) for k, v in before.items())
    assert torch.equal(state, torch.get_rng_state())
    assert all(p.grad is None for p in model.parameters())


def test_it_finds_what_fake_tensors_find():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 6, 3),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Dropout(),
        nn.Flatten(),
        nn.Linear(24, 5),
        nn.Tanh(),
        nn.Linear(5, 2),
    )
    x = torch.randn(4, 3, 4, 4)
    assert find_symmetries_running(model, x) == find_symmetries(model, x)


def test_a_model_that_fails_says_why():
    with pytest.raises(TraceError, match="RuntimeError: "):
        find_symmetries_running(nn.Linear(3, 2), torch.zeros(1, 5))
