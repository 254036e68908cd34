"""Processes that train, and their violent death at a chosen moment."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from collections import Counter
from multiprocessing.context import ForkServerProcess

from benchmarks.reliability.life import ACCUMULATED, Plan, live
from benchmarks.reliability.signs import ACCUMULATION, BATCH, CHECKPOINT, LOOK

CONTEXT = multiprocessing.get_context("forkserver")
"""Processes fork from one that has imported what takes long and done nothing else."""

PATIENCE = 240.0
"""Seconds that a life may go without a sign."""

FILE = "… and of its file, a part of which was left"

AIMS = (CHECKPOINT, ACCUMULATION, LOOK, FILE, BATCH)
"""What kills are aimed at, in turn: left to chance, hardly one would hit what takes so little time."""

MARGIN = 12
"""Batches that a life keeps back for what it has to wait until it does what the kill is aimed at."""


class Life:
    """A process that trains from the last checkpoint on.

    Args:
        plan: What it is to do.

    Attributes:
        doing: What it does at present, as far as it was heard.
        lengths: Seconds that each of its doings took the last time.
    """

    def __init__(self, plan: Plan) -> None:
        CONTEXT.set_forkserver_preload(["benchmarks.reliability.life"])
        self._pulse, sender = CONTEXT.Pipe(duplex=False)
        self.process: ForkServerProcess = CONTEXT.Process(target=live, args=(plan, sender), daemon=True)
        self.process.start()
        sender.close()
        self.doing, self.lengths = "", dict[str, float]()
        self._since = time.perf_counter()

    def goes_on(self) -> bool:
        """Wait for the next sign.

        Returns:
            Whether there was one; not at the end of the training.

        Raises:
            RuntimeError: If there is neither a sign nor an end.
        """
        if not self._pulse.poll(PATIENCE):
            raise RuntimeError(f"the training gave no sign for {PATIENCE:.0f} s")
        try:
            sign = self._pulse.recv_bytes().decode()
        except EOFError:
            return False
        now = time.perf_counter()
        self.lengths[self.doing] = now - self._since
        self.doing, self._since = sign, now
        return True

    @property
    def has_said_more(self) -> bool:
        """Whether there is a sign that nobody has heard."""
        return self._pulse.poll()

    def die(self) -> str:
        """Kill the process.

        Returns:
            What it was doing, which is the last sign that it gave.
        """
        assert self.process.pid is not None
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.join()
        while self.goes_on():
            pass
        return self.doing


def finish(plan: Plan) -> None:
    """Let a training live to its end.

    Args:
        plan: Which one.

    Raises:
        RuntimeError: If it does not come to it.
    """
    life = Life(plan)
    while life.goes_on():
        pass
    life.process.join()
    if not plan.weights.exists():
        code = life.process.exitcode
        raise RuntimeError(f"the training ended with exit code {code} and left no weights")


def kill(plan: Plan, times: int, seed: int) -> Counter[str]:
    """Kill a training at random moments of what it does, again and again.

    Args:
        plan: Which one.
        times: How often.
        seed: Of the moments.

    Returns:
        How often it was doing what.
    """
    moments, hit = random.Random(seed), Counter[str]()
    most = max(1, plan.steps * ACCUMULATED // max(1, times) - MARGIN)
    for number in range(times):
        hit[interrupt(plan, moments.randint(1, most), AIMS[number % len(AIMS)], moments.random())] += 1
        for fragment in plan.fragments:
            hit[FILE] += 1
            fragment.unlink()
    return hit


def interrupt(plan: Plan, batches: int, aim: str, part: float = 0.0) -> str:
    """Kill a training when it has begun so many batches, and then does something.

    Args:
        plan: Which one.
        batches: How many.
        aim: What it is to do then.
        part: How far into that, by the time that it took before.

    Returns:
        What it was doing indeed.

    Raises:
        RuntimeError: If it ends before.
    """
    life, begun, awaited = Life(plan), 0, CHECKPOINT if aim == FILE else aim
    while begun < batches or life.doing != awaited:
        if not life.goes_on():
            life.process.join()
            code = life.process.exitcode
            raise RuntimeError(f"the training ended with exit code {code} before it was killed")
        begun += life.doing in (BATCH, ACCUMULATION)
    if aim == FILE:
        while not (plan.fragments or life.has_said_more):
            pass
    else:
        time.sleep(part * life.lengths.get(aim, 0.0))
    return life.die()
