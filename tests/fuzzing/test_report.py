"""Whatever a report is to show, it is shown, or refused as the docstring says."""

from hypothesis import given
from hypothesis import strategies as st

from lightning_symmetry import report as R

from .arguments import arguments
from .documented import check
from .each import each
from .effort import effort
from .hostile import anything, numbers

series = st.one_of(st.lists(numbers, max_size=4).map(tuple), anything)
curve = R.Curve((0, 10), (float("nan"), 1.0))
SOME = [R.Run("", 0), R.Run("a", 0, {"loss": curve}, {"x": float("inf")})]
runs = st.sampled_from([*SOME, R.Run("a", 1, {"loss": R.Curve((), ())})])
reports = st.builds(
    lambda some, columns: R.Report("", "", some, columns, ["loss", "none"]),
    st.lists(runs, max_size=3),
    st.lists(st.just(R.Column("x", "X")), max_size=1),
)
KNOWN = {
    "runs": st.one_of(st.lists(runs, max_size=3), st.lists(anything, max_size=1), anything),
    "key": st.one_of(st.sampled_from(["loss", "x", "none"]), anything),
    "steps": st.one_of(st.integers(0, 4).map(lambda n: tuple(range(n))), series),
    "values": series,
}


@each("function", [R.Curve, R.Spread.of, R.band, R.figure, R.variants])
@effort(30)
@given(data=st.data())
def test_numbers_of_any_kind(function, data):
    given_ = data.draw(arguments(function, **KNOWN))
    check(function, lambda: function(**given_))


@each("function", [R.render])
@effort(8)
@given(report=st.one_of(reports, anything))
def test_reports_of_any_kind(function, report):
    check(function, lambda: function(report))


@each("function", [R.write_report])
@effort(15)
@given(path=anything)
def test_files_of_any_kind(function, path):
    check(function, lambda: function(R.Report("", "", SOME, [R.Column("x", "X")], []), path))
