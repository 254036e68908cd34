"""With weight decay the number of distinct neurons stops growing with width."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from benchmarks.reproductions.complexity._students import (
    MOMENTUM,
    NOISE,
    RATE,
    SAMPLES,
    UNITS,
    Trained,
    time_scale,
    trained,
)
from benchmarks.reproductions.estimate import Estimate, estimate
from benchmarks.reproductions.outcome import Control, Figure, Line, Outcome, Panel
from benchmarks.reproductions.reproduction import Reproduction, Size

WIDTHS = (8, 64, 512, 2048)
STEPS = {0.0: 1000, 1e-4: 8000, 1e-3: 5000, 1e-2: 1000, 1e-1: 1000}
"""Optimizer steps by weight decay: several of its time scales."""


Found = dict[float, list[Trained]]
"""Trainings with one seed each, by weight decay."""


def measure(size: Size) -> Outcome:
    """Train over widths and weight decays."""
    found = {
        decay: [trained(WIDTHS, decay, steps * (4 if size.full else 1), seed) for seed in size.held_out]
        for decay, steps in STEPS.items()
    }
    return Outcome(
        [*_growths(found), *_falls(found)],
        _controls(found),
        _panels(found),
        f"The target is a ReLU network with {UNITS} units, of which {SAMPLES} samples are given with noise "
        f"of standard deviation {NOISE}; SGD with rate {RATE} and momentum {MOMENTUM}. A time scale is "
        "(1 - momentum) / (rate × decay): a tenth of the decay takes ten times as long, so weaker decays "
        "have more steps and still fewer time scales. Units merge over tens of them; where training lasts "
        "only a few, the number is not yet final. Without decay nothing moves once the loss has vanished. "
        "Dead units are none. Weights of the first layer begin smaller by the root of the width, so that "
        "one learning rate does for all widths.",
    )


def _growths(found: Found) -> list[Figure]:
    """Judge at each decay whether more units than enough become more distinct ones."""
    wide, wider = WIDTHS[-2:]
    figures = []
    for decay in filter(None, found):
        growth = _ratio(_last(found[decay], wider), _last(found[decay], wide))
        scales = (found[decay][0].units[wider].steps[-1] + 1) / time_scale(decay)
        figures.append(
            Figure(
                f"growth of the number of distinct units from width {wide} to {wider}, decay {decay:g} "
                f"({scales:.3g} time scales)",
                growth,
                "saturates; at most 1.5, by the whole interval",
                growth.high <= 1.5,
            )
        )
    return figures


def _falls(found: Found) -> list[Figure]:
    """Judge from each decay to the next whether there are fewer distinct units."""
    wider = WIDTHS[-1]
    figures = []
    for less, more in pairwise(found):
        ratio = _ratio(_last(found[more], wider), _last(found[less], wider))
        figures.append(
            Figure(
                f"distinct units of {wider} at decay {more:g}, as a share of those at {less:g}",
                ratio,
                "regularisation limits complexity; less than 1, by the whole interval",
                ratio.high < 1,
            )
        )
    return figures


def _controls(found: Found) -> list[Control]:
    wide, wider = WIDTHS[-2:]
    growth = _ratio(_last(found[0.0], wider), _last(found[0.0], wide))
    controls = [Control(f"the same growth without weight decay ({wider / wide:g} times the width)", growth)]
    for decay, trainings in found.items():
        lost = _ratio(_last(trainings, wider), [each.units[wider].values[-3] for each in trainings])
        controls += [
            Control(f"distinct units of {wider} at decay {decay:g}", estimate(_last(trainings, wider))),
            Control(f"the same, as a share of those before the last fifth of training, {decay:g}", lost),
            Control(
                f"loss of {wider} units at decay {decay:g}", estimate([t.losses[wider] for t in trainings])
            ),
        ]
    return controls


def _panels(found: Found) -> list[Panel]:
    wider = WIDTHS[-1]
    over_width = [
        Line(f"weight decay {decay:g}", WIDTHS, [_mean(trainings, width) for width in WIDTHS])
        for decay, trainings in found.items()
    ]
    over_time = []
    for decay in filter(None, found):
        curves = [each.units[wider] for each in found[decay]]
        times = [step / time_scale(decay) for step in curves[0].steps[1:]]
        values = [estimate(units).mean for units in list(zip(*(c.values for c in curves), strict=True))[1:]]
        over_time.append(Line(f"weight decay {decay:g}", times, values))
    decays = list(filter(None, found))
    over_decay = [Line(f"width {w}", decays, [_mean(found[d], w) for d in decays]) for w in WIDTHS]
    return [
        Panel("complexity of what is learned", "width", "distinct units", over_width, log="xy"),
        Panel("its height against decay", "weight decay", "distinct units", over_decay, log="xy"),
        Panel(f"over training, width {wider}", "time scales", "distinct units", over_time, log="xy"),
    ]


def _last(trainings: list[Trained], width: int) -> list[float]:
    return [each.units[width].last for each in trainings]


def _mean(trainings: list[Trained], width: int) -> float:
    return estimate(_last(trainings, width)).mean


def _ratio(values: Sequence[float], others: Sequence[float]) -> Estimate:
    return estimate([value / other for value, other in zip(values, others, strict=True)])


REPRODUCTION = Reproduction(
    claim="With regularisation the number of distinct neurons saturates as the width grows.",
    source="Ziyin, Xu, Poggio, Chuang, arXiv 2502.05300, Sec. 4",
    measure=measure,
)
