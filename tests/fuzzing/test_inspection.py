"""Whatever a model or an input is described by, it is made or refused."""

from hypothesis import given
from hypothesis import strategies as st

from lightning_symmetry.inspection import InputSpec, InspectionError, load_model

from .documented import check
from .each import each
from .effort import effort
from .test_command_line import INPUTS, TARGETS

texts = st.one_of(st.sampled_from(TARGETS), st.sampled_from(INPUTS), st.text(max_size=6))


@each("function", [load_model, InputSpec.parse])
@effort(60)
@given(text=texts)
def test_any_text(function, text):
    check(function, lambda: function(text), InspectionError)
