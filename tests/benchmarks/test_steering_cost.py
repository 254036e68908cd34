import pytest
import torch
from torch import nn

from benchmarks.cost.observation.cases import Case
from benchmarks.cost.observation.timing import Timing
from benchmarks.cost.steering import table
from benchmarks.cost.steering.measurement import Steered, first, measure
from benchmarks.cost.steering.watch import Watch
from benchmarks.cost.steering.ways import OPTIMIZER_FORM, OPTIMIZERS, PLAIN, REMOVING, WAYS

CASE = Case(
    "two layers",
    lambda: nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3)),
    lambda: (torch.randn(2, 4), torch.randint(3, (2,))),
)
NUMBERS = 4 * 6 + 6 + 6 * 3 + 3


def steered(way, step, update, moved, kept, optimizer="SGD"):
    return Steered("net", optimizer, way, Timing(step, 0.1, 5), Timing(update, 0, 5), moved, kept, 2 * kept)


RESULTS = [
    steered(PLAIN, 2.0, 0.2, 1e9, 2**20),
    steered(OPTIMIZER_FORM, 2.03, 0.225, 1.5e9, 3 * 2**19),
    steered(PLAIN, 4.0, 0.5, 1e9, 2**20, "AdamW"),
    steered(OPTIMIZER_FORM, 5.0, 0.49, 2e9, 3 * 2**19, "AdamW"),
]


def test_steps_stand_beside_the_plain_one_of_the_same_optimizer():
    rows = table.steps(RESULTS).splitlines()[2:]
    assert rows[0] == "| net | SGD | plain | 2.00 s ± 2% | 1.000 | 200 ms ± 0% |  | 1 MiB | 2 MiB |"
    assert rows[1].endswith("| 2.03 s ± 2% | 1.015 | 225 ms ± 0% | +1.25% | 1.5 MiB | 3 MiB |")
    assert "| 5.00 s ± 1% | 1.250 | 490 ms ± 0% | -0.25% |" in rows[3]


def test_what_is_moved_more_takes_memory_so_long():
    rows = table.memory(RESULTS, 10e9).splitlines()[2:]
    assert len(rows) == 2
    assert rows[0].endswith("| 1 GB | 0.5 GB | 50 ms | 2.50% |")


def test_every_row_has_the_columns_of_its_head():
    for text in (table.steps(RESULTS), table.memory(RESULTS, 1e9)):
        assert len({line.count("|") for line in text.splitlines()}) == 1


@pytest.mark.parametrize(("optimizer", "ways"), [("SGD", WAYS), ("AdamW", (PLAIN, *REMOVING))])
def test_a_model_is_measured_in_every_way(optimizer, ways):
    results = {r.way: r for r in measure(CASE, 2, optimizer, list(ways), repeat=1)}
    assert list(results) == list(ways)
    assert all(r.step.seconds > 0 and r.update.seconds > 0 and r.most > r.kept for r in results.values())
    plain, state = results[PLAIN], {"SGD": 1, "AdamW": 2}[optimizer]
    counters = 4 * 4 if optimizer == "AdamW" else 0  # of the steps of each tensor
    assert plain.kept == 4 * NUMBERS * (2 + state) + counters
    for way in REMOVING:
        assert results[way].kept - plain.kept == 4 * NUMBERS
        assert results[way].moved > plain.moved


def test_every_way_begins_with_the_function_of_the_plain_model():
    x = torch.randn(3, 4, generator=torch.Generator().manual_seed(1))
    outputs = {}
    for name, way in WAYS.items():
        torch.manual_seed(0)
        forward, _ = way(CASE.build(), OPTIMIZERS["SGD"])
        outputs[name] = forward(x).detach()
    shifted = outputs.pop("Syre, `functional_call`")  # as the paper begins: with the offset added
    assert 1e-4 < (shifted - outputs[PLAIN]).abs().max() < 0.1
    for output in outputs.values():
        torch.testing.assert_close(output, outputs[PLAIN], rtol=1e-5, atol=1e-6)


def test_bytes_that_are_alive_are_counted_once():
    with Watch() as watch:
        tensor = torch.zeros(1000)
        view = tensor[:10]
    assert watch.alive == 4000
    del tensor
    assert watch.alive == 4000
    del view
    assert watch.alive == 0


def test_what_was_alive_at_once_is_found_after_it_is_gone():
    with Watch() as watch:
        kept = [torch.zeros(500)]
        for _ in range(3):
            torch.zeros(1000).add(1)
        kept.clear()
        watch.reset()
        torch.zeros(200)
    assert (watch.most, watch.alive) == (800, 0)
    watch = Watch()
    with watch:
        for _ in range(3):
            torch.zeros(1000).add(1)
    assert watch.most == 8000


def test_a_sum_in_place_reads_two_and_writes_one_be_it_of_lists():
    one, other = torch.zeros(10), torch.ones(10)
    for action in (lambda: one.add_(other), lambda: torch._foreach_add_([one], [other])):
        with Watch() as watch:
            action()
        assert watch.moved == 3 * 40


def test_samples_are_kept_with_all_their_targets():
    x, y = first(2, torch.arange(3), torch.arange(12))
    assert x.tolist() == [0, 1] and y.tolist() == list(range(8))
