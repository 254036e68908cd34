"""Features, gradients and weights of a layer come to have the same second moments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from statistics import fmean

from scipy.stats import spearmanr

from benchmarks.reproductions.alignment._classifier import RELATIONS, Alignments, aligned, said
from benchmarks.reproductions.estimate import Estimate, estimate
from benchmarks.reproductions.outcome import Control, Figure, Line, Outcome, Panel
from benchmarks.reproductions.reproduction import Reproduction, Size

DECAYS = (0.0, 5e-4, 5e-3, 2e-2)
BATCHES = (32, 64, 256, 1024)
DECAY, BATCH = 5e-3, 64
"""What is kept where the other is varied."""

STEPS, BETWEEN = 3008, 188
"""Optimizer steps of batches of 64, and those from one look to the next where training is followed."""

PUBLISHED: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "forward_hg": {"before": (0.20, 0.31), "decay 0": (0.70, 0.84), "decay 0.005": (0.85, 0.89)},
    "forward_gz": {"before": (0.30, 0.37), "decay 0": (0.75, 0.83), "decay 0.005": (0.93, 0.96)},
    "forward_hz": {"before": (0.66, 0.84)},
    "backward_hg": {"before": (0.20, 0.57), "decay 0": (0.71, 0.82), "decay 0.005": (0.79, 0.90)},
}
"""Ranges over layers, by relation and stage, after 3000 steps of batches of 64."""

Runs = dict[float, list[Alignments]]
"""Trainings with one seed each, by what is varied."""

When = Callable[[float], int]
"""The step after which a training is compared with others, by what is varied."""


def measure(size: Size) -> Outcome:
    """Vary weight decay, and the batch size in as many steps and in as many epochs."""
    seeds = size.held_out
    decays = {
        decay: [aligned(decay, BATCH, seed, STEPS, BETWEEN if decay == DECAY else STEPS) for seed in seeds]
        for decay in DECAYS
    }
    sizes: Runs = {
        batch: [_with(batch, seed) for seed in seeds] if batch != BATCH else decays[DECAY]
        for batch in BATCHES
    }
    return Outcome(
        [
            *_ranges(decays),
            _rise(decays[DECAY]),
            *(_with_decay(decays, name) for name in RELATIONS),
            *(_with_batch(sizes, name, _same_steps, "as many steps") for name in RELATIONS),
            *(_with_batch(sizes, name, _same_epochs, "as many epochs") for name in RELATIONS),
        ],
        [*_controls(sizes, _same_steps, "steps"), *_controls(sizes, _same_epochs, "epochs")],
        _panels(decays, sizes),
        "Ten Gaussian clusters in 32 dimensions, 2048 samples, about 3000 steps of SGD with momentum; means "
        "over the hidden layers behind the first, as `RepresentationMonitor` logs them of all samples. The "
        f"batch size is varied at decay {DECAY:g} and at the same learning rate: in as many steps, where "
        "small batches see fewer epochs, and in as many epochs, where large batches take fewer steps, 188 "
        "of 1024 samples, in which weights have had half a time scale of the decay.",
    )


def _with(batch: int, seed: int) -> Alignments:
    """Train for as many steps and as many epochs, whichever takes longer, and look after both."""
    moments = sorted((_same_steps(batch), _same_epochs(batch)))
    return aligned(DECAY, batch, seed, moments[1], between=moments[0])


def _same_steps(batch: float) -> int:
    return STEPS


def _same_epochs(batch: float) -> int:
    """The step that ends as many epochs as :data:`STEPS` batches of :data:`BATCH` make."""
    return int(STEPS * BATCH / batch)


def _ranges(decays: Runs) -> list[Figure]:
    """Judge means by the published ranges."""
    figures = []
    for name, stages in PUBLISHED.items():
        for stage, (low, high) in stages.items():
            runs, step = (decays[0.0], 0) if stage == "before" else (decays[float(stage.split()[1])], STEPS)
            ours = estimate([run.at(name, step) for run in runs])
            published = f"{low:.2f} to {high:.2f} over layers, which the mean is to lie in"
            figures.append(Figure(f"{said(name)}, {stage}", ours, published, low <= ours.mean <= high))
    return figures


def _rise(runs: list[Alignments]) -> Figure:
    """Judge whether all six alignments grow in training."""
    least = estimate([min(run.at(name, STEPS) - run.at(name, 0) for name in RELATIONS) for run in runs])
    return Figure(
        f"rise in training at decay {DECAY:g}, the least of all six relations",
        least,
        "moments align in training; more than 0, by the whole interval",
        least.low > 0,
    )


def _with_decay(decays: Runs, name: str) -> Figure:
    """Judge whether one alignment grows with weight decay."""
    along = _correlation(decays, name, _same_steps)
    return Figure(
        f"rank correlation of the {said(name)} with the weight decay",
        along,
        "more decay aligns more; more than 0, by the whole interval",
        along.low > 0,
    )


def _with_batch(sizes: Runs, name: str, when: When, compared: str) -> Figure:
    """Judge whether one alignment falls with the batch size."""
    along = _correlation(sizes, name, when)
    return Figure(
        f"rank correlation of the {said(name)} with the batch size, {compared}",
        along,
        "large batches align less; less than 0, by the whole interval",
        along.high < 0,
    )


def _correlation(runs: Runs, name: str, when: When) -> Estimate:
    """Spearman's correlation along a sweep, for each seed."""
    found = []
    for each in zip(*runs.values(), strict=True):
        values = [run.at(name, when(varied)) for varied, run in zip(runs, each, strict=True)]
        found.append(float(spearmanr(list(runs), values).statistic))
    return estimate(found)


def _controls(sizes: Runs, when: When, compared: str) -> list[Control]:
    return [
        Control(
            f"mean of all six alignments at batch {batch:g}, as many {compared}",
            estimate([fmean(run.at(name, when(batch)) for name in RELATIONS) for run in runs]),
        )
        for batch, runs in sizes.items()
    ]


def _panels(decays: Runs, sizes: Runs) -> list[Panel]:
    steps = range(0, STEPS + 1, BETWEEN)
    over_training = [
        Line(name, steps, [fmean(run.at(name, step) for run in decays[DECAY]) for step in steps])
        for name in RELATIONS
    ]
    return [
        Panel(f"over training, decay {DECAY:g}, batch {BATCH}", "step", "alignment", over_training),
        Panel(f"against decay, batch {BATCH}", "weight decay", "alignment", _lines(decays, _same_steps)),
        Panel("against batch size, as many steps", "batch", "alignment", _lines(sizes, _same_steps), "x"),
        Panel("against batch size, as many epochs", "batch", "alignment", _lines(sizes, _same_epochs), "x"),
    ]


def _lines(runs: Runs, when: When) -> list[Line]:
    return [
        Line(name, list(runs), [fmean(run.at(name, when(x)) for run in each) for x, each in runs.items()])
        for name in RELATIONS
    ]


REPRODUCTION = Reproduction(
    claim="In training, moments of features, gradients and weights align, more with weight decay.",
    source="Ziyin, Chuang, Galanti, Poggio, arXiv 2410.03006",
    measure=measure,
)
