"""Complex numbers: their parts, products, Fourier transforms, and the networks that are made of them."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightning_symmetry.discovery import find_symmetries
from lightning_symmetry.discovery.verify import errors

from .claims import Case, assert_complete, assert_exactly, assert_found, assert_proved, described, gaussian
from .test_writes import Net


class Spectral(nn.Module):
    """Filters every channel with a learned spectrum (a global filter network)."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 5), nn.Linear(5, 3)
        self.filter = nn.Parameter(torch.randn(4, 5, 2))

    def forward(self, x: Tensor) -> Tensor:
        spectrum = torch.fft.rfft(self.a(x), dim=1, norm="ortho") * torch.view_as_complex(self.filter)
        return self.b(torch.fft.irfft(spectrum, n=x.shape[1], dim=1, norm="ortho"))


class Mixing(nn.Module):
    """Mixes positions, and features if ``dims`` says so, with a Fourier transform (FNet)."""

    def __init__(self, dims: tuple[int, ...]) -> None:
        super().__init__()
        self.a, self.b, self.c, self.dims = nn.Linear(4, 5), nn.Linear(5, 6), nn.Linear(6, 3), dims

    def forward(self, x: Tensor) -> Tensor:
        return self.c(self.b(torch.fft.fftn(self.a(x), dim=self.dims).real).relu())


class Operator(nn.Module):
    """A layer of a Fourier neural operator: a matrix for each of three frequencies."""

    def __init__(self, complex_parameter: bool = False, writes: bool = False) -> None:
        super().__init__()
        self.a, self.skip, self.c = nn.Conv1d(2, 4, 1), nn.Conv1d(4, 4, 1), nn.Conv1d(4, 2, 1)
        spectrum = torch.randn(4, 4, 3, 2, dtype=torch.float64)
        self.w = nn.Parameter(torch.view_as_complex(spectrum) if complex_parameter else spectrum)
        self.writes = writes

    def forward(self, x: Tensor) -> Tensor:
        h = self.a(x)
        spectrum = torch.fft.rfft(h)
        w = self.w if self.w.is_complex() else torch.view_as_complex(self.w)
        low = torch.einsum("bix,iox->box", spectrum[..., :3], w)
        if self.writes:
            out = torch.zeros_like(spectrum)
            out[..., :3] = low
        else:
            out = F.pad(low, (0, spectrum.shape[-1] - 3))
        return self.c(F.gelu(torch.fft.irfft(out, n=x.shape[-1]) + self.skip(h)))


class StateSpace(nn.Module):
    """A diagonal state space model (S4D): a convolution with sums of complex exponentials."""

    def __init__(self) -> None:
        super().__init__()
        self.e, self.o = nn.Linear(2, 3), nn.Linear(3, 2)
        self.step, self.skip = nn.Parameter(torch.randn(3)), nn.Parameter(torch.randn(3))
        self.c = nn.Parameter(torch.randn(3, 2, 2))
        self.decay, self.frequency = nn.Parameter(torch.randn(3, 2)), nn.Parameter(torch.randn(3, 2))

    def forward(self, x: Tensor) -> Tensor:
        u = self.e(x).transpose(1, 2)
        length, step = u.shape[-1], self.step.exp().unsqueeze(-1)
        poles = -self.decay.exp() + 1j * self.frequency
        weights = torch.view_as_complex(self.c) * ((poles * step).exp() - 1.0) / poles
        powers = ((poles * step).unsqueeze(-1) * torch.arange(length, dtype=u.dtype)).exp()
        kernel = 2 * torch.einsum("hn,hnl->hl", weights, powers).real
        spectrum = torch.fft.rfft(u, n=2 * length) * torch.fft.rfft(kernel, n=2 * length)
        y = torch.fft.irfft(spectrum, n=2 * length)[..., :length] + u * self.skip.unsqueeze(-1)
        return self.o(F.gelu(y).transpose(1, 2))


