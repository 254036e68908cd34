"""Models that depend on numbers are traced on real tensors, and what they read is pinned."""

import io
import pickle

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lightning_symmetry import TraceError, find_symmetries

from .claims import assert_exactly, assert_proved
from .tracers import on_copies, on_fakes


class Reading(nn.Module):
    """Multiplies by a number that Python has read from the hidden units."""

    def __init__(self, how) -> None:
        super().__init__()
        self.one, self.two, self.three = nn.Linear(4, 6), nn.Linear(6, 5), nn.Linear(5, 2)
        self.how = how
        nn.init.constant_(self.one.bias, 3)  # what is read is not zero

    def forward(self, x: Tensor) -> Tensor:
        h = self.one(x).relu()
        return self.three(self.two(h * self.how(h)).relu())


def saved(h: Tensor) -> float:
    file = io.BytesIO()
    torch.save(h.detach(), file)
    file.seek(0)
    return torch.load(file)[0, 0]


READINGS = {
    "list": lambda h: h.detach()[0].tolist()[0],
    "array": lambda h: float(h.detach().numpy()[0, 0]),
    "asarray": lambda h: float(np.asarray(h.detach())[0, 0]),
    "equal": lambda h: 2.0 if torch.equal(h[0], h[1]) else 3.0,
    "nonzero": lambda h: len(h[0].nonzero()),
    "pickle": lambda h: pickle.loads(pickle.dumps(h.detach()))[0, 0],
    "file": saved,
    "numpy and back": lambda h: torch.from_numpy(np.tanh(h.detach().numpy()))[0, 0],
}


@pytest.mark.parametrize("how", READINGS.values(), ids=READINGS)
def test_what_is_read_is_pinned_and_the_rest_found(how):
    torch.manual_seed(0)
    model, x = Reading(how), torch.randn(7, 4)
    with pytest.warns(UserWarning, match="Reading does not run on fake tensors .* copies of the real ones"):
        found = find_symmetries(model, x)
    assert {(s.group, s.legs[0].parameter) for s in found} == {
        ("permutation", "two.weight"),
        ("positive_scaling", "two.weight"),
    }
    assert_proved(found, model, x)


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
    found = on_copies(model, x)
    sizes = [s.size for s in found if s.group == "permutation" and s.legs[0].parameter == "one.weight"]
    assert sizes
    assert max(sizes) < 6
    assert_proved(found, model, x)


def test_what_is_invariant_may_be_read():
    model, x = Reading(lambda h: 1.0 + h.sum(-1, keepdim=True).max().item()), torch.randn(7, 4)
    groups = {(s.group, s.legs[0].parameter) for s in on_copies(model, x)}
    assert ("permutation", "one.weight") in groups
    assert ("positive_scaling", "one.weight") not in groups


class Keeping(Reading):
    """Reads a number and keeps it, prints it and computes with it, but nothing depends on it."""

    def __init__(self) -> None:
        super().__init__(self.keep)
        self.seen: list[float] = []
        self.total = 0.0

    def keep(self, h: Tensor) -> float:
        number = h.square().sum().item()
        self.seen.append(number)
        self.total = 0.9 * self.total + (1 - 0.9) * round(-number, 2) ** 2 / 3
        self.text = f"{number:.3f} {h.sum():8.2e} {number}"
        return 1.0


def test_numbers_that_are_only_kept_need_no_real_tensors():
    model, x = Keeping(), torch.randn(7, 4)
    found = on_fakes(model, x)
    assert_exactly(
        found,
        """
        permutation 6: one.weight one.bias two.weight
        permutation 5: two.weight two.bias three.weight
        positive_scaling 5: two.weight two.bias three.weight^-1
        """,
    )
    assert (model.seen, model.total) == ([], 0.0)
    with torch.device("meta"):
        assert on_fakes(Keeping(), torch.zeros(7, 4)) == found


@pytest.mark.parametrize(
    "use",
    [bool, float, int, range, lambda n: n > 0, lambda n: n == 1, lambda n: {n}, lambda n: torch.ones(2) * n],
    ids=["bool", "float", "int", "range", "greater", "equal", "hash", "tensor"],
)
def test_numbers_that_fake_tensors_lack_cannot_be_used(use):
    class Using(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            y = super().forward(x)
            use(y.sum().item())
            return y

    message = "^control flow or shapes that depend on data"
    with pytest.raises(TraceError, match=message):
        on_fakes(Using(4, 3), torch.randn(2, 4))


class Experts(nn.Module):
    """Every example goes to the expert that a router chooses."""

    def __init__(self) -> None:
        super().__init__()
        self.router = nn.Linear(4, 3)
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 2)) for _ in range(3)
        )

    def forward(self, x: Tensor) -> Tensor:
        chosen, out = self.router(x).argmax(-1), x.new_zeros(len(x), 2)
        for i, expert in enumerate(self.experts):
            rows = (chosen == i).nonzero()[:, 0]
            if len(rows):
                out[rows] = expert(x[rows])
        return out


def test_what_takes_no_part_on_this_path_is_not_free_to_move():
    torch.manual_seed(0)
    model, x = Experts(), torch.randn(40, 4)
    with torch.no_grad():
        model.router.bias[1] = -100
    found = on_copies(model, x)
    assert_proved(found, model, x)
    moved = {leg.parameter.rpartition(".")[0] for s in found for leg in s.legs if s.group == "permutation"}
    assert moved == {"experts.0.0", "experts.0.2", "experts.2.0", "experts.2.2"}
    assert not any(leg.parameter.startswith("experts.1") for s in found for leg in s.legs)


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
                self.layer.weight.data = self.layer.weight.data * 2
            return self.drop(h)

    model, x = Writing(), torch.randn(5, 4)
    before = {k: v.clone() for k, v in model.state_dict().items()} | {
        "x": x.clone(),
        "seen": model.seen.clone(),
    }
    state = torch.get_rng_state()
    on_copies(model, x)
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
    assert on_copies(model, x) == on_fakes(model, x) == find_symmetries(model, x)


def test_a_model_that_fails_says_why():
    with pytest.raises(TraceError, match="RuntimeError: "):
        on_copies(nn.Linear(3, 2), torch.zeros(1, 5))


def test_numbers_are_not_made_up():
    with pytest.raises(TraceError, match=r"numbers are needed, and a tensor of shape \(2, 3\) has none here"):
        on_copies(nn.Linear(3, 2, device="meta"), torch.zeros(1, 3, device="meta"))
