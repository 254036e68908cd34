"""What every group promises."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lightning_symmetry.groups import GROUPS, Group

CONTINUOUS = {
    "positive_scaling",
    "scaling",
    "general_linear",
    "orthogonal",
    "plane_rotation",
    "translation",
    "scale_invariance",
}
LENGTH_PRESERVING = {"permutation", "sign", "orthogonal", "plane_rotation"}
SIZES = {"scale_invariance": st.just(1), "plane_rotation": st.sampled_from([2, 4, 6])}


def close(one: Tensor, other: Tensor) -> None:
    torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


@st.composite
def situations(draw, names=tuple(GROUPS)) -> tuple[Group, Tensor, Tensor, float, torch.Generator]:
    """A group, one of its elements, a block, a power, and a source of more."""
    group = GROUPS[draw(st.sampled_from(sorted(names)))]
    copies, rest = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    size = draw(SIZES.get(group.name, st.integers(1, 5)))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**16)))
    element = group.sample(copies, size, generator=generator, dtype=torch.float64)
    block = torch.randn(copies, size, rest, generator=generator, dtype=torch.float64)
    powers = [-1.0, 1.0] if group.name == "general_linear" else [-2.0, -1.0, 1.0, 3.0]
    return group, element, block, draw(st.sampled_from(powers)), generator


@settings(deadline=None, derandomize=True)
@given(situations())
def test_the_inverse_undoes(situation):
    group, element, block, power, _ = situation
    close(group.act(group.inverse(element), group.act(element, block, power), power), block)
    close(group.act(element, group.act(group.inverse(element), block, power), power), block)
    close(group.inverse(group.inverse(element)), element)


@settings(deadline=None, derandomize=True)
@given(situations())
def test_acting_keeps_shape_and_leaves_the_block_alone(situation):
    group, element, block, power, _ = situation
    before = block.clone()
    moved = group.act(element, block, power)
    assert moved.shape == block.shape
    assert moved.dtype == block.dtype
    assert torch.equal(block, before)


@settings(deadline=None, derandomize=True)
@given(situations())
def test_copies_act_independently(situation):
    group, element, block, power, _ = situation
    whole = group.act(element, block, power)
    for i in range(len(block)):
        close(group.act(element[i : i + 1], block[i : i + 1], power), whole[i : i + 1])


@settings(deadline=None, derandomize=True)
@given(situations(sorted(GROUPS.keys() - {"translation"})))
def test_a_writer_and_a_reader_move_against_each_other(situation):
    group, element, block, _, generator = situation
    other = torch.randn(block.shape, generator=generator, dtype=torch.float64)
    before = block.mT @ other
    against = 1 if group.name in LENGTH_PRESERVING else -1
    close(group.act(element, block, 1).mT @ group.act(element, other, against), before)


@settings(deadline=None, derandomize=True)
@given(situations(sorted(GROUPS.keys() - {"translation"})))
def test_the_projection_is_idempotent_fixed_and_nearest(situation):
    group, element, block, power, generator = situation
    fixed = group.project(block)
    assert fixed.shape == block.shape
    close(group.project(fixed), fixed)
    close(group.act(element, fixed, power), fixed)
    # what is taken away is orthogonal to every fixed point
    other = group.project(torch.randn(block.shape, generator=generator, dtype=torch.float64))
    close(((block - fixed) * other).sum(), torch.zeros((), dtype=torch.float64))


@pytest.mark.parametrize(
    ("name", "size", "columns"),
    [("permutation", 4, 3), ("sign", 3, 2), ("general_linear", 3, 2), ("orthogonal", 3, 2)],
)
def test_the_projection_is_the_mean_over_the_group(name, size, columns):
    group, generator = GROUPS[name], torch.Generator().manual_seed(0)
    block = torch.randn(1, size, columns, generator=generator, dtype=torch.float64)
    if name == "permutation":
        elements = list(torch.cartesian_prod(*[torch.arange(size)] * size))
        elements = [e for e in elements if len(set(e.tolist())) == size]
    else:  # sign flips are enough to leave nothing of a matrix group's block
        signs = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0], dtype=torch.float64)] * size)
        elements = [s if name == "sign" else torch.diag(s) for s in signs]
    mean = torch.stack([group.act(e.unsqueeze(0), block, 1) for e in elements]).mean(0)
    close(group.project(block), mean)


def test_a_translation_has_no_symmetric_state():
    with pytest.raises(ValueError, match="no symmetric state"):
        GROUPS["translation"].project(torch.ones(1, 2, 3))


@settings(deadline=None, derandomize=True)
@given(situations(sorted(CONTINUOUS)))
def test_the_exponential_starts_at_the_identity_and_its_derivative_is_a_finite_difference(situation):
    group, _, block, power, generator = situation
    copies, size, _ = block.shape
    coordinates = torch.randn(copies, group.dimension(size), generator=generator, dtype=torch.float64)
    close(group.act(group.exponential(torch.zeros_like(coordinates), size), block, power), block)

    def orbit(t: Tensor) -> Tensor:
        return group.act(group.exponential(t * coordinates, size), block, power)

    derivative = torch.autograd.functional.jacobian(orbit, torch.zeros((), dtype=torch.float64))
    step = torch.tensor(1e-5, dtype=torch.float64)
    difference = (orbit(step) - orbit(-step)) / (2 * step)
    torch.testing.assert_close(derivative, difference, rtol=1e-6, atol=1e-6)
    # one-parameter subgroups
    half = group.exponential(0.5 * coordinates, size)
    close(group.act(half, group.act(half, block, power), power), orbit(torch.ones((), dtype=torch.float64)))


@pytest.mark.parametrize("name", sorted(GROUPS.keys() - CONTINUOUS))
def test_a_discrete_group_has_no_exponential(name):
    assert GROUPS[name].dimension(7) == 0
    with pytest.raises(ValueError, match=f"group '{name}' is discrete"):
        GROUPS[name].exponential(torch.zeros(1, 0), 7)


def test_dimensions():
    found = {name: group.dimension(4) for name, group in GROUPS.items() if name in CONTINUOUS}
    assert found == {
        "positive_scaling": 4,
        "scaling": 4,
        "general_linear": 16,
        "orthogonal": 6,
        "plane_rotation": 2,
        "translation": 4,
        "scale_invariance": 4,
    }
    assert all(group.name == name for name, group in GROUPS.items())


@pytest.mark.parametrize("name", GROUPS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_samples_are_reproducible_and_leave_the_global_generator_alone(name, dtype):
    state = torch.get_rng_state()
    one, same, other = (
        GROUPS[name].sample(2, 20, generator=torch.Generator().manual_seed(seed), dtype=dtype)
        for seed in (5, 5, 6)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert not torch.equal(one[0], one[1])
    assert one.dtype == (torch.int64 if name == "permutation" else dtype)
    assert torch.equal(torch.get_rng_state(), state)
    GROUPS[name].sample(2, 20, generator=None, dtype=dtype)
    assert not torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("name", GROUPS)
def test_samples_are_far_from_the_identity_and_well_conditioned(name):
    generator = torch.Generator().manual_seed(0)
    element = GROUPS[name].sample(50, 8, generator=generator, dtype=torch.float64)
    block = torch.eye(8, dtype=torch.float64).expand(50, 8, 8)
    moved = GROUPS[name].act(element, block, 1)
    assert (moved - block).norm(dim=(1, 2)).min() > 0.3
    condition = torch.linalg.cond(moved) if name != "translation" else element.abs().max()
    assert condition.max() <= math.e**2 * (1 + 1e-9)


def test_signs_of_either_kind_and_positive_factors():
    sample = {
        name: GROUPS[name].sample(50, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        for name in ("sign", "scaling", "positive_scaling", "scale_invariance")
    }
    assert set(sample["sign"].unique().tolist()) == {-1, 1}
    assert (sample["scaling"] < 0).any() and (sample["scaling"] > 0).any()
    assert (sample["positive_scaling"] > 0).all() and (sample["scale_invariance"] > 0).all()


def test_a_fractional_power_of_a_positive_factor():
    moved = GROUPS["positive_scaling"].act(torch.tensor([[4.0]]), torch.tensor([[[3.0]]]), 0.5)
    assert moved.item() == 6


@settings(deadline=None, derandomize=True)
@given(situations(["orthogonal", "plane_rotation"]))
def test_rotations_keep_lengths(situation):
    group, element, block, power, _ = situation
    close(group.act(element, block, power).square().sum(dim=1), block.square().sum(dim=1))


def test_a_plane_rotation_is_a_product_with_a_complex_number():
    angle, block = torch.tensor([[0.3, -1.1]]).double(), torch.randn(1, 4, 5).double()
    turned = GROUPS["plane_rotation"].act(angle, block, 1)
    numbers = (
        torch.complex(block[:, ::2], block[:, 1::2])
        * torch.polar(torch.ones(1, 2).double(), angle)[..., None]
    )
    close(turned[:, ::2], numbers.real)
    close(turned[:, 1::2], numbers.imag)


def test_half_of_the_orthogonal_group_are_reflections():
    sample = GROUPS["orthogonal"].sample(
        400, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )
    determinants = torch.linalg.det(sample)
    close(determinants.abs(), torch.ones(400).double())
    assert 160 < (determinants < 0).sum() < 240
    # every column of a Haar matrix is uniform on the sphere: its mean vanishes, its covariance is 1/3
    assert sample.mean(0).abs().max() < 5 / math.sqrt(3 * 400)
    covariance = torch.einsum("nij,nkj->ik", sample, sample) / (3 * 400)
    close(covariance, torch.eye(3).double() / 3)


@settings(deadline=None, derandomize=True)
@given(st.sampled_from(["permutation", "sign"]), st.integers(2, 4), st.integers(0, 2**16))
def test_a_random_element_of_a_discrete_group_moves_something_in_every_copy(name, size, seed):
    generator = torch.Generator().manual_seed(seed)
    element = GROUPS[name].sample(3, size, generator=generator, dtype=torch.float64)
    block = torch.arange(1.0, 1 + 3 * size, dtype=torch.float64).reshape(3, size, 1)
    moved = GROUPS[name].act(element, block, 1.0)
    assert (moved != block).flatten(1).any(1).all()
