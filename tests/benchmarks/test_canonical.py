"""The known alignments of a small classifier, from a third of the steps and one seed."""

import pytest

from benchmarks.reproductions.canonical import STATED, Setting, measured, table

TRAINED = {"before training": Setting(steps=0), "no decay": Setting(steps=1000)}
TRAINED |= {"decay 0.005": Setting(steps=1000, decay=5e-3)}


@pytest.fixture(scope="module")
def found():
    return {name: measured(setting) for name, setting in TRAINED.items()}


def mean(values):
    return sum(values) / len(values)


@pytest.mark.parametrize("relation", STATED)
@pytest.mark.parametrize("place", range(3))
def test_alignments_lie_in_the_known_ranges(found, relation, place):
    stated = STATED[relation][place]
    values = found[list(TRAINED)[place]][relation]
    assert len(values) == 3
    if stated:
        low, high = map(float, stated.split("–"))
        assert low - 0.02 < mean(values) < high + 0.02


def test_the_baseline_explains_the_alignment_of_gradients_before_training_and_not_after(found):
    for relation in ("forward_hg", "forward_gz", "backward_hg"):
        before, after = found["before training"], found["decay 0.005"]
        assert before[relation] == pytest.approx(before[f"{relation}_shuffled"], abs=0.05)
        assert mean(after[relation]) > mean(after[f"{relation}_shuffled"]) + 0.6


def test_matrices_of_two_layers_align_as_published(found):
    pairs = found["decay 0.005"]["random pair"]
    assert len(pairs) == 6
    assert mean(pairs) == pytest.approx(0.14, abs=0.03)


def test_the_tables_hold_all_relations(found):
    wide = {f"{name}, batch 512": values for name, values in found.items()}
    text = table(found | wide)
    assert text.count("| backward_hz |") == 3
    assert all(stated in text for row in STATED.values() for stated in row)
