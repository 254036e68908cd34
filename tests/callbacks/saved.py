"""Sharded runs that are saved, and taken up by as many processes or others; see ``test_sharded.py``."""

import os
import warnings
from types import SimpleNamespace

import lightning.pytorch
import torch
from lightning.pytorch.strategies import ModelParallelStrategy
from torch.distributed.tensor import DTensor

from lightning_symmetry import (
    AddSymmetry,
    Hadamard,
    RemoveSymmetry,
    RepresentationMonitor,
    Schedule,
    StageDetector,
    SymmetryMonitor,
    Syre,
)

from ..processes import launched
from .sharded import QUIET, Sharded, offsets

MIDDLE, END = 5, 9
"""Steps; the first is in the middle of a ramp and of a mean of losses."""

ACCURACY = "symmetry/nearest_centre_accuracy"
"""It leaves each sample out of its centre, but not its copy, when both processes have the same samples."""


def callbacks(adding: bool = False) -> list:
    """All that observe, with others that steer."""
    return [
        StageDetector(every_n_steps=3, strict=True),
        SymmetryMonitor(every_n_steps=4, max_overhead=None, strict=True),
        RepresentationMonitor(["model.2"], every_n_steps=3, batches=2, max_overhead=None, strict=True),
        RemoveSymmetry(Syre(std=0.5), schedule=Schedule(on=2, off=8, ramp=4)),
        *([AddSymmetry({"*.0.weight": Hadamard(), "*": None})] if adding else []),
    ]


def run(steps, attached, port=None, rank=0, processes=2, resume=None, save=None) -> SimpleNamespace:
    """Train alone without a strategy, or as one of some processes that shard the model.

    Returns:
        Weights, offsets, logged numbers, states, and the names of the callbacks that a checkpoint had more.
    """
    options = {"devices": 1}
    if port is not None:
        launched(rank, port, processes)
        options = {"devices": processes, "strategy": ModelParallelStrategy(processes, 1)}
    module = Sharded()
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        trainer = lightning.pytorch.Trainer(**QUIET, **options, max_steps=steps, callbacks=attached)
        trainer.fit(module, ckpt_path=resume)
    if save:
        trainer.save_checkpoint(save)
    states = {type(one).__name__: one.state_dict() for one in attached}
    found = SimpleNamespace(
        weights={name: plain(each) for name, each in module.named_parameters()},
        offsets=offsets(module) if len(attached) < 5 else None,
        logged={key: float(value) for key, value in trainer.callback_metrics.items() if key != ACCURACY},
        states={name: states[name] for name in states.keys() - {"SymmetryMonitor", "RepresentationMonitor"}},
        looked=[one.last_step for one in attached if hasattr(one, "last_step")],
        lacking=[str(each.message) for each in seen if "callbacks used to create" in str(each.message)],
        steps=trainer.global_step,
    )
    if port is not None:
        torch.distributed.destroy_process_group()
    return found


def plain(parameter) -> list:
    """A whole parameter, in plain numbers that a process can send."""
    return (parameter.full_tensor() if isinstance(parameter, DTensor) else parameter).tolist()


def save_and_resume(rank: int, ports: list[int], folder: str) -> dict[str, SimpleNamespace]:
    """Be one of two processes, and then the only one."""
    port = iter(ports)

    def go(steps, attached, **options):
        return run(steps, attached, next(port), rank, **options)

    go(MIDDLE, callbacks(), save=f"{folder}/two")
    go(MIDDLE, callbacks(adding=True), save=f"{folder}/added")
    found = {
        "two by two": go(END, callbacks(), resume=f"{folder}/two"),
        "one by two": go(END, callbacks(), resume=f"{folder}/alone.ckpt"),
        "added": go(END, callbacks(adding=True), resume=f"{folder}/added"),
        "without": go(MIDDLE + 1, [], resume=f"{folder}/two", save=f"{folder}/without"),
    }
    if rank == 0:
        found["two by one"] = go(END, callbacks(), processes=1, resume=f"{folder}/two")
        found["with"] = go(MIDDLE + 3, callbacks(), processes=1, resume=f"{folder}/without")
    os.environ["WORLD_SIZE"] = "2"
    return found
