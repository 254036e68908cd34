"""Speech: convolutions over time, alone and beside attention."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from ._architecture import Architecture, gaussian
from .convolution import Batches
from .language import BidirectionalAttention


class ConvolutionModule(nn.Module):
    """Gated pointwise, depthwise, BatchNorm, Swish, pointwise."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.enter, self.leave = nn.Conv1d(width, 2 * width, 1), nn.Conv1d(width, width, 1)
        self.depthwise, self.batch = (
            nn.Conv1d(width, width, 3, padding=1, groups=width),
            nn.BatchNorm1d(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        h = functional.glu(self.enter(self.norm(x).transpose(1, 2)), dim=1)
        return self.leave(functional.silu(self.batch(self.depthwise(h)))).transpose(1, 2)


class FeedForward(nn.Sequential):
    """Norm, up, Swish, down."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__(nn.LayerNorm(width), nn.Linear(width, hidden), nn.SiLU(), nn.Linear(hidden, width))


class Conformer(nn.Module):
    """Half a feed-forward, attention, convolution, half a feed-forward, a norm (arXiv 2005.08100)."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.head = nn.Linear(7, 6), nn.Linear(6, 7)
        self.first, self.last = FeedForward(6, 6), FeedForward(6, 6)
        self.attention_norm, self.attention = nn.LayerNorm(6), BidirectionalAttention(6, 2)
        self.convolution, self.norm = ConvolutionModule(6), nn.LayerNorm(6)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x)
        x = x + 0.5 * self.first(x)
        x = x + self.attention(self.attention_norm(x))
        x = x + self.convolution(x)
        x = x + 0.5 * self.last(x)
        return self.head(self.norm(x))


class FrontEnd(nn.Module):
    """wav2vec 2.0: strided convolutions, a norm for every channel behind the first, then a projection."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.norm1 = nn.Conv1d(1, 5, 4, 2, bias=False), nn.GroupNorm(5, 5)
        self.two, self.three = nn.Conv1d(5, 5, 3, 2, bias=False), nn.Conv1d(5, 6, 2, 2, bias=False)
        self.norm, self.project = nn.LayerNorm(6), nn.Linear(6, 7)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.gelu(self.norm1(self.one(x[:, None])))
        x = functional.gelu(self.three(functional.gelu(self.two(x))))
        return self.project(self.norm(x.transpose(1, 2)))


ARCHITECTURES = {
    "Conformer": Architecture(
        lambda: Batches(Conformer()),
        gaussian(5, 7),
        {
            "general linear queries · keys": 2 * 9,
            "general linear values · output": 2 * 9,
            "translation key bias": 6,
            "translation value bias → output bias": 6,
            "scaling norm gains": 5 * 6,
            "translation norm shifts → biases of the readers": 5 * 6,
            "translation writers along the mean": 8 + 7 + 7 + 7 + 7,
            "translation readers along 1/γ": 6 + 18 + 12 + 6 + 7,
            "scale invariance depthwise": 6,
            "scaling gated channels ↔ depthwise": 6,
            "translation depthwise bias": 6,
            "scale invariance stream": 1,
            "orthogonal centred stream": 10,
        },
        outputs=1.5,
        groups=(
            "4 permutation 6, permutation 2, 2 sign 6, sign 1, 2 positive_scaling 6, 5 scaling 6, "
            "scale_invariance 1, orthogonal 5, 2 general_linear 3 x2"
        ),
    ),
    "wav2vec front end": Architecture(
        FrontEnd,
        gaussian(40),
        {
            "scale invariance channels": 5,
            "scaling last gains": 6,
            "translation last shifts → bias": 6,
            "translation readers along 1/γ": 7,
        },
        groups="permutation 6, 2 permutation 5, sign 5, positive_scaling 5, scaling 6",
    ),
}
