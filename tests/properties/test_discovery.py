"""Networks put together at random: every reported symmetry holds, and in generic ones none is missing."""

import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from lightning_symmetry.discovery import find_symmetries

from ..discovery.claims import run

ACTIVATIONS = {
    "relu": nn.ReLU,
    "in-place relu": lambda: nn.ReLU(inplace=True),
    "leaky": nn.LeakyReLU,
    "tanh": nn.Tanh,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "sigmoid": nn.Sigmoid,
    "softsign": nn.Softsign,
    "hardtanh": nn.Hardtanh,
    "elu": nn.ELU,
    "identity": nn.Identity,
    "softmax": lambda: nn.Softmax(1),
}


class Join(nn.Module):
    """Two branches that read the same."""

    def __init__(self, one: nn.Module, two: nn.Module, how: str) -> None:
        super().__init__()
        self.one, self.two, self.how = one, two, how

    def forward(self, x: Tensor) -> Tensor:
        one, two = self.one(x), self.two(x)
        if self.how == "cat":
            return torch.cat([one, two], 1)
        if self.how == "product":
            return one * two
        if self.how == "in place":
            one = one + 0 * two
            one += two
            return one
        return one + two if self.how == "sum" else one - 0.5 * two


class Parts(nn.Module):
    """Halves of the channels, each through a function of its own."""

    def __init__(self, one: nn.Module, two: nn.Module, how: str) -> None:
        super().__init__()
        self.one, self.two, self.how = one, two, how

    def forward(self, x: Tensor) -> Tensor:
        half = x.shape[1] // 2
        if self.how == "split":
            one, two = x.split([half, x.shape[1] - half], dim=1)
            return torch.cat([self.one(one), self.two(two)], 1)
        one, two = x[:, :half], x[:, -half:]
        return self.one(one) * self.two(two)


