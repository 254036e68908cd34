"""Two processes with losses of their own: both find the same, at the mean of the losses."""

import lightning.pytorch
import pytest
from lightning.pytorch.strategies import DDPStrategy

from lightning_symmetry import StageDetector

from ..processes import free_ports, in_two_processes, launched
from .runs import Classifier


class Apart(Classifier):
    """One process sees 2 fall to 1, the other 4 to 1, and neither a number in step 4."""

    def training_step(self, batch, batch_idx):
        loss = super().training_step(batch, batch_idx)
        before = float("nan") if self.global_step == 4 else 2.0 + 2 * self.global_rank
        return 0 * loss + (before if self.global_step < 20 else 1.0)


def work(rank: int, port: int, folder: str):
    """Be one of two processes."""
    launched(rank, port)
    detector = StageDetector(every_n_steps=2, save_to=folder, strict=True)
    trainer = lightning.pytorch.Trainer(
        accelerator="cpu",
        devices=2,
        strategy=DDPStrategy(process_group_backend="gloo"),
        callbacks=[detector],
        max_steps=40,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(Apart())
    return detector.state_dict(), [t.to_dict() for t in detector.transitions]


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """What each of two processes finds, and the folder that they save to."""
    folder = tmp_path_factory.mktemp("stages")
    return in_two_processes(work, *free_ports(), str(folder)), folder


def test_both_processes_find_the_same(both):
    (one, other), folder = both
    assert one == other
    (fall,) = one[1]
    assert (fall["step"], fall["kind"], fall["before"], fall["after"]) == (22, "fell", 3.0, 1.0)
    assert [path.name for path in folder.iterdir()] == ["stage=1-step=36.ckpt"]
