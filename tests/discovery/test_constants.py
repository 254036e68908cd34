"""Constants made on the way: the identity moves along with any basis, numbers stay."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from .claims import Case, assert_found, gaussian


class Between(nn.Module):
    """A function of features between two linear layers."""

    def __init__(self, middle: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.a, self.b, self.middle = nn.Linear(3, 4), nn.Linear(4, 3), middle

    def forward(self, x: Tensor) -> Tensor:
        return self.b(self.middle(self.a(x)))


def of(h: Tensor) -> dict[str, torch.dtype]:
    return {"dtype": h.dtype}


LINEAR = "general_linear 4: a.weight a.bias b.weight^-1\n"
SHIFTED = "translation 4: a.bias b.bias^-1\n"
PERMUTED = "permutation 4: a.weight a.bias b.weight\n"
SCALED = "positive_scaling 4: a.weight a.bias b.weight^-1\n"
CONSTANTS = {
    "identity": (lambda h: h @ torch.eye(4, **of(h)), LINEAR),
    "a cut of the identity": (lambda h: h.relu() @ torch.eye(5, **of(h))[:4, :4], PERMUTED + SCALED),
    "ones along a diagonal": (
        lambda h: h @ torch.ones(4, **of(h)).diag(),
        PERMUTED + "scaling 4: a.weight a.bias b.weight^-1\n",
    ),
    "laid along a diagonal": (lambda h: h.diag_embed().sum(1), LINEAR),
    "diagonal of products": (
        lambda h: (h.unsqueeze(2) * h.unsqueeze(1)).diagonal(dim1=1, dim2=2),
        PERMUTED + "scaling 4: a.weight a.bias b.weight^-2\n",
    ),
    "trace of products": (
        lambda h: h * (h.mT @ h).trace(),
        "orthogonal 4: a.weight a.bias b.weight^-1\nscaling 1: a.weight a.bias b.weight^-3\n",
    ),
    "numbers in turn": (lambda h: h.relu() * torch.arange(1, 5, **of(h)), SCALED),
    "a range": (lambda h: h.relu() * torch.linspace(0.1, 1, 4, **of(h)), SCALED),
    "one number": (lambda h: h.relu() * h.new_full([4], 3.0), PERMUTED + SCALED),
    "a number of the network": (
        lambda h: torch.empty_like(h).fill_(h.sum()) * h,
        PERMUTED + "scaling 1: a.weight a.bias b.weight^-2\n",
    ),
    "zeros": (lambda h: h.relu() + h.new_full([4], 0.0), PERMUTED + SCALED),
    "a window": (lambda h: h.relu() * torch.hann_window(6, **of(h))[1:5], SCALED),
    "indices": (lambda h: h.relu() + torch.tril_indices(2, 2).sum(1)[:1].to(h), PERMUTED),
}


@pytest.mark.parametrize(("middle", "expected"), CONSTANTS.values(), ids=CONSTANTS)
def test_constants(middle, expected):
    assert_found(Case(lambda: Between(middle), gaussian(3), expected))


DRAWN = {
    "rows in random order": (lambda h: h.relu()[torch.randperm(len(h))], PERMUTED + SCALED),
    "whole numbers": (lambda h: h.relu() * torch.randint(1, 9, [len(h), 1]), PERMUTED + SCALED),
    "symmetric": (
        lambda h: h.relu() * torch.normal(0.0, 1.0, [len(h), 1], dtype=h.dtype),
        PERMUTED + SCALED + "sign 1: b.weight\n",
    ),
    "around what the network says": (lambda h: torch.normal(h, torch.ones_like(h)), ""),
    "counts of what the network says": (lambda h: h * torch.poisson(h.detach().exp()), ""),
    "places that the network weighs": (lambda h: h * torch.multinomial(h.detach().softmax(1), 1), ""),
}


@pytest.mark.parametrize(("middle", "expected"), DRAWN.values(), ids=DRAWN)
def test_draws(middle, expected):
    assert_found(Case(lambda: Between(middle), gaussian(3), expected))
