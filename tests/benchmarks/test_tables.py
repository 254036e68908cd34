import math

import pytest

from benchmarks.cost.speed import table as speed
from benchmarks.cost.speed.timing import Timing
from benchmarks.cost.zoo import table
from benchmarks.cost.zoo.examination import Examination
from benchmarks.generated import replace_part
from lightning_symmetry.discovery.verify import TOGETHER

GOOD = Examination(
    "timm",
    "vision",
    "good",
    "verified",
    parameters=12_345,
    tensors="fake",
    seconds=0.5,
    memory=3 * 2**20,
    groups={"permutation": 2, "positive_scaling": 1},
    errors={"a.permutation": 1e-15, TOGETHER: 2e-14},
    gaps={"aten.acos: no rule": 4},
)
FALSE = Examination(
    "timm",
    "vision",
    "false",
    "verified",
    seconds=1.5,
    tensors="real",
    errors={"b.sign": 1e-3, TOGETHER: math.nan},
)
FAILED = Examination("transformers", "decoder", "failed", "runs", "TraceError: no")
ABSENT = Examination("transformers", "decoder", "absent", "", "ImportError: no")
ALL = [GOOD, FALSE, FAILED, ABSENT]


def test_traced_models_are_counted_among_those_that_could_be_built():
    lines = table.summary(ALL).splitlines()
    assert "2 of 3 models traced (66.7%)." in lines
    assert "- Not built: transformers absent: ImportError: no" in lines
    assert "- Not traced: transformers failed: TraceError: no" in lines


def test_the_summary_has_a_row_for_each_kind_and_one_for_all():
    lines = table.summary(ALL).splitlines()
    vision = "| timm | vision | 2 | 2 (1 on real tensors) | 3 | 1.00 s | 1.50 s | 3 MiB | 2 | not finite |"
    assert lines[2] == vision
    assert lines[3].startswith("| transformers | decoder | 1 | 0 | 0 |")
    assert lines[4].startswith("| all |  | 3 | 2 (1 on real tensors) |")


def test_an_error_is_false_when_it_is_large_or_no_number():
    assert table.false(ALL) == pytest.approx(
        {"false: b.sign": 1e-3, f"false: {TOGETHER}": math.nan}, nan_ok=True
    )


def test_the_row_of_a_model_says_how_many_symmetries_were_verified_alone():
    assert table.row(GOOD) == (
        "| timm good | 12,345 | 2 permutation, 1 positive scaling | 0.50 s | 3 MiB | 2e-14 | 1e-15 (1 of 3) |"
    )
    assert table.row(FAILED) == "| transformers failed | 0 | TraceError: no |  |  |  |  |"


def test_the_report_of_a_library_holds_its_tables():
    text = table.report([GOOD])
    assert text.startswith(table.summary([GOOD]))
    assert f"\n\n{table.gaps([GOOD])}\n\n</details>" in text
    assert f"\n\n{table.models([GOOD])}\n\n</details>" in text


def test_gaps_are_counted_by_models():
    other = Examination(
        "timm", "vision", "other", "traced", gaps={"aten.acos: no rule": 1, "its numbers are read": 1}
    )
    assert table.gaps([GOOD, other]) == "- aten.acos: no rule: 2\n- its numbers are read: 1"


def test_every_row_has_the_columns_of_its_head():
    timings = [Timing("timm", "resnet50", tool, 1.0, 0.0) for tool in ("find_symmetries", "torch-pruning")]
    texts = [
        table.summary([GOOD]).split("\n\n")[0],
        table.models(ALL),
        speed.ratios(timings),
        speed.named(timings),
    ]
    for text in texts:
        assert len({line.count("|") for line in text.splitlines()}) == 1


def test_ratios_are_taken_on_the_models_that_both_trace():
    timings = [
        Timing("timm", "a", "find_symmetries", 1.0),
        Timing("timm", "a", "torch-pruning", 3.0),
        Timing("timm", "b", "find_symmetries", 2.0),
        Timing("timm", "b", "torch-pruning", 1.0),
        Timing("timm", "c", "find_symmetries", 100.0),
        Timing("timm", "c", "torch-pruning", trouble="AttributeError: no"),
    ]
    lines = speed.ratios(timings).splitlines()
    assert lines[2] == "| timm | torch-pruning | 2 of 3 | 2.00 s | 1.50 s | 1.75 | 1 of 2 |"


def test_a_part_of_a_text_is_replaced_and_nothing_else(tmp_path):
    path = tmp_path / "README.md"
    path.write_text("before\n<!-- figures -->\nold\nolder\n<!-- /figures -->\nafter\n")
    replace_part(path, "figures", "new")
    replace_part(path, "figures", "newest")
    assert path.read_text() == "before\n<!-- figures -->\nnewest\n<!-- /figures -->\nafter\n"


@pytest.mark.parametrize(
    "text", ["none", "<!-- a -->\n", "<!-- a -->\n<!-- a -->\n<!-- /a -->\n", "<!-- /a -->\n"]
)
def test_a_part_that_is_not_there_once_is_an_error(tmp_path, text):
    path = tmp_path / "README.md"
    path.write_text(text)
    with pytest.raises(ValueError, match="must hold"):
        replace_part(path, "a", "new")
    assert path.read_text() == text
