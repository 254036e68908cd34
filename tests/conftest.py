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


def pytest_collection_modifyitems(items) -> None:
    """Leave these out of coverage, which takes as long as the tests themselves and would find nothing new."""
    again = [Path(__file__).parent / place for place in AGAIN]
    for item in items:
        if any(place == item.path or place in item.path.parents for place in again):
            item.add_marker(pytest.mark.no_cover)
