"""What symmetries are called."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from lightning_symmetry.discovery import find_symmetries


class Attention(nn.Module):
    """Heads written out; with fewer keys and values than queries if ``shared``."""

    def __init__(self, width: int, heads: int, keys: int) -> None:
        super().__init__()
        self.heads, self.keys, self.size = heads, keys, width // heads
        self.query = nn.Linear(width, width)
        self.key, self.value = (nn.Linear(width, keys * self.size) for _ in range(2))
        self.out = nn.Linear(width, width)

    def forward(self, x):
        batch, length, width = x.shape
        query = self.query(x).view(batch, length, self.keys, self.heads // self.keys, self.size)
        key, value = (f(x).view(batch, length, self.keys, self.size) for f in (self.key, self.value))
        scores = torch.einsum("btkgd,bskd->bkgts", query, key).softmax(-1)
        return self.out(torch.einsum("bkgts,bskd->btkgd", scores, value).reshape(batch, length, width))


class Packed(nn.Module):
    """One matrix for queries, keys and values."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.size = heads, width // heads
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x):
        batch, length, width = x.shape
        query, key, value = self.qkv(x).view(batch, length, 3, self.heads, self.size).permute(2, 0, 3, 1, 4)
        mixed = (query @ key.transpose(-1, -2)).softmax(-1) @ value
        return self.out(mixed.transpose(1, 2).reshape(batch, length, width))


class SwiGLU(nn.Module):
    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.gate, self.up = (nn.Linear(width, hidden, bias=False) for _ in range(2))
        self.down = nn.Linear(hidden, width, bias=False)

    def forward(self, x):
        return self.down(F.silu(self.gate(x)) * self.up(x))


class Block(nn.Module):
    def __init__(self, width: int, attention: nn.Module, mlp: nn.Module) -> None:
        super().__init__()
        self.norm1, self.attention = nn.LayerNorm(width), attention
        self.norm2, self.mlp = nn.LayerNorm(width), mlp

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Transformer(nn.Module):
    def __init__(self, blocks) -> None:
        super().__init__()
        self.embed, self.blocks = nn.Linear(5, 8), nn.Sequential(*blocks)
        self.norm, self.head = nn.LayerNorm(8), nn.Linear(8, 3)

    def forward(self, x):
        return self.head(self.norm(self.blocks(self.embed(x))))


class Mixture(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.router = nn.Linear(6, 3)
        self.write, self.read = nn.Parameter(torch.randn(3, 6, 4)), nn.Parameter(torch.randn(3, 4, 6))

    def forward(self, x):
        hidden = torch.einsum("bd,edm->bem", x, self.write).relu()
        return torch.einsum("be,bem,emd->bd", self.router(x).softmax(-1), hidden, self.read)


class Adapted(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.base, self.down, self.up = nn.Linear(6, 6), nn.Linear(6, 2), nn.Linear(2, 6)

    def forward(self, x):
        return self.base(x) + self.up(self.down(x))


class Residual(nn.Module):
    """Two convolutions and a shortcut."""

    def __init__(self, inner: int, outer: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inner, outer, 3, padding=1, bias=False), nn.BatchNorm2d(outer)
        self.conv2, self.bn2 = nn.Conv2d(outer, outer, 3, padding=1, bias=False), nn.BatchNorm2d(outer)
        self.shortcut = nn.Identity() if inner == outer else nn.Conv2d(inner, outer, 1)

    def forward(self, x):
        return (self.bn2(self.conv2(self.bn1(self.conv1(x)).relu())) + self.shortcut(x)).relu()


class Wrapped(nn.Module):
    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x):
        return self.model(x)


def names(model, *shape, groups=("permutation", "general_linear")):
    return [s.name for s in find_symmetries(model, torch.randn(*shape)) if s.group in groups]


def test_layers_one_behind_another_are_named_by_what_writes():
    model = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))
    assert names(model, 2, 4) == ["0.general_linear", "1.permutation"]
    assert names(Wrapped(model), 2, 4) == ["model.rank.general_linear", "model.hidden.permutation"]


def test_several_hidden_layers_of_one_module_are_told_apart_by_what_writes():
    layers = [nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 2)]
    found = find_symmetries(Wrapped(nn.Sequential(*layers)), torch.randn(2, 4))
    assert [s.name for s in found] == [
        "model.0.permutation",
        "model.0.sign",
        "model.2.permutation",
        "model.2.sign",
    ]