class Rotary(nn.Module):
    """Attention whose queries and keys are complex numbers that turn with their position."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v, self.o = (nn.Linear(8, 8, bias=False) for _ in range(4))
        angles = torch.outer(torch.arange(5.0), torch.tensor([1.0, 0.3]))
        self.register_buffer("turn", torch.polar(torch.ones_like(angles), angles))

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (part(x).unflatten(-1, (2, 4)).transpose(1, 2) for part in (self.q, self.k, self.v))
        q, k = (self.turned(part) for part in (q, k))
        return self.o(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))

    def turned(self, x: Tensor) -> Tensor:
        numbers = torch.view_as_complex(x.reshape(*x.shape[:-1], -1, 2))
        return torch.view_as_real(numbers * self.turn).flatten(-2)


CASES = {
    "learned spectrum": Case(
        Spectral,
        gaussian(7, 4),
        """
        permutation 5: a.weight a.bias filter filter@0,0,1 b.weight
        scaling 5: a.weight a.bias b.weight^-1
        scaling 5: filter filter@0,0,1 b.weight^-1
        """,
    ),
    "positions mixed": Case(
        lambda: Mixing((1,)),
        gaussian(7, 4),
        """
        general_linear 5: a.weight a.bias b.weight^-1
        permutation 6: b.weight b.bias c.weight
        positive_scaling 6: b.weight b.bias c.weight^-1
        """,
        nullity=31,
        outputs=21,
    ),
    "features mixed": Case(
        lambda: Mixing((1, 2)),
        gaussian(7, 4),
        """
        scaling 1: a.weight a.bias b.weight^-1
        permutation 6: b.weight b.bias c.weight
        positive_scaling 6: b.weight b.bias c.weight^-1
        """,
    ),
    "neural operator": Case(
        Operator,
        gaussian(2, 8),
        """
        general_linear 4: a.weight a.bias w^-1 w@0,0,0,1^-1 skip.weight^-1
        permutation 4: w w@0,0,0,1 skip.weight skip.bias c.weight
        """,
    ),
    "neural operator with complex parameters": Case(
        lambda: Operator(complex_parameter=True),
        gaussian(2, 8),
        """
        general_linear 4: a.weight a.bias w^-1 w@0,0,0,1^-1 skip.weight^-1
        permutation 4: w w@0,0,0,1 skip.weight skip.bias c.weight
        """,
    ),
    "rotary positions": Case(
        Rotary,
        gaussian(5, 8),
        """
        permutation 2: q.weight q.weight@1,0 k.weight k.weight@1,0 v.weight o.weight
        permutation 2: q.weight q.weight@1,0 k.weight k.weight@1,0 turn turn@0,0,1
        scaling 2 x2: q.weight q.weight@1,0 k.weight^-1 k.weight@1,0^-1
        sign 2: q.weight k.weight turn@0,0,1
        plane_rotation 4 x2: q.weight k.weight
        general_linear 4 x2: v.weight o.weight^-1
        """,
        nullity=40,
        outputs=40,
    ),
    "diagonal state space": Case(
        StateSpace,
        gaussian(6, 2),
        """
        permutation 3: e.weight e.bias step decay frequency c c@0,0,1 skip o.weight
        scaling 3: e.weight e.bias c^-1 c@0,0,1^-1 skip^-1
        positive_scaling 3: step^-1+ decay+ frequency c c@0,0,1
        permutation 2 x3: decay frequency c c@0,0,1
        sign 3 x2: frequency c@0,0,1
        """,
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_exactly_the_groups_of_the_theory_are_found_and_hold(case):
    assert_found(case)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.nullity is not None])
def test_no_continuous_direction_is_missing(name):
    assert_complete(CASES[name])


def pairs(h: Tensor) -> Tensor:
    return torch.view_as_complex(h.unflatten(1, (-1, 2)))


def numbers(h: Tensor) -> Tensor:
    return torch.complex(h, 0.5 * h)


def reals(z: Tensor) -> Tensor:
    return torch.view_as_real(z).flatten(1)


ONE = (1.0 + 0.3j) * torch.arange(1.0, 4.0, dtype=torch.float64)

MAPS = {
    "pairs": lambda h: reals(pairs(h)),
    "parts": lambda h: numbers(h).real.relu() + numbers(h).imag,
    "parts of a conjugate": lambda h: numbers(h).conj().imag.relu() + numbers(h).conj().real,
    "conjugate": lambda h: reals(pairs(h).conj().resolve_conj()).tanh(),
    "parts apart": lambda h: torch.cat([pairs(h).real.tanh(), pairs(h).imag], 1),
    "a number": lambda h: (numbers(h) * (0.3 + 2j)).real.relu(),
    "an imaginary number": lambda h: (h * 1j).imag,
    "divided by a number": lambda h: (numbers(h) / (0.3 + 2j)).imag.relu(),
    "divided by nothing": lambda h: h * (numbers(h) / 0.0).real.isnan(),
    "plus a number": lambda h: (numbers(h) + (0.3 + 2j)).imag.relu(),
    "plus a real number": lambda h: reals(pairs(h) + 0.7).relu(),
    "from a number": lambda h: reals((0.5 - 1j) - pairs(h)).relu(),
    "plus reals": lambda h: (numbers(h) + h).imag.relu(),
    "minus a constant": lambda h: reals(pairs(h) - ONE),
    "times reals": lambda h: reals(pairs(h) * h[:, :3].relu()),
    "times a constant": lambda h: reals(pairs(h) * ONE),
    "turned": lambda h: reals(pairs(h) * torch.polar(torch.ones(3), torch.arange(3.0))).relu(),
    "product": lambda h: reals(pairs(h) * pairs(h.flip(1))),
    "length": lambda h: (numbers(h) * numbers(h).conj()).real,
    "quotient": lambda h: reals(pairs(h) / ONE),
    "quotient by reals": lambda h: reals(pairs(h) / h[:, :3].exp()),
    "quotient of reals": lambda h: reals(h[:, :3] / pairs(h)),
    "inverse": lambda h: reals(pairs(h).reciprocal()),
    "absolute value": lambda h: torch.cat([pairs(h).abs(), h[:, :3]], 1),
    "angle": lambda h: torch.cat([pairs(h).angle(), h[:, :3]], 1),
    "polar": lambda h: reals(torch.polar(h[:, :3], h[:, 3:])),
    "exponential": lambda h: reals(pairs(h).exp()),
    "rational function": lambda h: reals(1.0 / (pairs(h) ** 2 + 1j)),
    "sign": lambda h: reals(pairs(h).sgn()),
    "root": lambda h: reals(pairs(h).sqrt()),
    "norm": lambda h: h * numbers(h).norm(dim=1, keepdim=True),
    "comparison": lambda h: h * (numbers(h) == h),
    "choice": lambda h: torch.where(h > 0, numbers(h), h).imag,
    "choice of a number": lambda h: torch.where(h > 0, 0.3, numbers(h)).imag.relu(),
    "masked": lambda h: numbers(h).masked_fill(h > 0, 1 + 1j).imag,
    "sum of units": lambda h: reals(pairs(h) + pairs(h).sum(1, keepdim=True)),
    "mean of units": lambda h: reals(pairs(h) - pairs(h).mean(1, keepdim=True)).tanh(),
    "cumulative sum": lambda h: reals(pairs(h).cumsum(1)),
    "concatenation": lambda h: reals(torch.cat([pairs(h), pairs(h)[:, :1]], 1)[:, 1:]),
    "stack": lambda h: reals(torch.stack([pairs(h), pairs(h).conj()]).sum(0)),
    "roll": lambda h: reals(pairs(h).roll(1, 1)).relu(),
    "transposed": lambda h: reals(pairs(h).mT.contiguous().mT),
    "padded": lambda h: reals(F.pad(pairs(h), (1, 0))[:, 1:]),
    "cast": lambda h: h.to(torch.cdouble).real.relu() + h.to(torch.cdouble).imag,
    "copied": lambda h: torch.zeros_like(numbers(h)).copy_(h).real,
    "ones": lambda h: (torch.ones_like(numbers(h)) * h).imag + h.relu(),
    "noise": lambda h: reals(pairs(h) * torch.randn_like(pairs(h))),
    "noise, then real noise": lambda h: torch.randn_like(numbers(h)).real * h + torch.rand_like(h) * h,
    "gram": lambda h: (numbers(h) @ numbers(h).mH @ numbers(h)).real,
    "matrix of parts": lambda h: reals(pairs(h) @ torch.outer(ONE, ONE.conj())),
    "matrix and vector": lambda h: h * torch.mv(numbers(h), numbers(h)[0]).imag.unsqueeze(1),
    "inner product": lambda h: h * torch.dot(numbers(h)[0], numbers(h)[1]).real,
    "with a bias": lambda h: reals(torch.addmm(ONE, pairs(h), torch.outer(ONE, ONE), beta=0.5, alpha=2.0)),
    "linear": lambda h: reals(F.linear(pairs(h), torch.outer(ONE, ONE), ONE)),
    "einsum": lambda h: torch.einsum("bi,ci,ck->bk", numbers(h), numbers(h).conj(), numbers(h)).real,
    "written": lambda h: _written(pairs(h)),
    "transform of units": lambda h: torch.fft.fft(h).real,
    "transform of the batch": lambda h: torch.fft.fft(h, dim=0).imag,
    "filtered batch": lambda h: torch.fft.irfft(torch.fft.rfft(h.relu(), dim=0).mul(0.5j), n=7, dim=0),
    "two transforms": lambda h: torch.fft.ifft2(torch.fft.fft2(h).abs()).real,
    "transform of pairs": lambda h: reals(torch.fft.fft(pairs(h), dim=0)),
    "shifted transform": lambda h: torch.fft.fftshift(torch.fft.fft(h, dim=0), dim=0).real,
    "convolution theorem": lambda h: torch.fft.irfft(
        torch.fft.rfft(h, n=12) * torch.fft.rfft(h.tanh(), n=12), n=12
    )[:, :6],
}


def _written(z: Tensor) -> Tensor:
    z = z * 1.0
    torch.view_as_real(z)[..., 0].relu_()
    return reals(z)


@pytest.mark.parametrize("middle", MAPS.values(), ids=MAPS)
def test_no_rule_promises_too_much(middle):
    torch.manual_seed(0)
    model, x = Net(middle).double(), torch.randn(7, 4, dtype=torch.float64)
    symmetries = find_symmetries(model, x)
    assert_proved(symmetries, model, x)


LINEAR = """
    general_linear 6: first.weight first.bias last.weight^-1
    """
HIDDEN = """
    permutation 6: first.weight first.bias last.weight
    positive_scaling 6: first.weight first.bias last.weight^-1
    """
EXACT = {
    "an imaginary number": LINEAR,
    "transform of the batch": LINEAR,
    "parts": HIDDEN,
    "filtered batch": HIDDEN,
    "cast": HIDDEN,
    "a number": HIDDEN,
}


@pytest.mark.parametrize("name", EXACT)
def test_parts_are_as_free_as_the_real_numbers_that_they_are(name):
    torch.manual_seed(0)
    model, x = Net(MAPS[name]).double(), torch.randn(7, 4, dtype=torch.float64)
    groups = [s for s in find_symmetries(model, x) if s.group != "translation"]
    assert_exactly(groups, EXACT[name])


def test_a_spectrum_that_is_written_pins_what_it_becomes():
    case = Case(lambda: Operator(writes=True), gaussian(2, 8), "")
    model = case.model()
    symmetries = case.find(model)
    assert_proved(symmetries, model, *case.data(7))
    assert "general_linear 4: a.weight a.bias w^-1 w@0,0,0,1^-1 skip.weight^-1" in map(described, symmetries)


class Layers(nn.Module):
    """Two complex linear layers, and a complex constant between them."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = (nn.Linear(n, m, dtype=torch.cdouble) for n, m in ((4, 3), (3, 2)))
        self.register_buffer("turn", torch.randn(3, dtype=torch.cdouble))

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.first(torch.complex(x, x.flip(1))) * self.turn
        return torch.view_as_real(self.last(torch.complex(hidden.real.relu(), hidden.imag.relu())))


