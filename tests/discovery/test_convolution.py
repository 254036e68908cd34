"""Convolutions of every kind, and what flattening and pooling do to their channels."""

import pytest
import torch
from torch import Tensor, nn

from lightning_symmetry import find_symmetries

from .claims import Case, assert_complete, assert_found, gaussian
from .models import Shuffle


def _net(*layers: nn.Module) -> nn.Sequential:
    return nn.Sequential(*layers)


class TimeFirst(nn.Module):
    """A convolution along the first axis."""

    def __init__(self, padding: int) -> None:
        super().__init__()
        self.kernel, self.shift = nn.Parameter(torch.randn(3, 2, 4)), nn.Parameter(torch.randn(4))
        self.out, self.padding = nn.Linear(4, 3), padding

    def forward(self, x: Tensor) -> Tensor:
        return self.out(torch.conv_tbc(x, self.kernel, self.shift, pad=self.padding).relu())


class ComplexKernel(nn.Module):
    """A convolution of complex numbers, whose parts are read."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel, self.out = nn.Parameter(torch.randn(4, 2, 3, 2)), nn.Conv1d(4, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        kernel = torch.view_as_complex(self.kernel)
        numbers = nn.functional.conv1d(torch.complex(x, x.flip(1)), kernel)
        return self.out(numbers.real.relu() + numbers.imag)


CASES = {
    "grouped": Case(
        lambda: _net(
            nn.Conv2d(2, 6, 1),
            nn.ReLU(),
            nn.Conv2d(6, 4, 3, groups=2),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(16, 3),
        ),
        gaussian(2, 4, 4),
        """
        permutation 2: 0.weight 0.bias 2.weight 2.bias 5.weight
        permutation 3 x2: 0.weight 0.bias 2.weight
        positive_scaling 3 x2: 0.weight 0.bias 2.weight^-1
        permutation 2 x2: 2.weight 2.bias 5.weight
        positive_scaling 2 x2: 2.weight 2.bias 5.weight^-1
        """,
        nullity=10,
    ),
    "depthwise": Case(
        lambda: _net(
            nn.Conv2d(2, 3, 1), nn.ReLU(), nn.Conv2d(3, 3, 3, groups=3), nn.Flatten(), nn.Linear(12, 3)
        ),
        gaussian(2, 4, 4),
        """
        permutation 3: 0.weight 0.bias 2.weight 2.bias 4.weight
        positive_scaling 3: 0.weight 0.bias 2.weight^-1
        scaling 3: 2.weight 2.bias 4.weight^-1
        translation 3: 2.bias 4.bias^-1
        """,
        nullity=9,
    ),
    "depthwise, multiplied": Case(
        lambda: _net(
            nn.Conv2d(2, 3, 1),
            nn.ReLU(),
            nn.Conv2d(3, 6, 3, groups=3),
            nn.GELU(),
            nn.Flatten(),
            nn.Linear(24, 3),
        ),
        gaussian(2, 4, 4),
        """
        permutation 3: 0.weight 0.bias 2.weight 2.bias 5.weight
        positive_scaling 3: 0.weight 0.bias 2.weight^-1
        permutation 2 x3: 2.weight 2.bias 5.weight
        """,
        nullity=3,
        seed=2,
    ),
    "shuffle": Case(
        Shuffle,
        gaussian(3, 2, 2),
        """
        permutation 2 x4: a.weight a.bias b.weight
        permutation 2: a.weight a.bias b.weight b.bias head.weight
        permutation 2 x4: a.weight a.bias b.weight
        positive_scaling 2 x4: a.weight a.bias b.weight^-1
        permutation 2 x2: b.weight b.bias head.weight
        positive_scaling 2 x2: b.weight b.bias head.weight^-1
        """,
        nullity=12,
        seed=2,
    ),
    "1d": Case(
        lambda: _net(
            nn.Conv1d(2, 3, 3, padding=1), nn.ReLU(), nn.MaxPool1d(2), nn.Flatten(), nn.Linear(6, 3)
        ),
        gaussian(2, 4),
        """
        permutation 3: 0.weight 0.bias 4.weight
        positive_scaling 3: 0.weight 0.bias 4.weight^-1
        """,
        nullity=3,
    ),
    "3d": Case(
        lambda: _net(nn.Conv3d(1, 3, 2), nn.ReLU(), nn.AvgPool3d(2), nn.Flatten(), nn.Linear(3, 3)),
        gaussian(1, 3, 3, 3),
        """
        permutation 3: 0.weight 0.bias 4.weight
        positive_scaling 3: 0.weight 0.bias 4.weight^-1
        """,
        nullity=3,
    ),
    "transposed": Case(
        lambda: _net(
            nn.Conv2d(1, 3, 2),
            nn.ReLU(),
            nn.ConvTranspose2d(3, 2, 2, stride=2),
            nn.ReLU(),
            nn.Conv2d(2, 1, 1),
        ),
        gaussian(1, 3, 3),
        """
        permutation 3: 0.weight 0.bias 2.weight
        positive_scaling 3: 0.weight 0.bias 2.weight^-1
        permutation 2: 2.weight 2.bias 4.weight
        positive_scaling 2: 2.weight 2.bias 4.weight^-1
        """,
        nullity=5,
        seed=2,
        outputs=2,
    ),
    "grouped, transposed": Case(
        lambda: _net(
            nn.Conv2d(1, 4, 1),
            nn.ReLU(),
            nn.ConvTranspose2d(4, 2, 2, groups=2),
            nn.ReLU(),
            nn.Conv2d(2, 1, 1),
        ),
        gaussian(1, 3, 3),
        """
        permutation 2: 0.weight 0.bias 2.weight 2.bias 4.weight
        permutation 2 x2: 0.weight 0.bias 2.weight
        positive_scaling 2 x2: 0.weight 0.bias 2.weight^-1
        positive_scaling 2: 2.weight 2.bias 4.weight^-1
        """,
        nullity=6,
        seed=2,
        outputs=1,
    ),
    "biases of two convolutions": Case(
        lambda: _net(nn.Conv2d(1, 3, 2), nn.Conv2d(3, 2, 2), nn.ReLU(), nn.Conv2d(2, 1, 1)),
        gaussian(1, 4, 4),
        """
        general_linear 3: 0.weight 0.bias 1.weight^-1
        translation 3: 0.bias 1.bias^-1
        permutation 2: 1.weight 1.bias 3.weight
        positive_scaling 2: 1.weight 1.bias 3.weight^-1
        """,
    ),
    "biases across padding": Case(
        lambda: _net(nn.Conv2d(1, 3, 2), nn.Conv2d(3, 2, 2, padding=1), nn.ReLU(), nn.Conv2d(2, 1, 1)),
        gaussian(1, 4, 4),
        """
        general_linear 3: 0.weight 0.bias 1.weight^-1
        permutation 2: 1.weight 1.bias 3.weight
        positive_scaling 2: 1.weight 1.bias 3.weight^-1
        """,
        nullity=11,
    ),
    "padding to the same length": Case(
        lambda: _net(nn.Conv1d(2, 4, 3, padding="same"), nn.ReLU(), nn.Conv1d(4, 3, 1)),
        gaussian(2, 6),
        """
        permutation 4: 0.weight 0.bias 2.weight
        positive_scaling 4: 0.weight 0.bias 2.weight^-1
        """,
        nullity=4,
        outputs=18,
    ),
    "reflected borders": Case(
        lambda: _net(
            nn.Conv1d(2, 4, 3, dilation=2, padding=2, padding_mode="reflect"), nn.ReLU(), nn.Conv1d(4, 3, 1)
        ),
        gaussian(2, 6),
        """
        permutation 4: 0.weight 0.bias 2.weight
        positive_scaling 4: 0.weight 0.bias 2.weight^-1
        """,
        nullity=4,
        outputs=18,
    ),
    "padded output": Case(
        lambda: _net(
            nn.ConvTranspose1d(2, 4, 3, stride=2, output_padding=1, padding=1), nn.ReLU(), nn.Conv1d(4, 3, 1)
        ),
        gaussian(2, 6),
        """
        permutation 4: 0.weight 0.bias 2.weight
        positive_scaling 4: 0.weight 0.bias 2.weight^-1
        """,
        nullity=4,
        outputs=36,
    ),
    "time first": Case(
        lambda: TimeFirst(padding=0),
        gaussian(2, 2),
        """
        permutation 4: kernel shift out.weight
        positive_scaling 4: kernel shift out.weight^-1
        """,
        nullity=4,
        outputs=6,
    ),
    "time first, padded": Case(
        lambda: TimeFirst(padding=1),
        gaussian(2, 2),
        """
        permutation 4: kernel shift out.weight
        positive_scaling 4: kernel shift out.weight^-1
        """,
    ),
    "complex kernel": Case(
        ComplexKernel,
        gaussian(2, 6),
        """
        permutation 4: kernel kernel@0,0,0,1 out.weight
        positive_scaling 4: kernel kernel@0,0,0,1 out.weight^-1
        """,
    ),
    "max pool": Case(
        lambda: _net(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(3, 3)),
        gaussian(2, 4, 4),
        """
        permutation 3: 0.weight 0.bias 4.weight
        positive_scaling 3: 0.weight 0.bias 4.weight^-1
        """,
        nullity=3,
        seed=1,
    ),
    "padded average pool": Case(
        lambda: _net(
            nn.Conv2d(2, 3, 3), nn.ReLU(), nn.AvgPool2d(2, padding=1), nn.Flatten(), nn.Linear(12, 3)
        ),
        gaussian(2, 4, 4),
        """
        permutation 3: 0.weight 0.bias 4.weight
        positive_scaling 3: 0.weight 0.bias 4.weight^-1
        """,
        nullity=3,
    ),
    "average pool between linear maps": Case(
        lambda: _net(nn.Conv2d(2, 3, 1), nn.AvgPool2d(2), nn.Conv2d(3, 2, 1), nn.Flatten(), nn.Linear(8, 3)),
        gaussian(2, 4, 4),
        """
        general_linear 3: 0.weight 0.bias 2.weight^-1
        translation 3: 0.bias 2.bias^-1
        general_linear 2: 2.weight 2.bias 4.weight^-1
        translation 2: 2.bias 4.bias^-1
        """,
        nullity=17,
    ),
    "adaptive average pool": Case(
        lambda: _net(nn.Conv2d(2, 3, 3), nn.Tanh(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(12, 3)),
        gaussian(2, 5, 5),
        """
        permutation 3: 0.weight 0.bias 4.weight
        sign 3: 0.weight 0.bias 4.weight
        """,
        nullity=0,
    ),
    "adaptive max pool": Case(
        lambda: _net(nn.Conv2d(2, 3, 3), nn.Tanh(), nn.AdaptiveMaxPool2d(2), nn.Flatten(), nn.Linear(12, 3)),
        gaussian(2, 5, 5),
        """
        permutation 3: 0.weight 0.bias 4.weight
        """,
        nullity=0,
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_exactly_the_groups_of_the_theory_are_found_and_hold(case):
    assert_found(case)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.nullity is not None])
def test_no_continuous_direction_is_missing(name):
    assert_complete(CASES[name])


class PaddedPoint(nn.Module):
    """A window that finds a single entry, and zeros around it."""

    def __init__(self, padding: int) -> None:
        super().__init__()
        self.first, self.padding = nn.Conv2d(3, 4, 1), padding
        self.last = nn.Conv2d(4, 2, 2 + padding, padding=padding)

    def forward(self, x: Tensor) -> Tensor:
        y = self.first(x)
        return self.last(y if self.padding else nn.functional.pad(y, (0, 1, 0, 1)))


@pytest.mark.parametrize("padding", [0, 1])
def test_a_window_that_finds_one_entry_does_not_see_the_whole_kernel(padding):
    torch.manual_seed(0)
    model, x = PaddedPoint(padding).double(), torch.randn(5, 3, 1, 1).double()
    symmetries = find_symmetries(model, x)
    assert max(symmetries.errors(model, x).values()) < 1e-12
    assert "general_linear" in {s.group for s in symmetries}


def test_shifts_are_proved_beside_tiny_weights():
    model = _net(nn.Conv1d(2, 6, 3, bias=False), Last(6), nn.Flatten(), nn.Linear(18, 2)).double()
    with torch.no_grad():
        model[0].weight.mul_(1e-10)
    x = torch.randn(4, 2, 5).double()
    symmetries = find_symmetries(model, x)
    assert "translation" in {s.group for s in symmetries}
    assert max(symmetries.errors(model, x).values()) < 1e-10


class Last(nn.LayerNorm):
    """Normalises the second axis."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.mT).mT
