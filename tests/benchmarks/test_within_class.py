"""Collapse with the symmetries of a small classifier and without, at its beginning."""

import pytest

pytest.importorskip("sklearn")

from benchmarks.reproductions.within_class import HIDDEN, Setting, measured, table

RANK = f"feature_rank/model.{2 * HIDDEN}"


def test_classes_part_with_symmetries_and_without():
    settings = {std: Setting(decay=5e-3, std=std, seed=0, steps=300) for std in (None, 1.0)}
    found = {std: measured(setting) for std, setting in settings.items()}
    with_them, without = found.values()
    # both begin with the same weights, and go different ways
    assert with_them["initial"] == without["initial"] > 5 * without["nc1_trace_ratio"]
    assert with_them["nc1_trace_ratio"] != without["nc1_trace_ratio"]
    assert min(values[RANK] for values in found.values()) > 1
    assert min(values["test"] for values in found.values()) > 0.2  # by chance 0.1
    rows = table({(5e-3, std): [values] for std, values in found.items()}).splitlines()
    assert len(rows) == 4
    assert f"{without['nc1_trace_ratio']:.3g}" in rows[3]
