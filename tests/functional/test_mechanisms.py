import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lightning_symmetry.functional import alignment, mechanisms

CLOSE = {"rtol": 1e-9, "atol": 1e-9}


def reference_alignment(writers, readers):
    a, b = writers.double().numpy(), readers.double().numpy()
    return np.linalg.norm(b.T @ a) / (np.linalg.norm(a) * np.linalg.norm(b))


def reference_growth(before, after):
    size_before, size_after = (np.linalg.norm(b.numpy().T @ a.numpy()) for a, b in (before, after))
    return math.log(size_after / size_before)


@st.composite
def two_looks(draw):
    n, k, m = (draw(st.integers(1, 5)) for _ in range(3))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**20)))
    return [
        [torch.randn(n, size, generator=generator, dtype=torch.float64) for size in (k, m)] for _ in range(2)
    ]


def orthogonal(size, generator):
    return torch.linalg.qr(torch.randn(size, size, generator=generator, dtype=torch.float64)).Q


def columns(*layers):
    return [torch.as_tensor(layer, dtype=torch.float64).unsqueeze(-1) for layer in layers]


@settings(deadline=None, max_examples=50)
@given(two_looks())
def test_alignment_follows_the_definition_and_is_a_share(looks):
    for writers, readers in looks:
        value = alignment(writers, readers).item()
        assert value == pytest.approx(reference_alignment(writers, readers))
        assert -1e-12 <= value <= 1 + 1e-12


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 6), st.integers(0, 2**20))
def test_for_one_input_and_output_alignment_is_the_cosine(n, seed):
    u, w = torch.randn(2, n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    cosine = torch.nn.functional.cosine_similarity(u, w, dim=0).abs()
    torch.testing.assert_close(alignment(*columns(u, w)), cosine, **CLOSE)


def test_alignment_of_known_layers():
    generator = torch.Generator().manual_seed(0)
    direction, a, b = (torch.randn(n, 1, generator=generator, dtype=torch.float64) for n in (6, 4, 3))
    assert alignment(direction @ a.mT, direction @ b.mT).item() == pytest.approx(1)
    frame = orthogonal(6, generator)
    assert alignment(frame[:, :3], frame[:, 3:]).item() == pytest.approx(0, abs=1e-12)
    for r in (1, 2, 4):
        assert alignment(frame[:, :r], frame[:, :r]).item() == pytest.approx(1 / math.sqrt(r))


def test_alignment_of_unrelated_layers_is_what_chance_gives():
    generator = torch.Generator().manual_seed(0)
    for n in (16, 256):
        writers, readers = (torch.randn(200, n, 8, generator=generator) for _ in range(2))
        assert alignment(writers, readers).mean().item() == pytest.approx(1 / math.sqrt(n), rel=0.03)


@settings(deadline=None, max_examples=50)
@given(two_looks())
def test_the_split_is_exact_and_the_growth_that_of_the_product(looks):
    before, after = looks
    growth, rescaling, aligning = mechanisms(before, after)
    assert growth == rescaling + aligning
    assert growth.item() == pytest.approx(reference_growth(before, after), abs=1e-9)
    norms = [np.prod([leg.norm() for leg in look]) for look in looks]
    assert rescaling.item() == pytest.approx(math.log(norms[1] / norms[0]), abs=1e-9)


@settings(deadline=None, max_examples=30)
@given(two_looks())
def test_splits_of_consecutive_looks_add_up(looks):
    first, second = looks
    third = [leg + 0.3 * leg.roll(1, dims=0) for leg in second]
    parts = zip(mechanisms(first, second), mechanisms(second, third), mechanisms(first, third), strict=True)
    for early, late, whole in parts:
        torch.testing.assert_close(early + late, whole, **CLOSE)


def test_each_mechanism_alone():
    ahead, aside = [1.0, 0.0], [3.0, 4.0]
    before = columns(ahead, aside)
    growth, rescaling, aligning = mechanisms(before, [7 * before[0], before[1] / 3])
    assert (growth.item(), rescaling.item()) == pytest.approx((math.log(7 / 3),) * 2)
    assert aligning.item() == pytest.approx(0, abs=1e-12)
    for turned, expected in (
        ([5.0, 0.0], math.log(1 / 0.6)),
        ([0.0, 5.0], None),
        ([1.4, 4.8], math.log(0.28 / 0.6)),
    ):
        _, rescaling, aligning = mechanisms(before, columns(ahead, turned))
        if expected is None:  # a product that vanishes has no finite growth
            assert aligning.isnan()
            continue
        assert rescaling.item() == pytest.approx(0, abs=1e-12)
        assert aligning.item() == pytest.approx(expected)


def test_gradients_agree_with_finite_differences():
    generator = torch.Generator().manual_seed(0)
    shapes = [(4, 3), (4, 2)] * 2
    a, b, c, d = (
        torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_() for shape in shapes
    )
    assert torch.autograd.gradcheck(alignment, (a, b))
    assert torch.autograd.gradcheck(lambda a, b, c, d: tuple(mechanisms([a, b], [c, d])), (a, b, c, d))


def test_gradients_stay_finite_at_zero():
    writers, readers = torch.zeros(3, 2, requires_grad=True), torch.ones(3, 2)
    alignment(writers, readers).backward()
    assert writers.grad.isfinite().all()


def test_layers_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="`readers` must agree with `writers`"):
        alignment(torch.ones(3, 2), torch.ones(4, 2))
