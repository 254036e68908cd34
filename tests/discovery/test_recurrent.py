"""Recurrent networks: hidden units across their gates, whether one kernel runs them or many small steps."""

from collections.abc import Iterable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from lightning_symmetry.discovery import Symmetries, find_symmetries

from .claims import Case, assert_complete, assert_exactly, assert_found, assert_proved, described, gaussian

aten = torch.ops.aten


class Read(nn.Module):
    """A recurrent network, and a linear layer that reads its hidden state at all times."""

    def __init__(self, network: nn.Module, width: int = 3) -> None:
        super().__init__()
        self.r, self.o = network, nn.Linear(width, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.o(self.r(x)[0])


class Last(Read):
    """The same, of the last hidden state alone."""

    def forward(self, x: Tensor) -> Tensor:
        _, final = self.r(x)
        hidden = final[0] if isinstance(final, tuple) else final
        return self.o(hidden[-1])


def gates(count: int) -> str:
    """All blocks of ``count`` gates of three units."""
    blocks = [(name, 3 * i, ",0" * ("weight" in name)) for name in (W, B, U, C) for i in range(count)]
    return " ".join(name + (f"@{start}{rest}" if start else "") for name, start, rest in blocks)


W, B, U, C = "r.weight_ih_l0", "r.bias_ih_l0", "r.weight_hh_l0", "r.bias_hh_l0"
BIASES = """
    translation 3: r.bias_ih_l0 r.bias_hh_l0^-1
    """
LSTM = f"""
    permutation 3: {gates(4)} o.weight
    sign 3: {W}@6,0 {B}@6 {U} {U}@3,0 {U}@6,0 {U}@9,0 {C}@6 o.weight
    translation 3: {B} {C}^-1
    translation 3: {B}@3 {C}@3^-1
    translation 3: {B}@6 {C}@6^-1
    translation 3: {B}@9 {C}@9^-1
    """
GRU = f"""
    permutation 3: {gates(3)} o.weight
    sign 3: {W}@6,0 {B}@6 {U} {U}@3,0 {U}@6,0 {C}@6 o.weight
    translation 3: {B} {C}^-1
    translation 3: {B}@3 {C}@3^-1
    """
PROJECTED = f"""
    permutation 3: {gates(4)} r.weight_hr_l0
    sign 3: {W}@6,0 {B}@6 {U}@6,0 {C}@6 r.weight_hr_l0
    general_linear 2: {U} {U}@3,0 {U}@6,0 {U}@9,0 r.weight_hr_l0^-1 o.weight
    translation 3: {B} {C}^-1
    translation 3: {B}@3 {C}@3^-1
    translation 3: {B}@6 {C}@6^-1
    translation 3: {B}@9 {C}@9^-1
    """

CASES = {
    "lstm": Case(lambda: Read(nn.LSTM(4, 3)), gaussian(5, 4), LSTM, nullity=12, outputs=15),
    "gru": Case(lambda: Read(nn.GRU(4, 3)), gaussian(5, 4), GRU, nullity=6, outputs=15),
    "tanh": Case(
        lambda: Read(nn.RNN(4, 3)),
        gaussian(5, 4),
        f"""
        permutation 3: {gates(1)} o.weight
        sign 3: {gates(1)} o.weight
        """
        + BIASES,
        nullity=3,
        outputs=15,
    ),
    "relu": Case(
        lambda: Read(nn.RNN(4, 3, nonlinearity="relu")),
        gaussian(5, 4),
        f"""
        permutation 3: {gates(1)} o.weight
        positive_scaling 3: {W} {B} {U}^1,-1 {C} o.weight^-1
        """
        + BIASES,
        nullity=6,
        outputs=15,
    ),
    "lstm with a projection": Case(
        lambda: Read(nn.LSTM(4, 3, proj_size=2), 2), gaussian(5, 4), PROJECTED, nullity=16, outputs=15
    ),
    "last state of an lstm": Case(lambda: Last(nn.LSTM(4, 3)), gaussian(5, 4), LSTM),
    "last state of a gru": Case(lambda: Last(nn.GRU(4, 3)), gaussian(5, 4), GRU),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_exactly_the_groups_of_the_theory_are_found_and_hold(case):
    assert_found(case)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.nullity is not None])
def test_no_continuous_direction_is_missing(name):
    assert_complete(CASES[name])