FIRST = "first.weight first.weight@0,0,1 first.bias first.bias@0,1"
LAST = "last.weight last.weight@0,0,1"


def test_complex_parameters_and_buffers_move_by_their_parts():
    case = Case(Layers, gaussian(4), "")
    model = case.model()
    symmetries = case.find(model)
    assert_exactly(
        symmetries,
        f"""
        permutation 3: {FIRST} {LAST} turn turn@0,1
        positive_scaling 3: {FIRST} last.weight^-1 last.weight@0,0,1^-1
        sign 3: {FIRST} turn turn@0,1
        """,
    )
    assert_proved(symmetries, model, *case.data(7))
    result = symmetries.completeness(model, case.data(60))
    assert (result.rank, result.nullity, result.parameters) == (3, 3, 2 * (3 * 5 + 2 * 4))
    assert result.leak < 1e-10


@pytest.mark.parametrize("conjugated", [True, False])
def test_imaginary_outputs_count_like_real_ones(conjugated):
    class Imaginary(Net):
        def forward(self, x: Tensor) -> Tensor:
            out = 1j * super().forward(x)
            return out.conj() if conjugated else out

    torch.manual_seed(0)
    model, x = Imaginary(torch.relu).double(), torch.randn(7, 4, dtype=torch.float64)
    symmetries = find_symmetries(model, x)
    assert_exactly(symmetries, HIDDEN)
    assert_proved(symmetries, model, x)
    false = replace(symmetries[0], group="sign")
    assert errors([false], model, (x,), {})["all together"] > 1e-3


def test_complex_inputs_are_data_like_others():
    class Reads(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = Net(torch.relu)

        def forward(self, z: Tensor) -> Tensor:
            return self.net(torch.view_as_real(z).flatten(1))

    torch.manual_seed(0)
    model, z = Reads().double(), torch.randn(7, 2, dtype=torch.cdouble)
    symmetries = find_symmetries(model, z)
    assert_exactly(symmetries, HIDDEN.replace("first", "net.first").replace("last", "net.last"))
    assert_proved(symmetries, model, z)
