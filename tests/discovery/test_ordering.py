"""What is picked by rank moves along with what it is picked from: experts, codes, sorted features."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .claims import Case, assert_complete, assert_found, assert_proved, gaussian

Routing = Callable[[Tensor], Tensor]


class Experts(nn.Module):
    """All experts in one tensor; ``routing`` turns the router's logits into a weight for each."""

    def __init__(self, routing: Routing) -> None:
        super().__init__()
        self.router, self.routing = nn.Linear(3, 4), routing
        self.up, self.shift = nn.Parameter(torch.randn(4, 5, 3)), nn.Parameter(torch.randn(4, 5))
        self.down = nn.Parameter(torch.randn(4, 3, 5))

    def forward(self, x: Tensor) -> Tensor:
        weights = self.routing(self.router(x))
        hidden = F.gelu(torch.einsum("bd,efd->bef", x, self.up) + self.shift)
        return torch.einsum("be,bef,edf->bd", weights, hidden, self.down)


class Gathered(Experts):
    """The weights of the chosen experts are gathered for every token."""

    def __init__(self) -> None:
        super().__init__(scattered)

    def forward(self, x: Tensor) -> Tensor:
        scores, chosen = self.router(x).topk(2, -1)
        hidden = F.gelu(torch.einsum("bd,bkfd->bkf", x, self.up[chosen]) + self.shift[chosen])
        return torch.einsum("bk,bkf,bkdf->bd", scores.softmax(-1), hidden, self.down[chosen])


def scattered(logits: Tensor) -> Tensor:
    scores, chosen = logits.topk(2, -1)
    return torch.zeros_like(logits).scatter(-1, chosen, scores.softmax(-1))


def counted(logits: Tensor) -> Tensor:
    weights, chosen = logits.softmax(-1).topk(2, -1)
    weights = weights / weights.sum(-1, keepdim=True)
    return (F.one_hot(chosen, 4).to(logits) * weights.unsqueeze(-1)).sum(-2)


def compared(logits: Tensor) -> Tensor:
    weights, chosen = logits.softmax(-1).topk(2, -1)
    return ((chosen.unsqueeze(-1) == torch.arange(4)) * weights.unsqueeze(-1)).sum(-2)


def masked(logits: Tensor) -> Tensor:
    kept = torch.zeros_like(logits).scatter(-1, logits.topk(2, -1).indices, 1.0).bool()
    return logits.masked_fill(~kept, -torch.inf).softmax(-1)


def switched(logits: Tensor) -> Tensor:
    weights = logits.softmax(-1)
    best = weights.argmax(-1, keepdim=True)
    return torch.zeros_like(weights).scatter(-1, best, weights.gather(-1, best))


def joined(logits: Tensor) -> Tensor:
    """The best, and the worst: indices that are stacked, cut apart and put together again."""
    weights = logits.softmax(-1)
    both = torch.stack([weights.argmax(-1), weights.argmin(-1)], -1)
    both = torch.cat([both[:, 1:], both[:, :1]], -1).view(-1, 2).clone()
    rows = torch.arange(len(both)).unsqueeze(1)
    return weights * torch.zeros_like(weights).index_put((rows, both), torch.tensor(1.0, dtype=weights.dtype))


ROUTINGS = {
    "scattered": scattered,
    "one-hot": counted,
    "compared": compared,
    "masked": masked,
    "switched": switched,
    "joined": joined,
}
EXPERTS = "permutation 4: router.weight router.bias up shift down\n"
ROUTER = "translation 3: router.weight\ntranslation 1: router.bias\n"


@pytest.mark.parametrize("routing", ROUTINGS.values(), ids=ROUTINGS)
def test_experts_trade_places_with_their_rows_in_the_router(routing):
    experts = Case(
        lambda: Experts(routing),
        gaussian(3),
        EXPERTS + ROUTER + "permutation 5 x4: up shift down",
        nullity=4,
        seed=4,  # every expert is somebody's first choice
        batch=5,
    )
    assert_found(experts)
    assert_complete(experts)


def test_gathered_experts_trade_places_too():
    experts = Case(
        Gathered,
        gaussian(3),
        EXPERTS + ROUTER + "permutation 5: up shift down",
        nullity=4,
        batch=5,
    )
    assert_found(experts)
    assert_complete(experts)


