"""Two processes that work on one task, for tests of what is distributed."""

import os
import random
import socket
from contextlib import suppress

import torch
import torch.distributed
import torch.multiprocessing

PATIENCE = 240
"""Seconds that a process may take to answer."""


def free_ports(count=1):
    """Ports that nobody listens on, all different.

    They are none of those that the system hands out by itself: between this call and their use, which may be
    a minute later, a connection of another test could get one.
    """
    found = []
    while len(found) < count:
        port = random.SystemRandom().randrange(10_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            found += [] if port in found else [port]
    return found


def in_two_processes(work, *arguments):
    """Call ``work(rank, *arguments)`` in two new processes.

    Returns:
        What each returned, in the order of the ranks.
    """
    context = torch.multiprocessing.get_context("spawn")
    results = context.Queue()
    processes = [context.Process(target=_answer, args=(work, rank, arguments, results)) for rank in range(2)]
    try:
        for process in processes:
            process.start()
        answers = dict(results.get(timeout=PATIENCE) for _ in processes)
        return [answers[rank] for rank in range(2)]
    finally:
        for process in processes:
            process.join(PATIENCE)
            process.kill()


def join(rank, port):
    """Become one of the two processes of a group."""
    address = f"tcp://127.0.0.1:{port}"
    torch.distributed.init_process_group("gloo", init_method=address, rank=rank, world_size=2)


def launched(rank, port, processes=2):
    """Pretend that a launcher has started this process, as Lightning expects."""
    launcher = {"RANK": rank, "LOCAL_RANK": rank, "GROUP_RANK": 0}
    launcher |= {"WORLD_SIZE": processes, "LOCAL_WORLD_SIZE": processes}
    launcher |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "TORCHELASTIC_RUN_ID": "test"}
    os.environ.update({key: str(value) for key, value in launcher.items()})


def _answer(work, rank, arguments, results):
    torch.set_num_threads(1)
    results.put((rank, work(rank, *arguments)))
    if torch.distributed.is_initialized():
        torch.distributed.barrier()  # nobody leaves while the other still asks
        torch.distributed.destroy_process_group()
