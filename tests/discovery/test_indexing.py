"""An index is a one-hot tensor: what it picks or places keeps its features apart, and rows in place."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightning_symmetry.discovery import find_symmetries

from .claims import Case, assert_complete, assert_found, assert_proved, gaussian


def tokens(vocabulary: int, *shape: int) -> Callable[[int], tuple[Tensor, ...]]:
    """Inputs of whole numbers; every number occurs."""

    def draw(batch: int) -> tuple[Tensor, ...]:
        index = torch.randint(vocabulary, (batch, *shape))
        index.view(-1)[: min(vocabulary, index.numel())] = torch.arange(vocabulary)[: index.numel()]
        return (index,)

    return draw


class Embedded(nn.Module):
    """A table of tokens, maybe one of positions, a function and a head of its own or tied to the table."""

    def __init__(
        self, function: Callable[[Tensor], Tensor], positions: bool = False, tied: bool = False
    ) -> None:
        super().__init__()
        self.tokens, self.function = nn.Embedding(20, 4), function
        self.positions = nn.Embedding(3, 4) if positions else None
        self.head = None if tied else nn.Linear(4, 9)

    def forward(self, index: Tensor) -> Tensor:
        x = self.tokens(index)
        if self.positions is not None:
            x = x + self.positions(torch.arange(index.shape[1], device=index.device))
        x = self.function(x)
        return x @ self.tokens.weight.T if self.head is None else self.head(x)


def of_feature_pairs(x: Tensor) -> Tensor:
    return x + 0.5 * x.roll(1, 1)


TABLES = {
    "read linearly": Case(
        lambda: Embedded(nn.Identity()),
        tokens(20, 3),
        "general_linear 4: tokens.weight head.weight^-1\ntranslation 4: tokens.weight head.bias^-1",
        nullity=20,
        outputs=9,
    ),
    "tied": Case(
        lambda: Embedded(of_feature_pairs, tied=True),
        tokens(20, 3),
        "orthogonal 4: tokens.weight",
        nullity=6,
        outputs=20,
    ),
    "tied, read by a function": Case(
        lambda: Embedded(nn.GELU(), tied=True),
        tokens(20, 3),
        "permutation 4: tokens.weight",
        nullity=0,
        outputs=9,
    ),
    "with positions": Case(
        lambda: Embedded(nn.Tanh(), positions=True),
        tokens(20, 3),
        """
        permutation 4: tokens.weight positions.weight head.weight
        sign 4: tokens.weight positions.weight head.weight
        translation 4: tokens.weight positions.weight^-1
        """,
        nullity=4,
        outputs=9,
    ),
}


@pytest.mark.parametrize("case", TABLES.values(), ids=TABLES)
def test_a_table_is_read_by_contraction(case):
    assert_found(case)
    assert_complete(case)


def test_a_table_may_be_read_by_a_function():
    # any row gives any values: more is free than groups that act on features
    assert_found(Case(lambda: Embedded(nn.GELU()), tokens(20, 3), "permutation 4: tokens.weight head.weight"))


class Unordered(nn.Module):
    """Every position is seen once, and in no order."""

    def __init__(self) -> None:
        super().__init__()
        self.positions, self.enter, self.leave = nn.Embedding(5, 4), nn.Linear(3, 4), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.leave((self.enter(x).unsqueeze(1) + self.positions(torch.arange(5))).relu().mean(1))


def test_positions_that_are_all_treated_alike_may_trade_places():
    assert_found(
        Case(
            Unordered,
            gaussian(3),
            """
            permutation 5: positions.weight
            permutation 4: enter.weight enter.bias positions.weight leave.weight
            positive_scaling 4: enter.weight enter.bias positions.weight leave.weight^-1
            translation 4: positions.weight enter.bias^-1
            """,
            nullity=8,
        )
    )


class Bags(nn.Module):
    """Bags of rows."""

    def __init__(self, mode: str, weighed: bool = False) -> None:
        super().__init__()
        self.bags, self.head, self.weighed = nn.EmbeddingBag(9, 4, mode=mode), nn.Linear(4, 5), weighed

    def forward(self, index: Tensor) -> Tensor:
        weights = torch.linspace(0.1, 1, index.numel()).reshape(index.shape) if self.weighed else None
        return self.head(self.bags(index, per_sample_weights=None if weights is None else weights.double()))


LINEAR = "general_linear 4: bags.weight head.weight^-1\n"
PERMUTED = "permutation 4: bags.weight head.weight\npositive_scaling 4: bags.weight head.weight^-1\n"


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda: Bags("sum"), LINEAR),
        (lambda: Bags("mean"), LINEAR),
        (lambda: Bags("sum", weighed=True), LINEAR),
        (lambda: Bags("max"), PERMUTED),
    ],
    ids=["sum", "mean", "weighed", "largest"],
)
def test_bags_of_rows(build, expected):
    case = Case(build, tokens(9, 3), expected)
    assert_found(case)


class Rows(nn.Module):
    """A function of the rows between two linear layers."""

    def __init__(self, middle: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.a, self.b, self.middle = nn.Linear(3, 3), nn.Linear(3, 3), middle

    def forward(self, x: Tensor) -> Tensor:
        return self.b(self.middle(self.a(x)))


PLACES = torch.tensor([2, 0, 3, 0])
ONCE = torch.tensor([2, 0, 3])
FOR_ALL = PLACES[:, None].expand(4, 3)


def along_rows(h: Tensor, index: Tensor) -> Tensor:
    return index[:, None].expand(len(h), len(index), 3)


def written(h: Tensor, where: object, value: object) -> Tensor:
    h = h.clone()
    h[where] = value
    return h


PICKING = {
    "index": lambda h: h[:, PLACES],
    "list": lambda h: h[:, [3, 0]],
    "two indices": lambda h: h.unsqueeze(2).expand(-1, -1, 4, -1)[:, PLACES, PLACES.flip(0)],
    "index of every example": lambda h: h[torch.arange(len(h)).unsqueeze(1), PLACES],
    "mask": lambda h: h[:, torch.tensor([True, False, True, True])],
    "index_select": lambda h: h.index_select(1, PLACES),
    "gather": lambda h: h.gather(1, along_rows(h, PLACES)),
    "take_along_dim": lambda h: h.take_along_dim(PLACES[None, :, None], 1),
    "embedding": lambda h: F.embedding(PLACES, h.transpose(0, 1).flatten(1)).unflatten(1, (-1, 3)),
    "order of the data": lambda h: h[:, torch.tensor([0.3, 0.1, 0.7, 0.5]).argsort()],
    "repeated by number": lambda h: h.repeat_interleave(torch.tensor([2, 1, 1, 3]), 1),
    "random order": lambda h: h[:, torch.randperm(4)],
}
PLACING = {
    "scatter_add": lambda h: torch.zeros_like(h).scatter_add(1, along_rows(h, PLACES), h),
    "scatter": lambda h: h.scatter(1, along_rows(h, ONCE), 2 * h[:, 1:]),
    "scatter a number": lambda h: h.scatter(1, along_rows(h, ONCE), 0.0),
    "scatter means": lambda h: torch.zeros_like(h).scatter_reduce(1, along_rows(h, PLACES), h, "mean"),
    "index_add": lambda h: h.index_add(1, PLACES, h, alpha=0.5),
    "index_copy": lambda h: h.index_copy(1, ONCE, 2 * h[:, 1:]),
    "index_fill": lambda h: h.index_fill(1, ONCE, 0.0),
    "index_put": lambda h: h.index_put((torch.arange(len(h))[:, None], ONCE), 2 * h[:, 1:]),
    "index_put, adding": lambda h: h.index_put(
        (torch.arange(len(h))[:, None], ONCE), 2 * h[:, 1:], accumulate=True
    ),
    "assigned": lambda h: written(h, (slice(None), ONCE), 0.0),
    "assigned by mask": lambda h: written(h, (slice(None), PLACES == 0), 0.0),
}


@pytest.mark.filterwarnings("ignore:Rows does not run on fake tensors:UserWarning")
@pytest.mark.parametrize("middle", PICKING.values(), ids=PICKING)
def test_what_an_index_picks_is_linear_in_the_features(middle):
    case = Case(
        lambda: Rows(middle),
        gaussian(4, 3),
        "general_linear 3: a.weight a.bias b.weight^-1\ntranslation 3: a.bias b.bias^-1",
        nullity=12,
    )
    assert_found(case)
    assert_complete(case)


@pytest.mark.parametrize("middle", PLACING.values(), ids=PLACING)
def test_what_an_index_places_is_linear_in_the_features(middle):
    case = Case(
        lambda: Rows(middle), gaussian(4, 3), "general_linear 3: a.weight a.bias b.weight^-1", nullity=9
    )
    assert_found(case)
    assert_complete(case)


@pytest.mark.filterwarnings("ignore:The reduce argument of torch.scatter:UserWarning")
@pytest.mark.parametrize(
    ("reduce", "expected"), [("add", "general_linear 3: a.weight a.bias b.weight^-1"), ("multiply", "")]
)
def test_a_scatter_may_reduce(reduce, expected):
    def reduced(h: Tensor) -> Tensor:
        return h.scatter(1, along_rows(h, ONCE), 2 * h[:, 1:], reduce=reduce)

    assert_found(Case(lambda: Rows(reduced), gaussian(4, 3), expected))


CURVED = {
    "largest that meet": lambda h: torch.zeros_like(h).scatter_reduce(1, along_rows(h, PLACES), h, "amax"),
    "largest slices": lambda h: torch.zeros_like(h).index_reduce(1, PLACES, h, "amax"),
}


@pytest.mark.filterwarnings("ignore:index_reduce:UserWarning")
@pytest.mark.parametrize("middle", CURVED.values(), ids=CURVED)
def test_what_meets_at_a_place_may_compete(middle):
    assert_found(
        Case(
            lambda: Rows(middle),
            gaussian(4, 3),
            """
            permutation 3: a.weight a.bias b.weight
            positive_scaling 3: a.weight a.bias b.weight^-1
            """,
        )
    )


class Graph(nn.Module):
    """Messages along edges, summed where they arrive."""

    def __init__(self) -> None:
        super().__init__()
        self.enter, self.message, self.leave = nn.Linear(3, 4), nn.Linear(8, 5), nn.Linear(9, 2)
        self.register_buffer("edges", torch.tensor([[0, 1, 2, 3, 0, 2], [1, 2, 3, 0, 2, 1]]))

    def forward(self, x: Tensor) -> Tensor:
        x = F.leaky_relu(self.enter(x), 0.2)
        start, end = self.edges
        messages = F.leaky_relu(self.message(torch.cat([x[:, start], x[:, end]], -1)), 0.2)
        arrived = torch.zeros(*x.shape[:2], 5, dtype=x.dtype).index_add(1, end, messages)
        return self.leave(torch.cat([x, arrived], -1))


def test_messages_along_edges_keep_their_features():
    graph = Case(
        Graph,
        gaussian(4, 3),
        """
        permutation 4: enter.weight enter.bias message.weight message.weight@0,4 leave.weight
        positive_scaling 4: enter.weight enter.bias message.weight^-1 message.weight@0,4^-1 leave.weight^-1
        permutation 5: message.weight message.weight@0,4 message.bias leave.weight@0,4
        positive_scaling 5: message.weight message.weight@0,4 message.bias leave.weight@0,4^-1
        """,
        nullity=9,
        outputs=8,
    )
    assert_found(graph)
    assert_complete(graph)


FEATURES = {
    "features in another order": lambda h: h.relu()[..., [2, 0, 1]],
    "features placed": lambda h: h.relu().scatter(2, PLACES[:3].remainder(3).expand_as(h[:, :, :3]), 1.0),
    "a feature taken": lambda h: h.relu() * h.take(torch.tensor([1])),
    "numbers of an index": lambda h: h * (1 + h.argmax(2, keepdim=True)),
}


@pytest.mark.parametrize("middle", FEATURES.values(), ids=FEATURES)
def test_features_that_an_index_tells_apart_stay(middle):
    torch.manual_seed(0)
    model, x = Rows(middle).double(), torch.randn(5, 4, 3, dtype=torch.float64)
    symmetries = find_symmetries(model, x)
    assert_proved(symmetries, model, x)
    assert "permutation" not in {symmetry.group for symmetry in symmetries}
