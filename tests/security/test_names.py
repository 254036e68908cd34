"""Names come from models and loggers: they are written as text, and never name a file."""

from html.parser import HTMLParser
from pathlib import Path

import torch
from torch import nn

from lightning_symmetry import StageDetector, SymmetryMonitor, find_symmetries
from lightning_symmetry.report.html import Column, Report, render
from lightning_symmetry.report.run import Curve, Run

from ..callbacks.runs import Classifier, fit

EVIL = """<script>alert(1)</script>"'><img src=x onerror=alert(1)>&{{ 7*7 }}${x}"""


class Tags(HTMLParser):
    """Collects what a browser would run."""

    def __init__(self) -> None:
        super().__init__()
        self.active: list[str] = []
        self.text = ""

    def handle_starttag(self, tag, attrs) -> None:
        if tag in {"script", "img", "iframe", "object", "embed", "form", "link", "base"}:
            self.active.append(tag)
        for name, value in attrs:
            if name.startswith("on") or (value or "").strip().lower().startswith("javascript:"):
                self.active.append(f"{tag} {name}")

    def handle_data(self, data) -> None:
        self.text += data


def evil_model():
    """Its modules are called what nobody should call them."""
    model = nn.Sequential()
    model.add_module("/<script>", nn.Linear(6, 12))
    model.add_module("act", nn.ReLU())
    model.add_module(EVIL.replace(".", ""), nn.Linear(12, 3))
    return model


def test_a_report_shows_names_and_runs_none():
    model = evil_model()
    symmetries = find_symmetries(model, torch.zeros(2, 6))
    keys = [EVIL, f"symmetry/effective_rank/{EVIL}", f"symmetry/{EVIL}"]
    curve = Curve((0, 10, 20), (3.0, 2.0, 1.0))
    run = Run(EVIL, 0, dict.fromkeys([*keys, "train_loss"], curve), {EVIL: 1.0})
    page = render(
        Report(
            title=EVIL,
            lead=EVIL,
            runs=[run, Run(EVIL, 1, run.curves, run.figures)],
            columns=[Column(EVIL, EVIL)],
            curves=[*keys, "train_loss"],
            variants={EVIL: EVIL},
            loss=EVIL,
            notes=[EVIL],
            symmetries=symmetries,
            errors={one.name: 1e-16 for one in symmetries},
            details={EVIL: EVIL},
        )
    )
    tags = Tags()
    tags.feed(page)
    assert tags.active == []
    assert tags.text.count(EVIL) >= 6
    assert "{{ 7*7 }}" in tags.text


def test_names_name_no_files(quiet, tmp_path):
    folder = tmp_path / "inner" / "stages"
    folder.mkdir(parents=True)
    given = [
        SymmetryMonitor(every_n_steps=2, max_overhead=None),
        StageDetector(every_n_steps=1, save_to=folder),
    ]
    before = set(Path(tmp_path).rglob("*"))

    class Jumping(Classifier):
        def training_step(self, batch, batch_idx):
            return 0 * super().training_step(batch, batch_idx) + (3.0 if batch_idx < 15 else 1.0)

    fit(Jumping(evil_model()), given, quiet, max_steps=32)
    made = set(Path(tmp_path).rglob("*")) - before
    assert made and all(path.parent == folder and path.name.startswith("stage=1-step=") for path in made)
