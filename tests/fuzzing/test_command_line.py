"""Whatever is typed, the command line does it, or exits with a line that says why not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_symmetry.cli import main

from .effort import effort

WORDS = [
    "inspect",
    "inspect",
    "inspect",
    "",
    "-",
    "--",
    "--input",
    "--json",
    "--why",
    "--verify",
    "--eval",
    "report",
]
TARGETS = [
    "torch.nn:ReLU",
    "torch.nn:Linear",
    "torch.nn:Module",
    "nothing:nothing",
    ":",
    "a.py:b",
    "os:path",
    "\0:x",
]
INPUTS = [
    "2x3",
    "2x3",
    "",
    "x",
    "-1",
    "0x3",
    "2x3:float16",
    "2x3:int64:0",
    "2x3:int64:-1",
    "2x3:text",
    "9" * 30,
    "²x3",
]
INPUTS += ["2x3:int64:" + "9" * 30, "x".join(["999999"] * 4), "2x3:bool:2", "1:2:3:4"]
words = st.one_of(
    st.sampled_from(WORDS), st.sampled_from(TARGETS), st.sampled_from(INPUTS), st.text(max_size=4)
)
calls = st.tuples(st.sampled_from(TARGETS), st.sampled_from(INPUTS), st.lists(words, max_size=2)).map(
    lambda call: ["inspect", call[0], "--input", call[1], *call[2]]
)


@effort(60)
@given(argv=st.one_of(st.lists(words, max_size=5), calls, calls))
def test_words_of_any_kind(argv, capsys_of):
    said = capsys_of
    try:
        status = main(argv)
    except SystemExit as left:
        status = left.code
    output, error = said()
    assert status in (0, 2)
    assert output.strip() if status == 0 else error.count("\n") == 1 and "error: " in error, (
        argv,
        output,
        error,
    )


@pytest.fixture
def capsys_of(capsys):
    """What was written since it was last asked."""
    return capsys.readouterr
