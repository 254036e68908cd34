"""Run work in a process of its own, within a time and a memory."""

from __future__ import annotations

import multiprocessing
import resource
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any, TypeVar

Message = TypeVar("Message")

CONTEXT = multiprocessing.get_context("forkserver")
"""Processes fork from one that has imported what takes long and done nothing else."""


def isolated(
    work: Callable[..., Iterator[Message]], *args: Any, seconds: float, memory: int
) -> Iterator[Message | str]:
    """Yield what the work yields, from another process.

    Args:
        work: A generator function that another process can import.
        *args: Its arguments.
        seconds: When it is stopped.
        memory: Bytes of data that it may allocate.

    Yields:
        Its messages; last, if the work did not come to an end by itself, a string that says why.
    """
    receiver, sender = CONTEXT.Pipe(duplex=False)
    process = CONTEXT.Process(target=_run, args=(sender, memory, work, args), daemon=True)
    deadline = time.monotonic() + seconds
    process.start()
    sender.close()
    try:
        while receiver.poll(max(0.0, deadline - time.monotonic())):
            try:
                message = receiver.recv()
            except EOFError:
                break
            if message is None:
                return
            yield message
        else:
            yield f"stopped after {seconds:.0f} s"
            return
        process.join()
        yield f"ended with exit code {process.exitcode}"
    finally:
        process.kill()
        process.join()
        receiver.close()


def _run(sender: Connection, memory: int, work: Callable[..., Iterator[Any]], args: tuple[Any, ...]) -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    try:
        for message in work(*args):
            sender.send(message)
    except Exception as error:
        line = next(iter(str(error).splitlines()), "")
        sender.send(f"{type(error).__name__}: {line}")
    sender.send(None)
