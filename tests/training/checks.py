"""What has to hold in every cell of the matrix."""

from __future__ import annotations

import pytest
import torch

from lightning_symmetry import (
    AddSymmetry,
    Hadamard,
    RemoveSymmetry,
    RepresentationMonitor,
    StageDetector,
    SymmetryMonitor,
    Syre,
    add_symmetry,
    remove_symmetry,
)
from lightning_symmetry.metrics import OrderParameters

from ..callbacks.runs import Batches, monitored
from .cell import STEPS, Cell

EVERY = 2
REMOVAL, ADDITION = Syre(std=1.0), Hadamard()
OF_A_SERIES = ("growth_rate", "orbit_leak", "collapse_risk", "charge_drift")


def callbacks(cell: Cell) -> list:
    """New ones, of the kind that the cell is about."""
    # compiled code hides its layers: a probe runs uncompiled
    probe = {"probe": Batches().batches[0], "probe_gradients": True} if cell.compiled != "nothing" else {}
    monitors = {
        "symmetries": lambda: SymmetryMonitor(every_n_steps=EVERY, strict=True, max_overhead=None),
        "representations": lambda: RepresentationMonitor(
            every_n_steps=EVERY, batches=1, strict=True, max_overhead=None, **probe
        ),
        "stages": lambda: StageDetector(every_n_steps=EVERY, strict=True),
    }
    if cell.callback == "all monitors":
        return [make() for make in monitors.values()]
    steering = {"removal": lambda: RemoveSymmetry(REMOVAL), "addition": lambda: AddSymmetry(ADDITION)}
    return [(monitors | steering)[cell.callback]()]


def trained(cell: Cell, folder: str, *, bare: bool = False, before=None):
    """Train in a cell.

    Args:
        cell: Where.
        folder: Where the Trainer may write.
        bare: Whether to leave out the callbacks.
        before: What to do with the model first.

    Returns:
        The module, the Trainer, its callbacks and the random states afterwards.
    """
    module = cell.module()
    if before is not None:
        before(module)
    used = [] if bare else callbacks(cell)
    trainer, random_states = cell.fit(module, used, folder)
    assert trainer.global_step == STEPS
    return module, trainer, used, random_states


def weights(module) -> dict[str, torch.Tensor]:
    """All parameters and buffers, whole in every process."""
    return {name: whole(value) for name, value in module.state_dict().items()}


def whole(value: torch.Tensor) -> torch.Tensor:
    value = value.detach()
    return value.full_tensor() if hasattr(value, "full_tensor") else value


def check_monitors(cell: Cell, folder: str) -> dict[str, torch.Tensor]:
    """Train with monitors and without: nothing may differ, and what is logged is true.

    Returns:
        The weights.
    """
    watched, trainer, used, drawn = trained(cell, folder)
    plain, _, _, expected = trained(cell, folder, bare=True)
    assert drawn == expected
    result = weights(plain)
    assert_same(weights(watched), result)
    for (name, one), (_, other) in zip(watched.named_parameters(), plain.named_parameters(), strict=True):
        assert type(one) is type(other), name
        assert (one.grad is None) == (other.grad is None), name
        if one.grad is not None:
            assert torch.equal(whole(one.grad), whole(other.grad)), name
    for name, one in watched.named_modules():
        other = plain.get_submodule(name)
        assert one.training == other.training, name
        assert one.__dict__.keys() == other.__dict__.keys(), name
        for kind in ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks"):
            assert len(getattr(one, kind)) == len(getattr(other, kind)), name
    for callback in used:
        check_logged(callback, watched, monitored(trainer))
    return result


def check_logged(callback, module, logged: dict[str, float]) -> None:
    """What a callback has logged at the last step is that of the final weights."""
    if isinstance(callback, StageDetector):
        assert logged["symmetry/stage"] == 0
        assert callback.state_dict()["last_reading"] == STEPS
    if isinstance(callback, RepresentationMonitor):
        assert any(key.startswith("symmetry/alignment_forward_hg/") for key in logged)
    if isinstance(callback, SymmetryMonitor):
        assert callback.last_step == STEPS
        named = {name: whole(p) for name, p in module.named_parameters()}
        expected = OrderParameters(callback.symmetries)(named)
        assert expected
        for key, value in expected.items():
            assert logged[key] == pytest.approx(float(value), rel=1e-4, abs=1e-5), key
        assert any(key.startswith("symmetry/growth_rate") for key in logged)


def check_removal(cell: Cell, folder: str) -> dict[str, torch.Tensor]:
    """Train with an offset in the optimizer, and with one in the layers: both are the same.

    Returns:
        The weights of the first.
    """
    module, trainer, _, _ = trained(cell, folder)
    result = weights(module)
    assert not any(o._optimizer_step_pre_hooks or o._optimizer_step_post_hooks for o in trainer.optimizers)
    plain, *_ = trained(cell, folder, bare=True)
    moved = distance(result, weights(plain))
    assert moved > 0.01
    if cell.precision != "bf16-true" and not cell.is_sharded:  # where the layers' form exists
        layered, *_ = trained(cell, folder, bare=True, before=lambda module: remove_symmetry(module, REMOVAL))
        assert distance(result, effective(layered)) < TOLERANCE[cell.precision] * moved
    return result


def check_addition(cell: Cell, folder: str) -> dict[str, torch.Tensor]:
    """Train with factors that the callback adds, and that were added before: both are the same.

    Returns:
        The weights.
    """
    module, *_ = trained(cell, folder)
    before, *_ = trained(cell, folder, bare=True, before=lambda module: add_symmetry(module, ADDITION))
    result = weights(module)
    assert_same(result, weights(before))
    assert len(result) > len(weights(cell.module()))
    return result


TOLERANCE = {"64-true": 1e-11, "32-true": 1e-4, "bf16-mixed": 0.01, "16-mixed": 0.01}
"""Of what removal changes. Weights are stored with and without their offset, so that each is rounded apart;
in mixed precision one in many is then rounded to another neighbour of eight or eleven bits."""


def effective(module) -> dict[str, torch.Tensor]:
    """Weights as the layers use them, under the names of the plain model."""
    return {
        name: getattr(module.get_submodule(owner), leaf).detach()
        for name, _ in module.cell.module().named_parameters()
        for owner, _, leaf in [name.rpartition(".")]
    }


def distance(some, others) -> float:
    """Largest difference of an entry."""
    assert some.keys() == others.keys()
    return max(float((value - others[name]).abs().max()) for name, value in some.items())


def assert_same(some, others) -> None:
    assert some.keys() == others.keys()
    for name, value in others.items():
        assert torch.equal(value, some[name]), name


def check(cell: Cell, folder: str) -> dict[str, torch.Tensor]:
    """Check what has to hold in a cell.

    Returns:
        The final weights, whole.
    """
    if cell.callback == "removal":
        return check_removal(cell, folder)
    return check_addition(cell, folder) if cell.callback == "addition" else check_monitors(cell, folder)