class Shuffle(nn.Module):
    """Channels in columns instead of rows."""

    def forward(self, x: Tensor) -> Tensor:
        return x.unflatten(1, (2, x.shape[1] // 2)).transpose(1, 2).flatten(1, 2)


def activations(in_place: bool = True) -> st.SearchStrategy[nn.Module]:
    names = sorted(name for name in ACTIVATIONS if in_place or "in-place" not in name)
    return st.sampled_from(names).map(lambda name: ACTIVATIONS[name]())


def mixing(draw, width: int, after: int, spatial: bool) -> nn.Module:
    bias = draw(st.booleans())
    if not spatial:
        return nn.Linear(width, after, bias=bias)
    groups = draw(st.sampled_from([g for g in (1, 2, width) if width % g == 0 and after % g == 0]))
    kernel = draw(st.sampled_from([1, 3]))
    return nn.Conv2d(width, after, kernel, padding=kernel // 2, groups=groups, bias=bias)


def norm(draw, width: int, spatial: bool) -> nn.Module:
    kind = draw(st.sampled_from(["batch", "group", "layer", "channel"]))
    if kind == "batch":
        return nn.BatchNorm2d(width) if spatial else nn.BatchNorm1d(width)
    groups = {
        "group": 2 if width % 2 == 0 and width > 2 else 1,
        "channel": width if spatial else 1,
        "layer": 1,
    }[kind]
    if kind == "layer" and not spatial:
        return nn.LayerNorm(width)
    return nn.GroupNorm(groups, width, affine=draw(st.booleans()))


@st.composite
def stacks(draw, width: int, spatial: bool, depth: int) -> tuple[nn.Module, int]:
    """Random blocks, and how many channels come out."""
    layers: list[nn.Module] = []
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(
            st.sampled_from(["mix", "mix", "act", "act", "norm", "join", "residual", "parts", "shuffle"])
        )
        if kind == "act":
            layers.append(draw(activations()))
        elif kind == "norm":
            layers.append(norm(draw, width, spatial))
        elif kind == "parts" and width % 2 == 0:
            how = draw(st.sampled_from(["split", "product"]))
            # torch forbids writing into the pieces of a split
            one, two = (draw(activations(in_place=how != "split")) for _ in range(2))
            layers.append(Parts(one, two, how))
            width = width if how == "split" else width // 2
        elif kind == "shuffle" and width % 2 == 0:
            layers.append(Shuffle())
        elif kind == "residual" and depth:
            body, inner = draw(stacks(width, spatial, depth - 1))
            layers.append(
                Join(nn.Sequential(body, mixing(draw, inner, width, spatial)), nn.Identity(), "sum")
            )
        elif kind == "join" and depth:
            how = draw(st.sampled_from(["cat", "product", "sum", "difference", "in place"]))
            (one, a), (two, b) = (
                draw(stacks(width, spatial, depth - 1)),
                draw(stacks(width, spatial, depth - 1)),
            )
            if how != "cat":
                after = draw(st.sampled_from([2, 4]))
                one, two = (
                    nn.Sequential(m, mixing(draw, n, after, spatial)) for m, n in ((one, a), (two, b))
                )
                a, b = after, 0
            layers.append(Join(one, two, how))
            width = a + b
        else:
            after = draw(st.sampled_from([2, 3, 4]))
            layers.append(mixing(draw, width, after, spatial))
            width = after
    return nn.Sequential(*layers), width


@st.composite
def networks(draw) -> tuple[nn.Module, Tensor]:
    """A network of up to a few hundred parameters, and a batch for it."""
    spatial = draw(st.booleans())
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(draw(st.integers(0, 2**16)))
        body, width = draw(stacks(2 if spatial else 4, spatial, 1))
        first = mixing(draw, 2 if spatial else 4, 2 if spatial else 4, spatial)
        if isinstance(first, nn.Conv2d):
            first.padding = draw(st.sampled_from([(0, 0), (1, 1)]))
        layers = [first, body]
        if spatial:
            pools = {"max": nn.MaxPool2d(2), "mean": nn.AvgPool2d(2), "all": nn.AdaptiveAvgPool2d(1)}
            pool = draw(st.sampled_from([*pools, "none"]))
            x = torch.randn(3, 2, 4, 4, dtype=torch.float64)
            with torch.no_grad():
                layers += [pools[pool]] if pool != "none" else []
                layers.append(nn.Flatten())
                width = nn.Sequential(*layers).double()(x).shape[1]
        else:
            x = torch.randn(5, 4, dtype=torch.float64)
        model = nn.Sequential(*layers, nn.Linear(width, 2, bias=draw(st.booleans()))).double()
    if draw(st.booleans()):
        model.eval()
    return model, x


@settings(deadline=None, derandomize=True, max_examples=100)
@given(networks())
def test_every_symmetry_of_a_random_network_holds(network):
    model, x = network
    # the mean of what was just normalised is nothing but rounding errors
    assume(float(run(model, {}, x)[0].detach().abs().max()) > 1e-6)
    errors = find_symmetries(model, x).errors(model, x)
    assert {name: error for name, error in errors.items() if not error < 1e-8} == {}


@st.composite
def generic(draw) -> tuple[nn.Sequential, int]:
    """A multilayer perceptron and its nullity.

    Widths never grow before the last layer, so that every layer can be read off what it feeds, and a linear
    layer is as wide as the next, so that all of it is used.
    """
    widths = sorted(draw(st.lists(st.integers(2, 5), min_size=2, max_size=3)), reverse=True)
    kinds = [draw(st.sampled_from(["tanh", "silu", "identity", "norm"])) for _ in widths]
    for i in reversed(range(len(widths) - 1)):
        widths[i] = widths[i + 1] if kinds[i] == "identity" else widths[i]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(draw(st.integers(0, 2**16)))
        layers: list[nn.Module] = []
        waiting: list[int] = []
        before, nullity = 5, 0
        for width, kind in zip(widths, kinds, strict=True):
            bias = draw(st.booleans())
            linear = nn.Linear(before, width, bias=bias)
            nn.init.orthogonal_(linear.weight)
            function: list[nn.Module] = [ACTIVATIONS[kind]()] if kind in ACTIVATIONS else []
            waiting += [width] * bias
            if kind == "identity":
                nullity += width * width
            elif kind == "norm":  # all biases since the last function are absorbed
                function = [nn.BatchNorm1d(width), nn.Tanh()]
                nullity, waiting = nullity + width + sum(waiting), []
            else:  # or undone by the last of them
                nullity, waiting = nullity + sum(waiting[:-1]), []
            layers += [linear, *function]
            before = width
        layers.append(nn.Linear(before, 6))
        nullity += sum(waiting)
    return nn.Sequential(*layers).double(), nullity


@settings(deadline=None, derandomize=True, max_examples=40)
@given(generic())
def test_nothing_is_missing_in_a_generic_network(network):
    model, nullity = network
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        x = torch.randn(80, 5, dtype=torch.float64)
    symmetries = find_symmetries(model, x)
    result = symmetries.completeness(model, x)
    assert result.leak < 1e-10
    assert (result.rank, result.nullity) == (nullity, nullity)
    assert max(symmetries.errors(model, x).values()) < 1e-9