def test_parameters_of_one_module_are_told_apart_by_their_own_names():
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Parameter(torch.randn(4, 6)), nn.Parameter(torch.randn(6, 5))
            self.c = nn.Parameter(torch.randn(5, 2))

        def forward(self, x):
            return ((x @ self.a).relu() @ self.b).relu() @ self.c

    assert names(Own(), 2, 4) == ["a.permutation", "b.permutation"]
    assert names(Wrapped(Own()), 2, 4) == ["model.a.permutation", "model.b.permutation"]


@pytest.mark.parametrize("attention", [Attention(8, 2, 2), Packed(8, 2)], ids=["apart", "packed"])
def test_the_spaces_of_a_transformer(attention):
    mlp = nn.Sequential(nn.Linear(8, 12), nn.GELU(), nn.Linear(12, 8))
    model = Transformer([Block(8, attention, mlp)])
    assert names(model, 2, 4, 5)[0] == "stream.permutation"
    assert set(names(model, 2, 4, 5)[1:]) == {
        "blocks.0.attention.heads.permutation",
        "blocks.0.attention.query_key.general_linear",
        "blocks.0.attention.value.general_linear",
        "blocks.0.mlp.hidden.permutation",
    }


def test_queries_that_share_a_key():
    assert names(Attention(8, 4, 2), 2, 4, 8) == [
        "heads.permutation",
        "queries.permutation",
        "query_key.general_linear",
        "value.general_linear",
    ]
    assert "heads.permutation" in names(Attention(8, 4, 1), 2, 4, 8)


def test_what_moves_a_part_of_a_space_is_named_by_what_it_moves_first():
    model = Transformer([Block(8, Packed(8, 2), SwiGLU(8, 6))])
    assert names(model, 2, 4, 5, groups=("scaling",)) == [
        "blocks.0.norm1.scaling",
        "blocks.0.norm2.scaling",
        "blocks.0.mlp.up.scaling",
        "norm.scaling",
    ]
    assert "blocks.0.mlp.hidden.permutation" in names(model, 2, 4, 5)


def test_the_streams_of_the_stages_of_a_residual_network():
    stages = [nn.Sequential(Residual(n, m), Residual(m, m)) for n, m in ((3, 4), (4, 5))]
    model = nn.Sequential(*stages, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 2))
    assert set(names(model, 2, 3, 6, 6)) == {
        "0.stream.permutation",
        "1.stream.permutation",
        *(f"{stage}.{block}.hidden.permutation" for stage in (0, 1) for block in (0, 1)),
    }


def test_experts_groups_and_ranks():
    assert names(Wrapped(Mixture()), 2, 6) == [
        "model.experts.permutation",
        "model.hidden.permutation",
    ]
    assert names(Wrapped(Adapted()), 2, 6) == ["model.rank.general_linear"]
    convolutions = [
        nn.Conv2d(2, 6, 3),
        nn.ReLU(),
        nn.Conv2d(6, 6, 3, groups=2),
        nn.ReLU(),
        nn.Conv2d(6, 2, 3),
    ]
    assert names(nn.Sequential(*convolutions), 2, 2, 9, 9) == [
        "groups.permutation",
        "0.permutation",
        "2.permutation",
    ]


def test_branches_are_experts_where_something_chooses_among_them():
    class Choice(nn.Module):
        def __init__(self, router):
            super().__init__()
            self.members = nn.ModuleList(
                nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 2)) for _ in range(3)
            )
            self.router = nn.Linear(4, 3) if router else None

        def forward(self, x):
            if self.router is None:
                return sum(member(x) for member in self.members)
            chances = self.router(x).softmax(-1)
            return sum(chances[:, i, None] * member(x) for i, member in enumerate(self.members))

    assert "members.branches.permutation" in names(Choice(router=False), 2, 4)
    assert "experts.permutation" in names(Choice(router=True), 2, 4)


def test_a_translation_is_named_by_the_first_parameter_that_it_shifts():
    model = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 5))
    assert names(model, 2, 4, groups=("translation",)) == ["0.bias.translation"]
