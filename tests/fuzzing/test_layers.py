"""Whatever a layer is made with, it is made or refused as the docstring says."""

from hypothesis import given
from hypothesis import strategies as st

from lightning_symmetry import layers as Y

from .arguments import arguments
from .documented import check
from .each import each
from .effort import effort


@each("made", [getattr(Y, name) for name in Y.__all__])
@effort(30)
@given(data=st.data())
def test_it_is_made_or_refused(made, data):
    given_ = data.draw(arguments(made))
    check(made, lambda: made(**given_))
