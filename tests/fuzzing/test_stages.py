"""Whatever series there are, stages are found in them, or they are refused as the docstring says."""

from hypothesis import given
from hypothesis import strategies as st

from lightning_symmetry import stages as T

from .arguments import arguments
from .documented import check
from .each import each
from .effort import effort
from .hostile import anything, numbers

series = st.one_of(st.lists(numbers, max_size=40), anything)
keys = st.one_of(
    st.sampled_from(["loss", "symmetry/dead_units/0", "symmetry/unknown", "symmetry/", ""]), anything
)


@each("function", [T.transitions])
@effort(60)
@given(data=st.data())
def test_a_whole_series(function, data):
    rising = st.integers(0, 40).map(range)
    given_ = data.draw(arguments(function, steps=st.one_of(rising, series), values=series, key=keys))
    check(function, lambda: function(**given_))


@effort(40)
@given(points=st.lists(st.tuples(anything, anything), max_size=30))
def test_points_of_a_series(points):
    detector = T.JumpDetector()
    for step, value in points:
        check(T.JumpDetector.update, lambda step=step, value=value: detector.update(step, value))
    again = T.JumpDetector()
    again.load_state_dict(detector.state_dict())
    assert again.state_dict() == detector.state_dict()


@each("function", [T.StageTracker, T.Transition.of])
@effort(40)
@given(data=st.data())
def test_it_is_made_or_refused(function, data):
    given_ = data.draw(arguments(function, **({"key": keys} if function == T.Transition.of else {})))
    check(function, lambda: function(**given_))


@effort(40)
@given(
    points=st.lists(
        st.tuples(
            anything,
            st.one_of(
                st.dictionaries(st.sampled_from(["loss", "symmetry/dead_units", 0]), anything, max_size=2),
                anything,
            ),
        ),
        max_size=10,
    )
)
def test_points_of_many_series(points):
    tracker = T.StageTracker(window=2)
    for step, values in points:
        check(T.StageTracker.update, lambda step=step, values=values: tracker.update(step, values))
