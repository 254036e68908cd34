"""The cost of a look at a small model."""

from benchmarks.cost.observation.cases import CASES
from benchmarks.cost.representation import NAIVE, PART, STEP, WHOLE, measure, table


def test_times_and_memory_of_each_way_are_told():
    results = measure(CASES["demo"], repeat=1)
    assert [result.name for result in results] == [STEP, PART, WHOLE, NAIVE]
    assert all(result.time.seconds > 0 for result in results)
    assert results[2].time.seconds > results[0].time.seconds
    rows = table(results).splitlines()
    assert len(rows) == 6
    assert rows[2].split("|")[4].strip() == "1.00"
