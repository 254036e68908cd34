"""Whatever a function of tensors is given, it returns or raises what its docstring says."""

import inspect

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_symmetry import functional as F

from ..functional.test_inputs import CALLS
from .arguments import arguments
from .documented import check
from .each import each
from .effort import effort
from .hostile import tensors

FUNCTIONS = [getattr(F, n) for n in F.__all__ if inspect.isfunction(getattr(F, n)) or n == "TwoLayerFlow"]

ARRANGING = {
    "distinct_units",
    "dormancy_scores",
    "general_linear_slopes",
    "growth_rate",
    "layer_matrices",
    "localisation",
    "matrix_alignment",
    "off_diagonal_alignment",
    "raw_layer_matrices",
    "scaling_drift",
    "scaling_slopes",
    "shuffled_alignment",
    "sketched_alignment",
    "sketched_shuffled_alignment",
    "spectral_power_law",
    "symmetry_breaking_distance",
}
"""Calls that make something of two tensors first, or of the result, which fails itself for some."""


@each("function", FUNCTIONS)
@effort(12)
@given(data=st.data())
def test_arguments_of_any_kind(function, data):
    given_ = data.draw(arguments(function))
    check(function, lambda: function(**given_))


@pytest.mark.parametrize("name", sorted(set(CALLS) - ARRANGING))
@effort(15)
@given(one=tensors, other=tensors)
def test_tensors_of_any_kind(name, one, other):
    check(getattr(F, name), lambda: CALLS[name](one, other))
