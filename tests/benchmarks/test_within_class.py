"""Collapse with the symmetries of a small classifier and without, from a quarter of the steps."""

import pytest

pytest.importorskip("sklearn")

from benchmarks.reproductions.within_class import HIDDEN, Setting, measured, table

RANK = f"feature_rank/model.{2 * HIDDEN}"


def test_without_symmetries_features_keep_more_directions_and_more_variance_within_classes():
    settings = {std: Setting(decay=5e-3, std=std, seed=0, steps=900) for std in (None, 1.0)}
    found = {std: measured(setting) for std, setting in settings.items()}
    with_them, without = found.values()
    assert with_them["initial"] == without["initial"] > 5 * with_them["nc1_trace_ratio"]
    assert without[RANK] > 1.5 * with_them[RANK]
    assert without["nc1_trace_ratio"] > 1.15 * with_them["nc1_trace_ratio"]
    assert min(values["test"] for values in found.values()) > 0.9
    rows = table({(5e-3, std): [values] for std, values in found.items()}).splitlines()
    assert len(rows) == 4
    assert f"{without['nc1_trace_ratio']:.3g}" in rows[3]
