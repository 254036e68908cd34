"""What only a GPU can show: its precisions, its compiler, what waits for it, strategies that need one."""

import warnings

import lightning.pytorch
import pytest
import torch
from lightning.pytorch.strategies import FSDPStrategy, ModelParallelStrategy

from lightning_symmetry import (
    RemoveSymmetry,
    RepresentationMonitor,
    StageDetector,
    SymmetryMonitor,
    Syre,
)
from lightning_symmetry.surgery.syre import syre_offset

from ..callbacks.runs import Batches, Classifier, Memory
from ..callbacks.sharded import Replicated
from ..processes import free_ports

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")

MONITORS = {
    "symmetries": lambda **options: SymmetryMonitor(strict=True, max_overhead=None, **options),
    "representations": lambda **options: RepresentationMonitor(
        strict=True, max_overhead=None, batches=1, **options
    ),
}


@pytest.fixture
def on_gpu(quiet, monkeypatch):
    """Trainer options for one process on one GPU."""
    alone = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1"}
    for name, value in (alone | {"MASTER_PORT": str(free_ports()[0])}).items():
        monkeypatch.setenv(name, value)
    yield quiet | {"accelerator": "cuda"}
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def fit(module, callbacks, options, **more):
    """Train, and return the module with what was logged by step."""
    lightning.pytorch.seed_everything(0, verbose=False)
    logger = Memory()
    trainer = lightning.pytorch.Trainer(**options | {"logger": logger} | more, callbacks=callbacks)
    trainer.fit(module)
    return module, logger.rows


def weights(module):
    return {name: value.detach().cpu() for name, value in module.state_dict().items()}


@pytest.mark.parametrize("name", MONITORS)
@pytest.mark.parametrize("precision", ["32-true", "16-mixed", "bf16-mixed", "bf16-true"])
@pytest.mark.parametrize("compiled", [False, True])
def test_weights_are_bit_identical(name, precision, compiled, on_gpu):
    def build():
        module = Classifier()
        if compiled:
            module.model.compile()
        return module

    # Compiled code hides its layers: representations are taken from a probe.
    probe = {"probe": Batches().batches[0]} if compiled and name == "representations" else {}
    plain, _ = fit(build(), [], on_gpu, max_steps=6, precision=precision)
    watched, rows = fit(
        build(), [MONITORS[name](every_n_steps=2, **probe)], on_gpu, max_steps=6, precision=precision
    )
    one, other = weights(plain), weights(watched)
    assert all(torch.equal(one[name], other[name]) for name in one | other)
    assert any(key.startswith("symmetry/") for row in rows.values() for key in row)


@pytest.mark.parametrize(
    "make",
    [
        lambda: SymmetryMonitor(every_n_steps=100, strict=True),
        lambda: RepresentationMonitor(every_n_steps=100, batches=4, strict=True),
        lambda: StageDetector(every_n_steps=100, strict=True),
        lambda: RemoveSymmetry(Syre()),
    ],
)
def test_nothing_waits_for_the_gpu_between_looks(make, on_gpu):
    def waits(callbacks, steps):
        options = {"max_steps": steps, "log_every_n_steps": 1000}
        torch.cuda.set_sync_debug_mode("warn")
        try:
            with warnings.catch_warnings(record=True) as seen:
                warnings.simplefilter("always")
                fit(Classifier(), callbacks, on_gpu, **options)
        finally:
            torch.cuda.set_sync_debug_mode("default")
        return sum("synchroniz" in str(each.message) for each in seen)

    assert waits([make()], 30) - waits([make()], 10) == waits([], 30) - waits([], 10)


def test_flat_parameters_are_refused(on_gpu):
    options = {**on_gpu, "strategy": FSDPStrategy(), "max_steps": 2}
    with pytest.raises(
        ValueError, match=r"must have its values and its shape for SymmetryMonitor.*FSDPStrategy"
    ):
        fit(Classifier(), [SymmetryMonitor(strict=True)], options)


def test_a_monitor_of_flat_parameters_switches_itself_off(on_gpu):
    options = {**on_gpu, "strategy": FSDPStrategy(), "max_steps": 2}
    with pytest.warns(UserWarning, match=r"switches itself off.*FSDPStrategy"):
        _, rows = fit(Classifier(), [SymmetryMonitor()], options)
    assert not any(key.startswith("symmetry/") for row in rows.values() for key in row)


def test_sharded_parameters_are_measured_as_whole_ones(on_gpu):
    class Sharded(Replicated):
        def configure_model(self):
            for layer in (*self.model[::2], self.model):
                torch.distributed.fsdp.fully_shard(layer, mesh=self.device_mesh["data_parallel"])

    def monitor():
        return MONITORS["symmetries"](every_n_steps=1)

    _, whole = fit(Replicated(), [monitor()], on_gpu, max_steps=4)
    strategy = ModelParallelStrategy(data_parallel_size=1, tensor_parallel_size=1)
    _, sharded = fit(Sharded(), [monitor()], on_gpu, max_steps=4, strategy=strategy)
    assert whole.keys() == sharded.keys()
    for step, row in whole.items():
        assert row.keys() == sharded[step].keys()
        for key, value in row.items():
            assert sharded[step][key] == pytest.approx(value, rel=1e-5, abs=1e-5), key


def test_offsets_are_the_same_on_every_device():
    one, other = Classifier(), Classifier().cuda()
    for name, _ in one.named_parameters():
        assert torch.equal(syre_offset(one, name, Syre()), syre_offset(other, name, Syre()).cpu())
