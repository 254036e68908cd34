"""Masks are products with what they show; what they hide from a softmax need not follow a shift."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .claims import Case, assert_complete, assert_found, assert_proved, gaussian

SHOWN = torch.ones(3, 3).tril().bool()
HIDDEN = ~SHOWN


class Attention(nn.Module):
    """One head; ``weigh`` turns scores into weights."""

    def __init__(self, weigh: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(3, 4) for _ in range(3))
        self.o, self.weigh = nn.Linear(4, 4), weigh

    def forward(self, x: Tensor) -> Tensor:
        return self.o(self.weigh(self.q(x) @ self.k(x).mT / 2) @ self.v(x))


def lowest(scores: Tensor) -> Tensor:
    return torch.full([], torch.finfo(scores.dtype).min, dtype=scores.dtype)


BEFORE_SOFTMAX = {
    "−∞": lambda s: s.masked_fill(HIDDEN, -torch.inf).softmax(-1),
    "−∞ in place": lambda s: s.masked_fill_(HIDDEN, -torch.inf).softmax(-1),
    "the lowest number": lambda s: torch.where(SHOWN, s, lowest(s)).softmax(-1),
    "−1e9": lambda s: s.masked_fill(HIDDEN, -1e9).softmax(-1),
    "−1e4 as a tensor": lambda s: torch.where(SHOWN, s, torch.tensor(-1e4, dtype=s.dtype)).softmax(-1),
    "then copied": lambda s: s.masked_fill(HIDDEN, -1e9).to(torch.float32).to(s.dtype).softmax(-1),
    "added": lambda s: (s + torch.where(SHOWN, 0.0, -torch.inf)).softmax(-1),
    "log": lambda s: s.masked_fill(HIDDEN, -torch.inf).log_softmax(-1).exp(),
}
HEAD = """
general_linear 4: q.weight q.bias k.weight^-1 k.bias^-1
general_linear 4: v.weight v.bias o.weight^-1
"""
KEYS, VALUES = "translation 4: k.bias\n", "translation 4: v.bias o.bias^-1\n"


def attention(weigh: Callable[[Tensor], Tensor], expected: str, nullity: int) -> Case:
    return Case(lambda: Attention(weigh), gaussian(3, 3), expected, nullity, outputs=12)


@pytest.mark.parametrize("weigh", BEFORE_SOFTMAX.values(), ids=BEFORE_SOFTMAX)
def test_a_softmax_of_what_a_mask_shows_absorbs_a_shift_of_the_keys(weigh):
    # an exponential of logarithms is no weight that is known to sum to one
    values = VALUES if weigh is not BEFORE_SOFTMAX["log"] else ""
    masked = attention(weigh, HEAD + KEYS + values, 40)
    assert_found(masked)
    if values:
        assert_complete(masked)


def test_what_is_hidden_after_the_softmax_is_missing_from_the_sum():
    masked = attention(lambda s: s.softmax(-1).masked_fill(HIDDEN, 0.0), HEAD + KEYS, 36)
    assert_found(masked)
    assert_complete(masked)


def test_scores_that_are_only_lowered_are_still_seen():
    lowered = attention(lambda s: s.masked_fill(HIDDEN, -3.0).softmax(-1), HEAD + VALUES, 36)
    assert_found(lowered)
    assert_complete(lowered)


def test_hidden_entries_show_a_shift_to_anything_but_a_softmax():
    def centred(s: Tensor) -> Tensor:
        return F.layer_norm(s.masked_fill(HIDDEN, -1e4), [3])

    masked = attention(centred, HEAD, 32)
    model = masked.model()
    symmetries = masked.find(model)
    assert_proved(symmetries, model, *masked.data(5))
    assert not any(
        leg.parameter == "k.bias" for s in symmetries if s.group == "translation" for leg in s.legs
    )


class Between(nn.Module):
    """A function of features between two linear layers."""

    def __init__(self, middle: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.a, self.b, self.middle = nn.Linear(3, 3), nn.Linear(3, 3), middle

    def forward(self, x: Tensor) -> Tensor:
        return self.b(self.middle(self.a(x)))


ROWS = torch.tensor([[True], [False], [True], [True]])
LINEAR = "general_linear 3: a.weight a.bias b.weight^-1\n"
RELU = "permutation 3: a.weight a.bias b.weight\npositive_scaling 3: a.weight a.bias b.weight^-1\n"
MASKED = {
    "zeros": (lambda h: h.masked_fill(ROWS, 0.0), LINEAR, 9),
    "zeros elsewhere": (lambda h: torch.where(ROWS, h, 0.0), LINEAR, 9),
    "zeros made": (lambda h: torch.where(ROWS, h, torch.zeros_like(h)), LINEAR, 9),
    "one of two": (lambda h: torch.where(ROWS, h, 2 * h), LINEAR, 9),
    "by hand": (lambda h: (h > 0) * h, RELU, 3),
    "a slope": (lambda h: torch.where(h > 0, h, 0.1 * h), RELU, 3),
    "negative": (lambda h: h.masked_fill(h <= 0, 0.0), RELU, 3),
    "a number": (lambda h: h.masked_fill(ROWS, 2.0).relu(), "permutation 3: a.weight a.bias b.weight\n", 0),
}


@pytest.mark.parametrize(("middle", "expected", "nullity"), MASKED.values(), ids=MASKED)
def test_a_mask_is_a_factor(middle, expected, nullity):
    masked = Case(lambda: Between(middle), gaussian(4, 3), expected, nullity, outputs=12)
    assert_found(masked)
    assert_complete(masked)


def test_a_mask_that_compares_with_a_number_sees_the_scale():
    # not the Jacobian, as the mask jumps
    assert_found(
        Case(
            lambda: Between(lambda h: torch.where(h > 1, h, 0.0)),
            gaussian(4, 3),
            "permutation 3: a.weight a.bias b.weight",
        )
    )
