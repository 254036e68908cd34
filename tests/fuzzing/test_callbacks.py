"""Whatever a callback, a schedule or an event is made with, it is made or refused as the docstring says."""

from hypothesis import given
from hypothesis import strategies as st

from lightning_symmetry import Hadamard, Syre
from lightning_symmetry import callbacks as C

from .arguments import arguments
from .documented import check
from .each import each
from .effort import effort
from .hostile import anything

KNOWN = {
    "config": st.one_of(st.sampled_from([Hadamard(), Syre(), {"*": Syre()}, {"*": None}, {0: 1}]), anything),
    "schedule": st.one_of(st.builds(C.Schedule, ramp=st.integers(0, 2)), anything),
}
MADE = [getattr(C, name) for name in C.__all__ if name != "Event"]


@each("made", MADE)
@effort(40)
@given(data=st.data())
def test_it_is_made_or_refused(made, data):
    given_ = data.draw(arguments(made, **KNOWN))
    check(made, lambda: made(**given_))
