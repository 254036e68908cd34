"""The demo's report."""

from __future__ import annotations

from lightning_symmetry.demo.outcome import Outcome, versions
from lightning_symmetry.demo.settings import VARIANTS
from lightning_symmetry.demo.train import LAYER_RANK
from lightning_symmetry.report.aggregate import figure
from lightning_symmetry.report.html import Column, Report
from lightning_symmetry.report.run import variants

COLUMNS = (
    Column("effective_rank", "effective rank of the 64×64 layer"),
    Column("test_accuracy", "test accuracy, %", percent=True),
    Column("dead_units", "dead units of 128"),
    Column("distinct_units", "distinct units of 128"),
    Column("feature_rank", "effective rank of its features"),
)
"""Figures of the summary, the first of which is the headline."""

_CURVES = (
    LAYER_RANK,
    "train_loss",
    "symmetry/dead_units",
    "symmetry/distinct_units",
    "symmetry/breaking_distance",
    "symmetry/noether_imbalance",
)


def offset_note(outcome: Outcome) -> str:
    """Say how much of the rank of syre is its random offset's, which no training made.

    Args:
        outcome: What the demo found.

    Returns:
        A sentence or two.
    """
    runs = variants(outcome.runs)
    decay, syre = (figure(runs[name], "rank_without_offset").mean for name in ("decay", "syre"))
    return (
        "The weights of syre contain its frozen random offset, and part of their rank is the offset's. What "
        f"training added to the offset has an effective rank of {syre:.1f}, against {decay:.1f} with weight "
        "decay alone. The features are what the layer makes of the test images."
    )


def page(outcome: Outcome) -> Report:
    """Compose the report.

    Args:
        outcome: What the demo found.

    Returns:
        What :func:`lightning_symmetry.report.write_report` writes.
    """
    settings = outcome.settings
    return Report(
        title="What weight decay does to a network, with and without its symmetries",
        lead="A ReLU network 64-64-64-10 learns scikit-learn's 8×8 handwritten digits in three ways that "
        "differ in nothing but weight decay and the removal of symmetries. States that a symmetry "
        "leaves unchanged are low-rank, and weight decay pulls towards them (arXiv 2502.05300); a "
        "frozen random offset takes their symmetry away (arXiv 2408.15495).",
        runs=outcome.runs,
        columns=COLUMNS,
        curves=_CURVES,
        variants={variant.name: variant.description for variant in VARIANTS},
        notes=(offset_note(outcome),),
        symmetries=outcome.symmetries,
        errors=outcome.errors,
        details={
            "data": "scikit-learn digits, 1437 images to train with, 360 to test",
            "optimizer": f"SGD, momentum 0.9, learning rate {settings.learning_rate:g}, batches of "
            f"{settings.batch_size}",
            "epochs": str(settings.epochs),
            "seeds": ", ".join(map(str, settings.seeds)),
            "penalty γ‖θ‖² of decay and syre": f"γ = {settings.penalty:g}",
            "offset of syre": f"standard deviation {settings.offset:g}",
            "duration": f"{outcome.seconds:.0f} s",
            **versions(),
        },
    )
