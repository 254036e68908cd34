"""Memory written in place, through views and behind the model's back: nothing false is concluded from it."""

import pytest
import torch
from torch import Tensor, nn

from lightning_symmetry.discovery import find_symmetries

from .claims import assert_exactly, assert_proved
from .tracers import both_tracers


class Net(nn.Module):
    """Two linear layers; ``middle`` is what happens between them."""

    def __init__(self, middle) -> None:
        super().__init__()
        self.first, self.last, self.middle = nn.Linear(4, 6), nn.Linear(6, 3), middle

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.middle(self.first(x)))


def column(h: Tensor) -> Tensor:
    h = h.relu()
    h[:, 0] = h[:, 0].tanh()
    return h


def chunk(h: Tensor) -> Tensor:
    h = h.relu()
    h[:, :3].tanh_()
    return h


def both_chunks(h: Tensor) -> Tensor:
    with torch.no_grad():
        for part in h.chunk(2, dim=1):
            part.tanh_()
    return h


def fill(h: Tensor) -> Tensor:
    out = torch.zeros_like(h)
    for i in range(h.shape[1]):
        out[:, i] = h[:, i].relu() if i < 3 else h[:, i].tanh()
    return out


def constant(h: Tensor) -> Tensor:
    h = h.relu()
    h[:, 2] = 1.0
    return h


def swap(h: Tensor) -> Tensor:
    left, right = h[:, :3].clone(), h[:, 3:].clone()
    h[:, :3] = right.relu()
    h[:, 3:] = left.tanh()
    return h


def view_of_the_old(h: Tensor) -> Tensor:
    h = h.relu()
    view = h.t()
    h.tanh_()
    return view.t()


def older_view_written(h: Tensor) -> Tensor:
    h = h.relu()
    h.view(-1, 2, 3)[:, :, 1].mul_(2).sin_()
    return h


def transposed(h: Tensor) -> Tensor:
    h.t().tanh_()
    return h


def copied(h: Tensor) -> Tensor:
    store = torch.zeros(7, 6, dtype=h.dtype)
    store.copy_(h.relu())
    return store.mul_(0.5)


def taken_over(h: Tensor) -> Tensor:
    h = h.relu()
    h.data = h.data.tanh()
    return h


def taken_over_under_a_view(h: Tensor) -> Tensor:
    h = h.relu()
    view = h.view(-1, 2, 3)
    h.data = h.data.tanh()
    view.data.mul_(2)
    return view.reshape(-1, 6)


def set_to_another(h: Tensor) -> Tensor:
    out = torch.empty(0, dtype=h.dtype)
    out.set_(h.relu().detach())
    return out.sin()


def set_to_its_memory(h: Tensor) -> Tensor:
    h = h.relu().detach()
    out = torch.empty(0, dtype=h.dtype)
    out.set_(h.untyped_storage(), 0, h.shape, h.stride())
    h.tanh_()
    return out


def strided(h: Tensor) -> Tensor:
    return h.relu().as_strided((7, 6), (6, 1)).sin()


def resized(h: Tensor) -> Tensor:
    return h.relu().detach().clone().resize_(6, 7).reshape(7, 6)


def made_a_parameter(h: Tensor) -> Tensor:
    return nn.Parameter(h.detach()).tanh()


def without_recording(h: Tensor) -> Tensor:
    with torch.inference_mode():
        other = h.tanh()
    return h.relu() + other.clone()


def indexed(h: Tensor) -> Tensor:
    return h.relu().index_add_(1, torch.tensor([0, 2]), torch.ones(7, 2, dtype=h.dtype))


@pytest.mark.parametrize(
    "middle",
    [
        column,
        chunk,
        both_chunks,
        fill,
        constant,
        swap,
        view_of_the_old,
        older_view_written,
        transposed,
        indexed,
        taken_over,
        taken_over_under_a_view,
        set_to_another,
        set_to_its_memory,
        strided,
        resized,
        made_a_parameter,
        without_recording,
    ],
    ids=lambda function: function.__name__,
)
@both_tracers
def test_writing_through_views_never_gives_a_false_symmetry(middle, find):
    torch.manual_seed(0)
    model, x = Net(middle).double(), torch.randn(7, 4, dtype=torch.float64)
    assert_proved(find(model, x), model, x)


