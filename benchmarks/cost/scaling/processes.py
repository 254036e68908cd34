"""Several processes that look at sharded weights together, and are watched."""

from __future__ import annotations

import os
import socket
from collections import Counter
from typing import Any

import torch
import torch.multiprocessing
from torch.distributed.device_mesh import init_device_mesh

from benchmarks.cost.scaling.counted import Counted
from benchmarks.cost.scaling.look import decoder, look, wide_decoder
from benchmarks.cost.scaling.peak import peaks
from lightning_symmetry.metrics._model.whole_values import WholeValues

Counts = dict[bool, tuple[Counter[str], Counter[str]]]
"""Operations and bytes by name, of a sketched look and of an exact one."""

Found = tuple[Counts, dict[str, float]]
"""What is exchanged at looks at a small decoder, and what memory looks at a wide one take."""


def counted(processes: int) -> Found:
    """Count at real looks of some processes.

    Args:
        processes: How many there are, with gloo.

    Returns:
        Those of the first process.
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
    found: Counts = {}
    for exact in (False, True):
        with Counted() as count:
            weights, gradients = (WholeValues(shards, together.agree) for _ in range(2))
            look(weights, gradients, symmetries, exact)
        found[exact] = count.calls, count.bytes
    params, symmetries = wide_decoder()
    shards = {name: distribute_tensor(whole, mesh, [Shard(0)]) for name, whole in params.items()}
    del params
    peak = peaks(shards, symmetries, together.agree)
    if rank == 0:
        results.put((found, peak))
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()
