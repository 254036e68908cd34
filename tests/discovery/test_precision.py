"""Numbers of low precision: a model has the symmetries of its formula, whatever it is computed in."""

from collections import Counter

import pytest
import torch
from torch import Tensor, nn

from lightning_symmetry.discovery import Symmetries, find_symmetries

from .claims import assert_proved


class Mixed(nn.Module):
    """A model that casts what it multiplies."""

    def __init__(self, model: nn.Module, precision: torch.dtype) -> None:
        super().__init__()
        self.model, self.precision = model, precision

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast("cpu", self.precision):
            return self.model(x).float()


class Last(nn.LSTM):
    """An LSTM that gives its states alone."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x)[0]


MODELS = {
    "normed": lambda: nn.Sequential(
        nn.Linear(8, 5), nn.ReLU(), nn.Linear(5, 6), nn.LayerNorm(6), nn.Linear(6, 3)
    ),
    "convolutional": lambda: nn.Sequential(
        nn.Conv1d(5, 4, 3), nn.BatchNorm1d(4), nn.ReLU(), nn.Flatten(), nn.Linear(24, 3)
    ),
    "attention": lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, dropout=0.0),
    "recurrent": lambda: nn.Sequential(Last(8, 3), nn.Linear(3, 2)),
}


def groups(symmetries: Symmetries) -> Counter[tuple[str, int, int]]:
    """How often each group acts, on how many units in how many copies."""
    return Counter((s.group, s.size, s.copies) for s in symmetries)


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("build", MODELS.values(), ids=MODELS)
def test_low_precision_changes_no_symmetry(build, precision):
    torch.manual_seed(0)
    model, x = build(), torch.randn(3, 5, 8)
    expected = groups(find_symmetries(model, x))
    mixed = Mixed(model, precision)
    symmetries = find_symmetries(mixed, x)
    assert groups(symmetries) == expected
    assert_proved(symmetries, mixed, x)
    symmetries = find_symmetries(model.to(precision), x.to(precision))
    assert groups(symmetries) == expected
    assert_proved(symmetries, model, x.to(precision))