@both_tracers
def test_memory_that_is_taken_over_brings_its_value(find):
    model, x = Net(taken_over), torch.randn(7, 4)
    assert_exactly(find(model, x), "permutation 6: first.weight first.bias last.weight")


class Rewritten(Net):
    """Writes into its last weight before it uses it."""

    def __init__(self, write) -> None:
        super().__init__(lambda h: h.relu())
        self.write = write

    def forward(self, x: Tensor) -> Tensor:
        self.write(self)
        return super().forward(x)


def norm_written(model: Rewritten) -> None:
    with torch.no_grad():
        model.last.weight.div_(model.last.weight.norm())


def squashed(model: Rewritten) -> None:
    with torch.no_grad():
        model.last.weight.tanh_()


def squashed_data(model: Rewritten) -> None:
    model.last.weight.data.tanh_()


def assigned_data(model: Rewritten) -> None:
    model.last.weight.data = model.last.weight.data.tanh()


def new_parameter(model: Rewritten) -> None:
    model.last.weight = nn.Parameter(model.last.weight.tanh())


def every_other_entry(model: Rewritten) -> None:
    model.last.weight.data.view(-1)[::2] = 0.5


@pytest.mark.parametrize(
    ("write", "expected"),
    [
        (norm_written, ["permutation", "positive_scaling"]),  # of all units, and of the written weight
        (squashed, ["permutation"]),
        (squashed_data, ["permutation"]),
        (assigned_data, ["permutation"]),
        (new_parameter, ["permutation"]),
        (every_other_entry, []),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
@both_tracers
def test_parameters_that_are_written_are_seen_as_they_were_before(write, expected, find):
    torch.manual_seed(0)
    model, x = Rewritten(write).double(), torch.randn(7, 4, dtype=torch.float64)
    before, parameter = model.last.weight.detach().clone(), model.last.weight
    symmetries = find(model, x)
    assert [s.group for s in symmetries] == expected
    assert_proved(symmetries, model, x)
    assert model.last.weight is parameter
    assert torch.equal(parameter, before)


def test_writing_a_whole_tensor_is_understood():
    torch.manual_seed(0)
    model, x = Net(copied).double(), torch.randn(7, 4, dtype=torch.float64)
    symmetries = find_symmetries(model, x)
    assert_exactly(
        symmetries,
        """
        permutation 6: first.weight first.bias last.weight
        positive_scaling 6: first.weight first.bias last.weight^-1
        """,
    )
    assert_proved(symmetries, model, x)


class Kept(nn.Module):
    """The hidden layer passes through a tensor that the module keeps."""

    def __init__(self, write) -> None:
        super().__init__()
        self.first, self.last, self.write = nn.Linear(4, 6), nn.Linear(6, 3), write
        self.kept = torch.zeros(7, 6, dtype=torch.float64)

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            self.write(self.kept, self.first(x))
        return self.last(self.kept.tanh())


class KeptInBuffer(Kept):
    """The same with a buffer."""

    def __init__(self, write) -> None:
        super().__init__(write)
        del self.kept
        self.register_buffer("kept", torch.zeros(7, 6, dtype=torch.float64))


def by_copy(kept: Tensor, h: Tensor) -> None:
    kept.copy_(h)


def by_row(kept: Tensor, h: Tensor) -> None:
    kept[:, :3] = h[:, :3].relu()


def by_out(kept: Tensor, h: Tensor) -> None:
    torch.sin(h, out=kept)


def by_data(kept: Tensor, h: Tensor) -> None:
    kept.data.copy_(h)


def by_list(kept: Tensor, h: Tensor) -> None:
    torch._foreach_copy_([kept], [h])


def out_of_a_part(kept: Tensor, h: Tensor) -> None:
    torch.cos(h[:, 3:], out=kept[:, 3:])


@pytest.mark.parametrize(
    "write",
    [by_copy, by_row, by_out, by_data, by_list, out_of_a_part],
    ids=lambda function: function.__name__,
)
@pytest.mark.parametrize("kind", [Kept, KeptInBuffer])
def test_what_is_written_into_kept_tensors_is_not_forgotten(kind, write):
    torch.manual_seed(0)
    model, x = kind(write).double(), torch.randn(7, 4, dtype=torch.float64)
    symmetries = find_symmetries(model, x)
    assert (model.kept == 0).all()
    assert_proved(symmetries, model, x)
