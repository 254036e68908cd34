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
