"""The cells of the matrix that take two processes: one launch for all of them."""

import traceback

import pytest
import torch

from ..processes import free_ports, in_two_processes, launched
from .cell import Cell
from .checks import check, distance, trained, weights
from .matrix import DISTRIBUTED

SAME = {"64-true": 1e-14, "32-true": 1e-6}
"""Processes see the same batches: their mean is exact, and only sums over shards are in another order."""

PROBED = Cell("fsdp", "32-true", "model", "1", "sgd", "representations")
"""Not in the matrix: a probe would upset the account that the shards keep of their runs."""


def work(rank: int, port: int, cells: list[Cell], folder: str):
    """Be one of two processes: what went wrong in each cell, or the weights that came out."""
    launched(rank, port)
    return [*(_outcome(cell, folder) for cell in cells), _outcome(PROBED, folder)]


def _outcome(cell: Cell, folder: str):
    try:
        return {name: value.double().numpy() for name, value in check(cell, folder).items()}
    except Exception:
        return traceback.format_exc()


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """What each of two processes returns, by cell."""
    folder = str(tmp_path_factory.mktemp("distributed"))
    answers = in_two_processes(work, *free_ports(), DISTRIBUTED, folder)
    return dict(zip([*DISTRIBUTED, PROBED], zip(*answers, strict=True), strict=True))


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")  # by the compiler
@pytest.mark.filterwarnings("ignore:AddSymmetry acts as the penalty.*AdamW")
@pytest.mark.parametrize("cell", DISTRIBUTED, ids=str)
def test_two_processes(cell, both, tmp_path):
    one, other = both[cell]
    assert not isinstance(one, str), one
    assert not isinstance(other, str), other
    for name, value in one.items():
        assert (value == other[name]).all(), name
    if cell.steers and cell.precision in SAME:
        alone = Cell(**{**vars(cell), "strategy": "single", "compiled": "nothing"})
        expected = {n: v.double() for n, v in weights(trained(alone, str(tmp_path))[0]).items()}
        result = {name: torch.from_numpy(value) for name, value in one.items()}
        assert distance(result, expected) < SAME[cell.precision]


def test_a_probe_of_a_sharded_model_is_refused(both):
    for outcome in both[PROBED]:
        assert isinstance(outcome, str) and "`probe` must be None for sharded parameters" in outcome
