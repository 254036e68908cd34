import math
from collections import defaultdict
from pathlib import Path

import pytest
import torch

# Small models: a second thread costs more than it computes, and results stop depending on the machine.
torch.set_num_threads(1)


@pytest.fixture
def quiet(tmp_path) -> dict[str, object]:
    """Trainer options for a run on the CPU that prints nothing and writes in the test's folder only."""
    return {
        "accelerator": "cpu",
        "devices": 1,
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "limit_val_batches": 0,
        "default_root_dir": str(tmp_path),
    }


AGAIN = ("benchmarks", "fuzzing", "properties", "training", "discovery/test_architectures.py")
"""Tests that do on more inputs, or together, what others do one by one."""

CASES = 4
"""Of one test that coverage follows, evenly spread: the other cases run through the same lines."""


def pytest_collection_modifyitems(items) -> None:
    """Leave the rest out of coverage, which takes as long as the tests and would find nothing new."""
    again = [Path(__file__).parent / place for place in AGAIN]
    cases = defaultdict(list)
    for item in items:
        cases[item.nodeid.partition("[")[0]].append(item)
    for same in cases.values():
        apart = math.ceil(len(same) / CASES)
        for number, item in enumerate(same):
            is_again = any(place == item.path or place in item.path.parents for place in again)
            if is_again or number % apart:
                item.add_marker(pytest.mark.no_cover)
