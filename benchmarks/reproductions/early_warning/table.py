"""The outcomes as tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median

from benchmarks.reproductions.early_warning.outcome import Outcome
from benchmarks.reproductions.early_warning.scenarios import HEALTHY, ONSET, SURVIVED


def false_alarms(outcomes: Sequence[Outcome]) -> str:
    """Count the alarms in trainings that nothing is to collapse.

    Args:
        outcomes: Of all trainings.

    Returns:
        A row for each network, one for all, and one for each training with a decay that accuracy survives.
    """
    lines = [
        "| network | optimizers | trainings | accuracy fell | looks with an alarm | trainings with an alarm "
        "| alarms of single symmetries | if ranks were watched: looks | trainings |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    healthy = [one for one in outcomes if one.scenario.kind == HEALTHY]
    for network in dict.fromkeys(one.scenario.network for one in healthy):
        some = [one for one in healthy if one.scenario.network == network]
        optimizers = {one.scenario.training for one in some}
        lines.append(_alarms(f"{network} | {len(optimizers)}", some))
    lines.append(_alarms("**all healthy** | ", healthy))
    survived = [one for one in outcomes if one.scenario.kind == SURVIVED]
    for (network, training), some in _by_scenario(survived):
        lines.append(_alarms(f"{network} | {training}", some))
    return "\n".join(lines)


def leads(outcomes: Sequence[Outcome]) -> str:
    """Compare the first alarm with the fall of accuracy, in trainings that are disturbed.

    Args:
        outcomes: Of all trainings.

    Returns:
        A row for each kind of training.
    """
    lines = [
        f"| | network | from step {ONSET} on | trainings | accuracy, best → end | fell "
        "| alarm before the fall | later | never | lead in steps, median (least to most) "
        f"| alarms before step {ONSET} | lead if ranks were watched |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for (network, training), some in _by_scenario(
        [one for one in outcomes if one.scenario.kind not in (HEALTHY, SURVIVED)]
    ):
        fallen = [one for one in some if one.fall is not None]
        lead, others = _leads(fallen, lambda one: one.alarms), _leads(fallen, lambda one: one.by_shares)
        early = sum(steps > 0 for steps in lead)
        before = sum(step < ONSET for one in some for step in one.alarms)
        looks = sum(step < ONSET for one in some for step in one.looks)
        best, last = (median(values) for values in zip(*((one.best, one.last) for one in some), strict=True))
        lines.append(
            f"| {some[0].scenario.kind} | {network} | {training} | {len(some)} | {best:.0%} → {last:.0%} "
            f"| {len(fallen)} | {early} | {len(lead) - early} | {len(fallen) - len(lead)} | {_spread(lead)} "
            f"| {before} of {looks} looks "
            f"| {_spread(others)}; before the fall: {sum(steps > 0 for steps in others)} |"
        )
    return "\n".join(lines)


def _alarms(name: str, some: Sequence[Outcome]) -> str:
    looks = sum(len(one.looks) for one in some)

    def counted(alarms: Callable[[Outcome], tuple[int, ...]]) -> tuple[int, int]:
        return sum(len(alarms(one)) for one in some), sum(bool(alarms(one)) for one in some)

    (at_looks, trainings), (others, other_trainings) = (
        counted(lambda one: one.alarms),
        counted(lambda one: one.by_shares),
    )
    fallen = sum(one.fall is not None for one in some)
    each, alarms_each = sum(one.each for one in some), sum(one.alarms_each for one in some)
    return (
        f"| {name} | {len(some)} | {fallen} | {at_looks} of {looks} | {trainings} | {alarms_each} of {each} "
        f"| {others} | {other_trainings} |"
    )


def _leads(fallen: Sequence[Outcome], alarms: Callable[[Outcome], tuple[int, ...]]) -> list[int]:
    """Steps from the first alarm since the onset to the fall, in trainings that have one."""
    first = [(one.fall, next((step for step in alarms(one) if step >= ONSET), None)) for one in fallen]
    return [fall - step for fall, step in first if fall is not None and step is not None]


def _spread(leads: Sequence[int]) -> str:
    return f"{median(leads):.0f} ({min(leads)} to {max(leads)})" if leads else "no alarm"


def _by_scenario(outcomes: Sequence[Outcome]) -> list[tuple[tuple[str, str], list[Outcome]]]:
    groups: dict[tuple[str, str], list[Outcome]] = {}
    for one in outcomes:
        groups.setdefault((one.scenario.network, one.scenario.training), []).append(one)
    return list(groups.items())