class Codebook(nn.Module):
    """The nearest code stands in for a vector."""

    def __init__(self) -> None:
        super().__init__()
        self.enter, self.codes, self.leave = nn.Linear(3, 4), nn.Embedding(6, 4), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.enter(x)
        distances = (x**2).sum(1, keepdim=True) - 2 * x @ self.codes.weight.T + (self.codes.weight**2).sum(1)
        return self.leave(self.codes(distances.argmin(1)))


def test_codes_trade_places():
    assert_found(
        Case(
            Codebook,
            gaussian(3),
            """
            permutation 6: codes.weight
            orthogonal 4: enter.weight enter.bias codes.weight^-1 leave.weight
            scaling 1: enter.weight enter.bias codes.weight leave.weight^-1
            """,
        )
    )


class Features(nn.Module):
    """A function of features between two linear layers."""

    def __init__(self, middle: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.a, self.b, self.middle = nn.Linear(3, 4), nn.Linear(4, 3), middle

    def forward(self, x: Tensor) -> Tensor:
        return self.b(self.middle(self.a(x)))


def sparse(h: Tensor) -> Tensor:
    best = h.topk(2, 1)
    return torch.zeros_like(h).scatter(1, best.indices, best.values.relu())


PERMUTED = "permutation 4: a.weight a.bias b.weight\n"
SCALED = PERMUTED + "positive_scaling 1: a.weight a.bias b.weight^-1\n"
SQUARED = PERMUTED + "positive_scaling 1: a.weight a.bias b.weight^-2\n"
BY_RANK = {
    "k sparse": (sparse, SCALED),
    "place": (lambda h: h * F.one_hot(h.argmax(1), 4), SCALED),
    "largest picked": (lambda h: h.relu() * h.gather(1, h.argmax(1, keepdim=True)), SQUARED),
    "largest of all": (lambda h: h * h.max(), SQUARED),
    "beyond the smallest": (lambda h: h - h.min(1, keepdim=True).values, SCALED),
    "beyond the median": (lambda h: (h - h.median(1, keepdim=True).values).relu(), SCALED),
    "beyond the second": (lambda h: (h - h.kthvalue(2, 1, keepdim=True).values).relu(), SCALED),
    "below the largest": (lambda h: (h.aminmax(dim=1, keepdim=True).max - h).relu(), SCALED),
    "quantile": (lambda h: h.relu() * h.quantile(0.3, 1, keepdim=True), PERMUTED),
    "sorted": (
        lambda h: h.sort(1).values,
        "permutation 4: a.weight a.bias\npositive_scaling 1: a.weight a.bias b.weight^-1",
    ),
}


@pytest.mark.parametrize(("middle", "expected"), BY_RANK.values(), ids=BY_RANK)
def test_features_may_be_told_apart_by_rank_alone(middle, expected):
    assert_found(Case(lambda: Features(middle), gaussian(3), expected))


def test_rows_that_are_sorted_keep_their_features():
    def sorted_rows(h: Tensor) -> Tensor:
        return h[h.sum(1).argsort(descending=True)].relu()

    assert_found(Case(lambda: Features(sorted_rows), gaussian(3), SCALED))


NUMBERS = {
    "computed with": lambda h: h.relu() * (1 + h.argmax(1, keepdim=True)),
    "compared with one place": lambda h: h.relu() * (h.argmax(1, keepdim=True) == 2),
    "beside another index": lambda h: (
        h.relu()
        * h.gather(1, torch.cat([h.argmax(1, keepdim=True), torch.zeros(len(h), 1).long()], 1)).sum(
            1, keepdim=True
        )
    ),
    "past their number": lambda h: h.relu() * h.gather(1, h[:, :3].argmax(1, keepdim=True)),
}


@pytest.mark.parametrize("middle", NUMBERS.values(), ids=NUMBERS)
def test_places_whose_numbers_matter_stay(middle):
    case = Case(lambda: Features(middle), gaussian(3), "")
    model = case.model()
    symmetries = case.find(model)
    assert_proved(symmetries, model, *case.data(case.batch))
    assert not any(symmetry.group == "permutation" and symmetry.size == 4 for symmetry in symmetries)
