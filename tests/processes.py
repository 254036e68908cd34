"""Two processes that work on one task, for tests of what is distributed."""

import multiprocessing.connection
import os
import random
import socket
import traceback
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
    """Call ``work(rank, *arguments)`` in two processes, which are fresh but for what they have imported.

    Returns:
        What each returned, in the order of the ranks.

    Raises:
        RuntimeError: If one has failed, or does not answer.
    """
    if not _PAIR:
        _PAIR.extend(_Worker(rank) for rank in range(2))
    try:
        for worker in _PAIR:
            worker.pipe.send((work, arguments))
        answers = {}
        while len(answers) < 2:
            answers |= _next([worker for worker in _PAIR if worker.rank not in answers])
        return [answers[rank] for rank in range(2)]
    except BaseException:
        while _PAIR:
            _PAIR.pop().kill()
        raise


class _Worker:
    """A process that works on one task after the other: to start one and import all takes ten seconds."""

    def __init__(self, rank) -> None:
        context = torch.multiprocessing.get_context("spawn")
        self.rank = rank
        self.pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(rank, theirs), daemon=True)
        self._process.start()
        theirs.close()

    def kill(self) -> None:
        self._process.kill()
        self._process.join()


_PAIR: list[_Worker] = []


def _next(workers):
    """The answers that come next, by rank."""
    found = {}
    ready = multiprocessing.connection.wait([worker.pipe for worker in workers], PATIENCE)
    if not ready:
        raise RuntimeError(f"no answer for {PATIENCE} s")
    for worker in workers:
        if worker.pipe in ready:
            found[worker.rank], failure = worker.pipe.recv()
            if failure is not None:
                raise RuntimeError(failure)
    return found


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


def _serve(rank, pipe) -> None:
    torch.set_num_threads(1)
    with suppress(EOFError):  # once nobody asks any more
        while True:
            work, arguments = pipe.recv()
            try:
                answer = _undone(work, rank, *arguments), None
            except BaseException:
                answer = None, traceback.format_exc()
            pipe.send(answer)


def _undone(work, *arguments):
    """Call a function and leave nothing behind."""
    torch.manual_seed(0)
    random.seed(0)
    before = dict(os.environ)
    answer = work(*arguments)
    os.environ.clear()
    os.environ.update(before)
    if torch.distributed.is_initialized():
        torch.distributed.barrier()  # nobody leaves while the other still asks
        torch.distributed.destroy_process_group()
    return answer
