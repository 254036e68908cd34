"""Symmetries from a stranger's file: each error is a ValueError, and nothing large is made."""

import copy
import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from lightning_symmetry import find_symmetries
from lightning_symmetry.discovery import Symmetries

from ..fuzzing.damage import damaged
from ..fuzzing.effort import effort

MODEL = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
PLAIN = json.loads(json.dumps(find_symmetries(MODEL, torch.zeros(1, 4)).to_dict()))
JSON = st.recursive(
    st.sampled_from([None, True, -1, 0, 2**62, 1e308, float("nan"), "", "<script>", "__class__"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "name", "legs"]), inner)
    ),
    max_leaves=4,
)


@effort(150)
@given(damaged(PLAIN, JSON))
def test_what_is_wrong_in_any_place_is_refused_or_harmless(plain):
    try:
        symmetries = Symmetries.from_dict(plain)
    except ValueError:
        return
    assert all(0 <= s.size < 2**40 for s in symmetries)
    symmetries.table()


@pytest.mark.parametrize("plain", [None, [], "text", {}, {"version": 1}, {"version": 1, "symmetries": "ab"}])
def test_what_holds_no_symmetries_is_refused(plain):
    with pytest.raises(ValueError, match="must be"):
        Symmetries.from_dict(plain)


def test_a_piece_that_is_not_in_the_parameter_is_not_read():
    plain = copy.deepcopy(PLAIN)
    plain["symmetries"][0]["legs"][0]["offset"] = [10**6, 0]
    symmetries = Symmetries.from_dict(plain)
    with pytest.raises((ValueError, RuntimeError, IndexError)):
        symmetries.transform(dict(MODEL.named_parameters()))
