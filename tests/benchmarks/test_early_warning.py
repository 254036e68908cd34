import math

import pytest

from benchmarks.reproductions.early_warning import table
from benchmarks.reproductions.early_warning.outcome import fell, judged
from benchmarks.reproductions.early_warning.scenarios import COLLAPSE, HEALTHY, ONSET, SCENARIOS
from benchmarks.reproductions.early_warning.watching import History

STEPS = list(range(10, 510, 10))


def history(accuracies, first_alarm=math.inf):
    """A training with one symmetry, whose ranks fall in the first window."""
    values = [
        {
            "symmetry/collapse_risk": float(step >= first_alarm),
            "symmetry/collapse_risk/a.permutation": float(step >= first_alarm),
            "symmetry/participation_ratio/a.permutation": math.exp(-min(step, 160) / 40),
        }
        for step in STEPS
    ]
    return History(STEPS, accuracies, values)


def test_accuracy_falls_where_it_stays_below_its_best():
    falling = [0.9] * 30 + [0.87] + [0.9] * 9 + [0.85] * 10
    assert fell(STEPS, falling) == (0.9, STEPS[40])
    assert fell(STEPS, [0.9] * 46 + [0.85] * 4) == (0.9, None)
    # one lucky look is not the best
    assert fell(STEPS, [0.9, 0.93] + [0.9] * 48) == (0.9, None)
    assert fell(STEPS, [0.9] * 40 + [0.885] * 10)[1] is None


@pytest.mark.parametrize(
    ("first_alarm", "says"), [(350, "| 1 | 0 | 0 | 60 (60 to 60) |"), (430, "| 0 | 1 | 0 | -20")]
)
def test_the_lead_is_that_of_the_first_alarm_over_the_fall(first_alarm, says):
    scenario = next(s for s in SCENARIOS if s.kind == COLLAPSE)
    one = judged(scenario, 0, history([0.9] * 40 + [0.5] * 10, first_alarm))
    assert one.fall == 410 and one.alarms[0] == first_alarm > ONSET
    row = table.leads([one]).splitlines()[-1]
    assert says in row and f"| 0 of {sum(step < ONSET for step in one.looks)} looks |" in row


def test_alarms_of_healthy_trainings_are_counted():
    scenario = next(s for s in SCENARIOS if s.kind == HEALTHY)
    calm, alarmed = (judged(scenario, 0, history([0.9] * 50, first)) for first in (math.inf, 460))
    assert len(calm.looks) == 36 and calm.by_shares == (160, 170)
    *_, row = table.false_alarms([calm, alarmed]).splitlines()
    assert row == "| **all healthy** |  | 2 | 0 | 5 of 72 | 1 | 5 of 72 | 4 | 2 |"
