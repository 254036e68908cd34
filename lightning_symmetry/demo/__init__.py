"""The demo: weight decay collapses a network, and the removal of its symmetries prevents it.

``lightning-symmetry demo`` runs it. It needs the ``demo`` extra and no network.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from time import perf_counter

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from torch.nn.functional import cross_entropy

from lightning_symmetry.demo.data import Digits, digits
from lightning_symmetry.demo.module import DigitClassifier
from lightning_symmetry.demo.outcome import Outcome, summary
from lightning_symmetry.demo.page import page
from lightning_symmetry.demo.quiet import quiet
from lightning_symmetry.demo.settings import VARIANTS, Settings, Variant
from lightning_symmetry.demo.show import show
from lightning_symmetry.demo.train import train
from lightning_symmetry.discovery import find_symmetries
from lightning_symmetry.report.html import write_report
from lightning_symmetry.report.run import Run

__all__ = ["VARIANTS", "Outcome", "Settings", "Variant", "run_demo", "train"]


def run_demo(out: Path, settings: Settings | None = None, console: Console | None = None) -> Outcome:
    """Train every variant with every seed, print the outcome and write it down.

    Args:
        out: Folder for ``report.html`` and ``summary.json``; made if it does not exist.
        settings: What to train, by default what the command line trains.
        console: Where to print, by default the standard output.

    Returns:
        What was found.
    """
    settings, console = settings or Settings(), console or Console()
    out.mkdir(parents=True, exist_ok=True)
    began = perf_counter()
    data = digits()
    with quiet():
        runs = _train_all(data, settings, console)
    images, labels = data.train.tensors
    # Not their mean: every single loss must stay as it is.
    losses = partial(cross_entropy, target=labels, reduction="none")
    network = DigitClassifier(settings.penalty, settings.learning_rate)
    symmetries = find_symmetries(network, images, loss=losses)
    errors = symmetries.errors(network, images)
    outcome = Outcome(settings, runs, symmetries, errors, perf_counter() - began)
    show(outcome, console)
    write_report(page(outcome), out / "report.html")
    (out / "summary.json").write_text(
        json.dumps(summary(outcome), indent=2, allow_nan=False) + "\n", encoding="utf-8"
    )
    console.print(
        f"{outcome.seconds:.0f} s; written: {out / 'report.html'} and {out / 'summary.json'}", soft_wrap=True
    )
    return outcome


def _train_all(data: Digits, settings: Settings, console: Console) -> tuple[Run, ...]:
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    total = settings.epochs * len(settings.seeds) * len(VARIANTS)
    runs = []
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("", total=total)
        # Seed by seed, so that an interrupted look at the progress has seen all variants.
        for seed in settings.seeds:
            for variant in VARIANTS:
                progress.update(task, description=f"{variant.name}, seed {seed}")
                runs.append(train(variant, seed, data, settings, on_epoch=partial(progress.advance, task)))
    return tuple(sorted(runs, key=lambda run: [variant.name for variant in VARIANTS].index(run.name)))
