"""Few runs in which every two values of different factors meet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product

Run = dict[str, str]
Pair = frozenset[tuple[str, str]]


def pairs(run: Run) -> set[Pair]:
    """What meets in a run."""
    return {frozenset(pair) for pair in combinations(run.items(), 2)}


@dataclass(frozen=True)
class Design:
    """Runs and what they cover.

    Attributes:
        runs: Values by factor.
        covered: Pairs that meet in some run.
        impossible: Pairs that meet in no legal run at all.
    """

    runs: list[Run]
    covered: set[Pair]
    impossible: set[Pair]


def covering(
    factors: Mapping[str, Sequence[str]],
    is_legal: Callable[[Run], bool],
    cost: Callable[[Run], float],
) -> Design:
    """Choose runs greedily, each for the most new pairs at its cost.

    Args:
        factors: Values of each factor.
        is_legal: Whether a run exists.
        cost: Of a run.

    Returns:
        A design that covers every pair of some legal run; the same at every call.
    """
    every = [dict(zip(factors, values, strict=True)) for values in product(*factors.values())]
    legal = [run for run in every if is_legal(run)]
    numbers = {pair: i for i, pair in enumerate(dict.fromkeys(pair for run in every for pair in pairs(run)))}
    masks = [sum(1 << numbers[pair] for pair in pairs(run)) for run in legal]
    costs = [cost(run) for run in legal]
    reachable = 0
    for mask in masks:
        reachable |= mask
    runs, left = [], reachable
    while left:
        best = max(range(len(legal)), key=lambda i: (masks[i] & left).bit_count() / costs[i])
        runs.append(legal[best])
        left &= ~masks[best]
    covered = {pair for pair, number in numbers.items() if reachable >> number & 1}
    return Design(runs, covered, numbers.keys() - covered)
