"""Parameters that meet as factors, are shared, or reappear transposed."""

import pytest
from torch import nn

from .claims import Case, assert_complete, assert_found, gaussian
from .models import VAE, Gated, Hadamard, SwiGLU, TiedAutoencoder, Twice


def _net(*layers: nn.Module) -> nn.Sequential:
    return nn.Sequential(*layers)


CASES = {
    "swiglu": Case(
        SwiGLU,
        gaussian(4),
        """
        permutation 5: gate.weight up.weight down.weight
        scaling 5: up.weight down.weight^-1
        """,
        nullity=5,
    ),
    "scalar gate": Case(
        Gated,
        gaussian(4),
        """
        scaling 1: gate weight^-1
        """,
        nullity=1,
    ),
    "hadamard": Case(
        Hadamard,
        gaussian(4),
        """
        scaling 4 x3: u v^-1
        """,
        nullity=12,
    ),
    "tied relu": Case(
        lambda: TiedAutoencoder(nn.ReLU()),
        gaussian(4),
        """
        permutation 6: encode.weight encode.bias
        """,
        nullity=0,
    ),
    "tied tanh": Case(
        lambda: TiedAutoencoder(nn.Tanh()),
        gaussian(4),
        """
        permutation 6: encode.weight encode.bias
        sign 6: encode.weight encode.bias
        """,
        nullity=0,
    ),
    "tied linear": Case(
        lambda: TiedAutoencoder(nn.Identity()),
        gaussian(4),
        """
        orthogonal 6: encode.weight encode.bias
        translation 6: encode.bias shift^-1
        """,
    ),
    "twice": Case(
        Twice,
        gaussian(4),
        """
        permutation 5: first.weight first.bias again.weight again.bias last.weight
        positive_scaling 5: first.weight first.bias again.weight^1,-1 again.bias last.weight^-1
        """,
        nullity=5,
    ),
    "vae": Case(
        VAE,
        gaussian(4),
        """
        permutation 6: enc.weight enc.bias mu.weight logvar.weight
        positive_scaling 6: enc.weight enc.bias mu.weight^-1 logvar.weight^-1
        permutation 5: dec.weight dec.bias recon.weight
        positive_scaling 5: dec.weight dec.bias recon.weight^-1
        """,
        nullity=11,
        seed=2,
        outputs=10,
    ),
    "vae, reconstruction alone": Case(
        lambda: VAE("recon"),
        gaussian(4),
        """
        permutation 6: enc.weight enc.bias mu.weight logvar.weight
        positive_scaling 6: enc.weight enc.bias mu.weight^-1 logvar.weight^-1
        permutation 3: mu.weight mu.bias logvar.weight logvar.bias dec.weight
        positive_scaling 3: mu.weight mu.bias logvar.bias^2+ dec.weight^-1
        sign 3: mu.weight mu.bias dec.weight
        translation 3: mu.bias dec.bias^-1
        permutation 5: dec.weight dec.bias recon.weight
        positive_scaling 5: dec.weight dec.bias recon.weight^-1
        """,
        nullity=17,
        seed=2,
        outputs=4,
    ),
    "vae, training loss": Case(
        lambda: VAE("loss"),
        gaussian(4),
        """
        permutation 6: enc.weight enc.bias mu.weight logvar.weight
        positive_scaling 6: enc.weight enc.bias mu.weight^-1 logvar.weight^-1
        permutation 3: mu.weight mu.bias logvar.weight logvar.bias dec.weight
        sign 3: mu.weight mu.bias dec.weight
        permutation 5: dec.weight dec.bias recon.weight
        positive_scaling 5: dec.weight dec.bias recon.weight^-1
        """,
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_exactly_the_groups_of_the_theory_are_found_and_hold(case):
    assert_found(case)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.nullity is not None])
def test_no_continuous_direction_is_missing(name):
    assert_complete(CASES[name])