NETWORKS = {
    "lstm": (nn.LSTM, {}),
    "without biases": (nn.LSTM, {"bias": False}),
    "batch first": (nn.LSTM, {"batch_first": True}),
    "both directions": (nn.LSTM, {"bidirectional": True}),
    "two layers": (nn.LSTM, {"num_layers": 2}),
    "two layers in both directions": (nn.LSTM, {"num_layers": 2, "bidirectional": True}),
    "dropout between layers": (nn.LSTM, {"num_layers": 2, "dropout": 0.3}),
}


@pytest.mark.parametrize(("kind", "options"), NETWORKS.values(), ids=NETWORKS)
def test_one_kernel_means_the_same_as_its_small_steps(kind, options):
    # oneDNN takes single precision alone
    torch.manual_seed(0)
    model, x = Read(kind(4, 3, **options), 3 * (1 + ("bidirectional" in options))), torch.randn(5, 2, 4)
    fused, small = find_symmetries(model, x), find_symmetries(model.double(), x.double())
    assert sorted(map(described, fused)) == sorted(map(described, small))
    assert_proved(fused, model, x)
    assert sum(s.group == "permutation" for s in fused) == len(list(model.r.all_weights))


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
@pytest.mark.parametrize(
    "options", [option for _, option in NETWORKS.values() if "dropout" not in option], ids=str
)
def test_the_kernel_of_other_devices_means_the_same(kind, options):
    class Kernel(Read):
        def forward(self, x: Tensor) -> Tensor:
            return self.o(self.kernel(x, x.shape[1 - self.r.batch_first], [])[0])

        def kernel(self, x: Tensor, batch: int, sizes: list[int]) -> tuple[Tensor, ...]:
            weights, r = self.r.all_weights, self.r
            start = x.new_zeros(len(weights), batch, 3)
            mode = {nn.RNN: 1, nn.LSTM: 2, nn.GRU: 3}[type(r)]
            flat = [w for layer in weights for w in layer]
            kind = (mode, 3, 0, r.num_layers, r.batch_first, 0.0, True, r.bidirectional, sizes, None)
            memory = start if mode == 2 else None
            return aten._cudnn_rnn(x, flat, len(weights[0]), None, start, memory, *kind)

    class Packed(Kernel):
        def forward(self, x: Tensor) -> Tensor:
            return self.o(self.kernel(x.reshape(-1, 4)[:8], 2, [2, 2, 2, 1, 1])[0])

    class Finals(Kernel):
        def forward(self, x: Tensor) -> Tensor:
            finals = self.kernel(x, x.shape[1 - self.r.batch_first], [])[1:3]
            return torch.cat([final.flatten() for final in finals])

    x, width = torch.randn(5, 2, 4), 3 * (1 + ("bidirectional" in options))
    torch.manual_seed(0)
    network = kind(4, 3, **options)
    expected = sorted(map(described, find_symmetries(Read(network, width), x)))
    assert sorted(map(described, find_symmetries(Kernel(network, width), x))) == expected
    assert sorted(map(described, find_symmetries(Packed(network, width), x))) == expected
    assert {s.group for s in find_symmetries(Finals(network, width), x)} <= {"translation"}


def test_draws_between_layers_that_stay_inside_a_kernel_tell_its_units_apart():
    class Kernel(Read):
        def forward(self, x: Tensor) -> Tensor:
            start = x.new_zeros(2, x.shape[1], 3)
            flat = [w for layer in self.r.all_weights for w in layer]
            kind = (3, 3, 0, 2, False, 0.3, True, False, [], None)
            return self.o(aten._cudnn_rnn(x, flat, 4, None, start, None, *kind)[0])

    symmetries = find_symmetries(Kernel(nn.GRU(4, 3, 2)), torch.randn(5, 2, 4))
    (permutation,) = [s for s in symmetries if s.group == "permutation"]
    assert permutation.legs[0].parameter == "r.weight_ih_l1"


class Steps(Read):
    """A cell, taken step by step."""

    def forward(self, x: Tensor) -> Tensor:
        state: Any = (x.new_zeros(x.shape[1], 3),) * (2 if isinstance(self.r, nn.LSTMCell) else 1)
        for now in x:
            state = self.step(now, state)
        return self.o(state[0])

    def step(self, now: Tensor, state: Any) -> Any:
        made = self.r(now, state if len(state) == 2 else state[0])
        return made if isinstance(made, tuple) else (made,)


