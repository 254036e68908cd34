"""What a look exchanges: the formula, and what it says of large runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


def received(numbers: Mapping[str, int], reads: Mapping[str, int], processes: int, size: int) -> float:
    r"""Compute the bytes that a process receives at a look.

    .. math:: \frac{w - 1}{w} \sum_p r_p\, |p|\, s

    Args:
        numbers: |p| of every parameter.
        reads: r_p, how often it is put together.
        processes: w.
        size: s, bytes of a number.

    Returns:
        Bytes, those of agreements left out.
    """
    return (processes - 1) / processes * sum(reads[name] * numbers[name] * size for name in reads)


@dataclass(frozen=True)
class Plan:
    """A run of many processes, and what it is assumed to reach.

    Attributes:
        parameters: How many there are.
        processes: How many share them.
        reads: How often an average parameter is put together at a look.
        largest: Numbers of the largest parameter.
        tensors: How many parameters there are by name.
        size: Bytes of a number.
        bandwidth: Bytes a second that a process receives.
        latency: Seconds of a small all_reduce over all processes.
        operations: Operations a second in a training step, of one process.
        tokens: Of a training step.
        measuring: Operations a second in float32 products of a look.
    """

    parameters: float = 1e11
    processes: int = 1024
    reads: float = 0.0
    largest: float = 51200 * 10240
    tensors: int = 1000
    size: int = 4
    bandwidth: float = 40e9
    latency: float = 1e-4
    operations: float = 4e14
    tokens: float = 4e6
    measuring: float = 3e13

    @property
    def step(self) -> float:
        """Seconds of a training step, of six operations a parameter and token."""
        return 6 * self.parameters * self.tokens / (self.processes * self.operations)

    @property
    def bytes(self) -> float:
        """Bytes that a process receives at a look."""
        return (self.processes - 1) / self.processes * self.reads * self.parameters * self.size

    @property
    def seconds(self) -> float:
        """Seconds of a look: bytes, agreements, and a projection of every weight that each process makes."""
        meeting = self.latency * self.reads * self.tensors
        return self.bytes / self.bandwidth + meeting + 2 * 64 * self.parameters / self.measuring

    @property
    def interval(self) -> float:
        """Steps from look to look for 1 % of the time."""
        return self.seconds / (0.01 * self.step)

    @property
    def memory(self) -> tuple[float, float]:
        """Bytes of a process's shard, and of the largest weight with its gradient, which a look adds."""
        return self.parameters * self.size / self.processes, 2 * self.largest * self.size
