"""Two processes switch at the same steps, and average the gradients of what came."""

import lightning.pytorch
import pytest
import torch
from lightning.pytorch.strategies import DDPStrategy

from lightning_symmetry import AddSymmetry, LowRank, OnMetric, RemoveSymmetry, Schedule, Syre

from ...processes import free_ports, in_two_processes, launched
from .small import Small, network


class Apart(Small):
    """Each process has half of every batch, and its own opinion of the risk."""

    def training_step(self, batch, batch_idx):
        rank, world = self.global_rank, self.trainer.world_size
        loss = super().training_step([part[rank::world] for part in batch], batch_idx)
        self.log("risk", float(self.global_step >= 4 * (rank + 1)))
        return loss


def steered():
    return [
        AddSymmetry(LowRank(), schedule=Schedule(on=2, off=6, ramp=2)),
        RemoveSymmetry(Syre(std=0.5), schedule=Schedule(on=OnMetric("risk", above=0.5, every_n_steps=3))),
    ]


def train(folder, **options):
    callbacks, module = steered(), Apart()
    trainer = lightning.pytorch.Trainer(
        accelerator="cpu",
        callbacks=callbacks,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
        **{"max_steps": 14, **options},
    )
    return trainer, module, callbacks


def work(rank: int, port: int, folder: str):
    """Be one of two processes: train at once, and then once more with a break in between."""
    launched(rank, port)
    results = []
    for ckpt_path, steps in ((None, 14), (None, 5), (f"{folder}/middle.ckpt", 14)):
        strategy = DDPStrategy(process_group_backend="gloo")
        trainer, module, callbacks = train(folder, devices=2, strategy=strategy, max_steps=steps)
        trainer.fit(module, ckpt_path=ckpt_path)
        if steps == 5:
            trainer.save_checkpoint(f"{folder}/middle.ckpt")
        weights = {name: value.tolist() for name, value in module.state_dict().items()}
        results.append(([callback.history for callback in callbacks], weights))
    return results


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    folder = tmp_path_factory.mktemp("steering")
    return in_two_processes(work, *free_ports(), str(folder)), folder


def test_both_processes_do_the_same(both):
    (one, other), _ = both
    assert one == other


def test_the_first_process_decides(both):
    ((whole, _, _), _), _ = both
    added, removed = whole[0]
    assert [step for step, _, _ in added] == [2, 8]
    assert removed == ((6, "on", "risk > 0.5, found 1.0"),)


def test_they_resume_exactly(both):
    ((whole, _, resumed), _), _ = both
    assert resumed == whole


def test_they_do_what_one_process_does(both):
    ((whole, _, _), _), folder = both
    trainer, module, _ = train(str(folder), devices=1)
    trainer.fit(module)
    assert module.model[0].weight.shape == network()[0].weight.shape
    for name, value in module.state_dict().items():
        expected = torch.tensor(whole[1][name], dtype=torch.float64)
        torch.testing.assert_close(value, expected, rtol=0, atol=1e-12)