class FusedSteps(Steps):
    """The same in the kernels of other devices, which demand that no tensor lies in ordinary memory."""

    def step(self, now: Tensor, state: Any) -> Any:
        cell, elsewhere = self.r, torch.device("meta")
        run = aten._thnn_fused_lstm_cell if len(state) == 2 else aten._thnn_fused_gru_cell
        given = now @ cell.weight_ih.T, state[0] @ cell.weight_hh.T, state[-1], cell.bias_ih, cell.bias_hh
        return tuple(out.to("cpu") for out in run(*(t.to(elsewhere) for t in given))[:-1])


CELLS = {"lstm": (nn.LSTMCell, LSTM), "gru": (nn.GRUCell, GRU)}


@pytest.fixture
def shapes_of_a_fused_gru():
    """What torch lacks: the shapes that this kernel puts out."""
    with torch.library._scoped_library("aten", "IMPL", "Meta") as library:
        library.impl(
            "_thnn_fused_gru_cell", lambda gates, _, before, *biases: (before + 0, gates.new_empty(1))
        )
        yield


@pytest.mark.parametrize(("kind", "expected"), CELLS.values(), ids=CELLS)
def test_cells_that_are_run_by_hand(kind, expected, shapes_of_a_fused_gru):
    torch.manual_seed(0)
    model, x = Steps(kind(4, 3)).double(), torch.randn(5, 2, 4, dtype=torch.float64)
    symmetries = find_symmetries(model, x)
    assert_moved(symmetries, expected.replace("_l0", ""))
    assert_proved(symmetries, model, x)
    fused = find_symmetries(FusedSteps(model.r), x)
    assert_moved(fused, expected.replace("_l0", ""))


def assert_moved(symmetries: Symmetries, expected: str) -> None:
    """The groups are those expected, in whatever order they use their parameters."""

    def words(lines: Iterable[str]) -> list[list[str]]:
        return sorted(sorted(line.replace("^-1", "").split()) for line in lines if line.strip())

    assert words(map(described, symmetries)) == words(expected.splitlines())


class Started(Read):
    """An LSTM that starts from a state of its own."""

    def __init__(self, learned: bool) -> None:
        super().__init__(nn.LSTM(4, 3))
        self.start = nn.Parameter(torch.randn(3), requires_grad=learned)

    def forward(self, x: Tensor) -> Tensor:
        start = self.start.expand(1, x.shape[1], 3)
        return self.o(self.r(x, (start, torch.zeros_like(start)))[0])


@pytest.mark.parametrize("precision", [torch.float32, torch.float64])
@pytest.mark.parametrize("learned", [True, False])
def test_the_initial_state_belongs_to_the_hidden_units(learned, precision):
    torch.manual_seed(0)
    model, x = Started(learned).to(precision), torch.randn(5, 2, 4, dtype=precision)
    symmetries = find_symmetries(model, x)
    if learned:
        assert_moved(symmetries, LSTM.replace("o.weight", "start o.weight"))
    else:
        assert {s.group for s in symmetries} == {"translation"}
    assert_proved(symmetries, model, x)


class Sequences(nn.Module):
    """Embeds sequences of different lengths, packs them and reads what comes out in one of three ways."""

    def __init__(self, reads: str) -> None:
        super().__init__()
        self.e, self.r, self.o, self.reads = nn.Linear(4, 5), nn.GRU(5, 3), nn.Linear(3, 3), reads

    def forward(self, x: Tensor) -> Tensor:
        packed = pack_padded_sequence(self.e(x), torch.tensor([5, 4, 2]))
        out, final = self.r(packed)
        if self.reads == "padded":
            return self.o(pad_packed_sequence(out)[0])
        return self.o(final[0] if self.reads == "final" else out.data)


@pytest.mark.parametrize("reads", ["final", "data", "padded"])
def test_packed_sequences_are_understood_where_numbers_are_real(reads):
    torch.manual_seed(0)
    model, x = Sequences(reads).double(), torch.randn(5, 3, 4, dtype=torch.float64)
    with pytest.warns(UserWarning, match="Sequences does not run on fake tensors"):
        symmetries = find_symmetries(model, x)
    assert_proved(symmetries, model, x)
    first = f"general_linear 5: e.weight e.bias {W}^-1 {W}@3,0^-1 {W}@6,0^-1"
    assert first in map(described, symmetries)
    if reads != "padded":
        assert_exactly(symmetries, GRU + first)


def test_a_long_sequence_costs_no_more_than_a_short_one():
    model = Read(nn.LSTM(4, 3))
    short, long = (find_symmetries(model, torch.randn(length, 2, 4)) for length in (3, 3000))
    assert short.to_dict() == long.to_dict()
