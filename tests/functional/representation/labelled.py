"""Labelled features that tests share, and the symmetries they are subject to."""

import torch
from hypothesis import strategies as st


def normal(*shape, seed, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def rotation(size, seed):
    return torch.linalg.qr(normal(size, size, seed=seed)).Q


def simplex(number, size, seed=0):
    """Vertices of a simplex, in any position of a larger space."""
    centred = torch.eye(number, dtype=torch.float64) - 1 / number
    return centred @ rotation(size, seed)[:number]


@st.composite
def labelled(draw):
    """Features around class means far from zero, labels of which every class has two, and a classifier."""
    classes, size = draw(st.integers(2, 5)), draw(st.integers(2, 6))
    number = draw(st.integers(2 * classes, 40))
    seed, offset = draw(st.integers(0, 2**20)), draw(st.sampled_from([0.0, 3.0, 1e4]))
    labels = torch.arange(number) % classes
    means = offset + normal(classes, size, seed=seed)
    noise = draw(st.sampled_from([1e-2, 1.0])) * normal(number, size, seed=seed + 1)
    return means[labels] + noise, labels, classes, normal(classes, size, seed=seed + 2)
