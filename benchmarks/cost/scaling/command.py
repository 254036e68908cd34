"""``python -m benchmarks scaling``: count what processes exchange at a look, and plan a large run."""

from __future__ import annotations

import argparse
import os
import socket
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import torch.multiprocessing
from torch.distributed.device_mesh import init_device_mesh

from benchmarks.cost.scaling.counted import Counted
from benchmarks.cost.scaling.formula import Plan, received
from benchmarks.cost.scaling.look import decoder, look, planned
from benchmarks.generated import replace_part
from lightning_symmetry.metrics._model.whole_values import WholeValues

Found = dict[bool, tuple[Counter[str], Counter[str]]]
"""Operations and bytes by name, of a sketched look and of an exact one."""

README = Path(__file__).parents[1] / "README.md"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("--processes", type=int, nargs="*", default=[1, 2, 4], help="how many there are")
    parser.add_argument("--write-readme", action="store_true", help=f"put the tables into {README.name}")


def run(options: argparse.Namespace) -> int:
    """Count.

    Args:
        options: What :func:`add_arguments` reads.

    Returns:
        0; 1 if the formula is off.
    """
    params, symmetries = decoder()
    numbers = {name: parameter.numel() for name, parameter in params.items()}
    plans = {exact: planned(params, symmetries, exact) for exact in (False, True)}
    lines = [
        "| look | processes | gathers | bytes by the formula | bytes counted | agreements and sums | bytes |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    is_right = True
    for processes in options.processes:
        found = counted(processes)
        for exact, reads in plans.items():
            calls, exchanged = found[exact]
            expected = received(numbers, reads, processes, size=4)
            is_right &= expected == exchanged["all_gather"]
            lines.append(
                f"| {'exact' if exact else 'sketched'} | {processes} | {reads.total()} | {expected:,.0f} | "
                f"{exchanged['all_gather']:,} | {calls['all_reduce']} | {exchanged['all_reduce']:,} |"
            )
    average = sum(plans[False][name] * numbers[name] for name in numbers) / sum(numbers.values())
    text = "\n".join(lines) + f"\n\n{plan_of(replace(Plan(), reads=average))}"
    print(text)
    if options.write_readme:
        replace_part(README, "scaling", text)
    return 0 if is_right else 1


def plan_of(plan: Plan) -> str:
    """Write a plan down.

    Args:
        plan: Any.

    Returns:
        A table.
    """
    shard, added = plan.memory
    rows = {
        "reads of an average parameter": f"{plan.reads:.2f}",
        "received by a process at a look": f"{plan.bytes / 1e12:.2f} TB",
        "a training step": f"{plan.step:.1f} s",
        "a look": f"{plan.seconds:.0f} s",
        "steps from look to look, for 1 %": f"{plan.interval:.0f}",
        "shard of a process": f"{shard / 1e9:.2f} GB",
        "added to it at most": f"{added / 1e9:.2f} GB",
    }
    head = f"| {plan.parameters:.0e} parameters, {plan.processes} processes | |\n| --- | --- |\n"
    return head + "\n".join(f"| {name} | {value} |" for name, value in rows.items())


def counted(processes: int) -> Found:
    """Count at real looks of some processes.

    Args:
        processes: How many there are, with gloo.

    Returns:
        Operations and bytes by name, of the first process.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    context = torch.multiprocessing.get_context("spawn")
    results = context.Queue()
    workers = [
        context.Process(target=_work, args=(rank, processes, port, results)) for rank in range(processes)
    ]
    for worker in workers:
        worker.start()
    found: Found = results.get()
    for worker in workers:
        worker.join()
    return found


def _work(rank: int, processes: int, port: int, results: Any) -> None:
    from torch.distributed.tensor import Shard, distribute_tensor

    from lightning_symmetry.callbacks._together import Together

    torch.set_num_threads(1)
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": str(processes)}
    mesh = init_device_mesh("cpu", (processes,))
    params, symmetries = decoder()
    shards = {name: distribute_tensor(whole, mesh, [Shard(0)]) for name, whole in params.items()}
    together = Together()
    together.several = processes > 1
    found: Found = {}
    for exact in (False, True):
        with Counted() as count:
            weights, gradients = (WholeValues(shards, together.agree) for _ in range(2))
            look(weights, gradients, symmetries, exact)
        found[exact] = count.calls, count.bytes
    if rank == 0:
        results.put(found)
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()
