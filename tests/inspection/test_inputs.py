import pytest
import torch

from lightning_symmetry.inspection import InputSpec, InspectionError


@pytest.mark.parametrize(
    ("text", "shape", "dtype"),
    [
        ("3", (3,), torch.float32),
        ("1x3x8x8", (1, 3, 8, 8), torch.float32),
        ("2x4:float64", (2, 4), torch.float64),
        ("2x4:bfloat16", (2, 4), torch.bfloat16),
        ("2x4:complex64", (2, 4), torch.complex64),
        ("2x4:bool", (2, 4), torch.bool),
        ("1x16:int64:1000", (1, 16), torch.int64),
    ],
)
def test_draws_what_the_text_describes(text, shape, dtype):
    drawn = InputSpec.parse(text).tensor()
    assert drawn.shape == shape and drawn.dtype == dtype


def test_integers_are_zeros_without_a_bound():
    assert not InputSpec.parse("50:int64").tensor().any()


def test_integers_are_below_their_bound():
    drawn = InputSpec.parse("500:int32:7").tensor()
    assert drawn.min() == 0 and drawn.max() == 6


def test_numbers_differ_and_depend_on_the_seed_alone():
    state = torch.get_rng_state()
    spec = InputSpec.parse("64")
    assert spec.tensor().std() > 0.5 and InputSpec.parse("64:bool").tensor().unique().numel() == 2
    assert torch.equal(spec.tensor(1), spec.tensor(1)) and not torch.equal(spec.tensor(1), spec.tensor(2))
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize("text", ["", "x", "3x", "0x3", "-1x3", "3.0", "3,4", "axb", ":int64", "²x3"])
def test_a_shape_has_lengths(text):
    with pytest.raises(InspectionError, match="--input needs lengths of at least 1"):
        InputSpec.parse(text)


@pytest.mark.parametrize("text", ["3:", "3:int", "3:float31", "3:nn"])
def test_a_type_is_one_of_torch(text):
    with pytest.raises(InspectionError, match=r"--input needs one of the types float16, .*; found"):
        InputSpec.parse(text)


@pytest.mark.parametrize(
    "text", ["3:int64:", "3:int64:0", "3:int64:-2", "3:float32:5", "3:bool:2", "3:int64:2:2"]
)
def test_a_bound_belongs_to_integers(text):
    with pytest.raises(InspectionError, match="--input takes one bound of at least 1 after an integer type"):
        InputSpec.parse(text)
