import math
import re
from html.parser import HTMLParser

import pytest
import torch
from torch import nn

from lightning_symmetry import find_symmetries
from lightning_symmetry.report import Column, Curve, Report, Run, Spread, render, write_report
from lightning_symmetry.stages import Transition

HOSTILE = "<script>alert('x')</script> & $\\frac$ \"q\""
RANK = "symmetry/effective_rank/model.2.permutation"


def report(names=("plain", "decay"), **changes) -> Report:
    runs = [
        Run(
            name,
            seed,
            {
                "train_loss": Curve(tuple(range(8)), tuple(2.0 / (i + 1) for i in range(8))),
                RANK: Curve((0, 7), (9.0, 4.0)),
            },
            {"rank": 4.0 + seed, "accuracy": 0.5},
        )
        for name in names
        for seed in (0, 1)
    ]
    columns = [Column("rank", "effective rank"), Column("accuracy", "accuracy, %", percent=True)]
    return Report(
        **{
            "title": "Title",
            "lead": "Lead.",
            "runs": runs,
            "columns": columns,
            "curves": [RANK, "train_loss"],
            **changes,
        }
    )


class Page(HTMLParser):
    """Everything that a page would load or run."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loads: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        for name, value in attrs:
            if tag == "a" and name == "href":
                self.links.append(value)
            elif name in {"src", "srcset", "href", "xlink:href", "data", "action", "poster"}:
                self.loads.append(value)

    def handle_data(self, data):
        self.text += data


def test_is_one_file_that_loads_nothing():
    text = render(report())
    page = Page(text)
    assert not {"script", "link", "img", "iframe", "object", "base"} & set(page.tags)
    assert all(load.startswith("#") for load in page.loads)
    assert not re.search(r"@import|url\((?!#)", text)
    assert set(re.findall(r"https?://[^/\"]*", text)) == {"https://arxiv.org"}
    assert all(link.startswith("https://arxiv.org/abs/") for link in page.links)


def test_every_text_is_escaped():
    names = (HOSTILE, "</style><b>")
    text = render(
        report(
            names,
            title=HOSTILE,
            lead=HOSTILE,
            notes=[HOSTILE],
            variants={HOSTILE: HOSTILE},
            details={HOSTILE: HOSTILE},
            columns=[Column("rank", HOSTILE)],
        )
    )
    page = Page(text)
    assert "script" not in page.tags and "b" not in page.tags
    # The title, the heading, the lead, the note, and the rest of the places named above.
    assert page.text.count(HOSTILE) >= 8


def test_a_hostile_key_of_a_curve_is_escaped():
    key = f"symmetry/effective_rank/{HOSTILE}"
    run = Run("a", 0, {key: Curve((0, 1), (1.0, 2.0)), HOSTILE: Curve((0, 1), (1.0, 2.0))}, {"rank": 1.0})
    page = Page(render(report(runs=[run], curves=[key, HOSTILE])))
    assert "script" not in page.tags and page.text.count(HOSTILE) == 2


def test_every_series_of_every_variant_appears():
    text = render(report(("plain", "decay", "syre")))
    for plot in range(2):
        for variant in range(3):
            assert f'id="plot-{plot}-curve-{variant}"' in text
    assert text.count("<svg") == 2
    assert "Effective rank" in text and "model.2.permutation" in text and "Train loss" in text


def test_curves_that_no_run_has_are_left_out():
    text = render(report(curves=["symmetry/dead_units"]))
    assert "<svg" not in text and "Stage by stage" not in text


def test_the_summary_shows_means_and_deviations():
    text = Page(render(report())).text
    assert "4.5 ± 0.7" in text and "50.0 ± 0.0" in text and "over 2 seeds" in text


def test_a_single_seed_has_no_deviation():
    run = Run("plain", 0, {}, {"rank": 4.0, "accuracy": 0.5})
    text = Page(render(report(runs=[run]))).text
    assert "±" not in text and "4.0" in text


def test_a_figure_that_is_missing_is_a_dash():
    assert Column("rank", "rank").text(Spread.of([])) == "–"
    assert Column("rank", "rank").text(Spread.of([math.nan])) == "–"


def test_symmetries_and_their_errors_are_listed():
    model, x = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2)), torch.randn(4, 3)
    symmetries = find_symmetries(model, x)
    text = Page(render(report(symmetries=symmetries, errors={"0.permutation": 1.2e-16}))).text
    assert "0.permutation" in text and "0.positive_scaling" in text and "1.2e-16" in text
    assert "error" not in Page(render(report(symmetries=symmetries))).text


def test_a_report_on_nothing_is_refused():
    with pytest.raises(ValueError, match="`report` must have runs and columns, found 0 and 2"):
        render(report(runs=[]))
    with pytest.raises(ValueError, match="found 4 and 0"):
        render(report(columns=[]))


def test_writes_one_file(tmp_path):
    path = tmp_path / "report.html"
    write_report(report(), path)
    assert path.read_text(encoding="utf-8") == render(report())
    assert list(tmp_path.iterdir()) == [path]


def test_jumps_of_a_curve_are_marked_and_explained():
    jump = Transition.of(RANK, 7, 9.0, 4.0)
    elsewhere = Transition.of("symmetry/dead_units", 3, 0.0, 2.0)
    runs = [Run("plain", 0, {RANK: Curve((0, 7), (9.0, 4.0))}, {"rank": 4.0}, [jump, elsewhere])]
    text = render(report(runs=runs))
    assert 'id="plot-0-jump-0-7"' in text and "jump-0-3" not in text
    assert "A dotted line" in text and "A dotted line" not in render(report())
