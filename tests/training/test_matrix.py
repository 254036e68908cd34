"""Observing changes nothing and steering is the same, however one trains: every pair of ways is tried."""

from dataclasses import asdict

import pytest

from .cell import FACTORS
from .checks import check
from .covering import covering, pairs
from .matrix import CELLS, DESIGN, SINGLE, is_legal, summary


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")  # by the compiler
@pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated")  # by the compiler
@pytest.mark.filterwarnings("ignore:AddSymmetry acts as the penalty.*AdamW")
@pytest.mark.parametrize("cell", SINGLE, ids=str)
def test_one_process(cell, tmp_path):
    check(cell, str(tmp_path))


def test_every_two_ways_to_train_meet_in_a_run():
    met = set().union(*(pairs(asdict(cell)) for cell in CELLS))
    assert met >= DESIGN.covered
    assert all(is_legal(asdict(cell)) for cell in CELLS)
    values = {(factor, value) for factor, values in FACTORS.items() for value in values}
    every = {frozenset({a, b}) for a in values for b in values if a[0] != b[0]}
    assert DESIGN.covered | DESIGN.impossible == every and not DESIGN.covered & DESIGN.impossible
    assert summary().startswith(f"{len(CELLS)} runs cover all {len(DESIGN.covered)} pairs")


def test_a_pair_is_impossible_only_if_no_run_has_it():
    factors = {"a": ("1", "2"), "b": ("1", "2"), "c": ("1", "2")}
    design = covering(factors, lambda run: run["a"] == "1" or run["b"] == "1", lambda run: 1.0)
    assert design.impossible == {frozenset({("a", "2"), ("b", "2")})}
    assert len(design.covered) == 11
    assert set().union(*map(pairs, design.runs)) == design.covered
