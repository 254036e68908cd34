"""The machine that a cost was measured on, and what it is capable of."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks.cost.observation.arithmetic import Rates, product_rates
from benchmarks.cost.observation.timing import alternate

CPUS = Path("/proc/cpuinfo")


@dataclass(frozen=True)
class Machine:
    """Where something was measured.

    Attributes:
        accelerator: ``cpu`` or the type of device, ``cuda``.
        name: Of the processor or of the accelerator.
        threads: Of torch on the CPU.
        memory: Bytes of the memory of the computer, or of the accelerator.
        system: Operating system.
        python: Version.
        torch: Version.
        rates: Of matrix products.
        bandwidth: Bytes a second that a sum of two long vectors reads and writes.
    """

    accelerator: str
    name: str
    threads: int
    memory: int
    system: str
    python: str
    torch: str
    rates: Rates
    bandwidth: float

    @property
    def device(self) -> torch.device:
        """Where models are put."""
        return torch.device(self.accelerator)

    def __str__(self) -> str:
        threads = f"{self.threads} thread{'s' * (self.threads > 1)} of " if self.accelerator == "cpu" else ""
        return f"{threads}{self.name}, torch {self.torch}"

    @property
    def pace(self) -> str:
        """What it is capable of, in a sentence."""
        return (
            f"Products of large matrices: {self.rates.single / 1e9:.3g} GFLOP/s in float32, "
            f"{self.rates.double / 1e9:.3g} GFLOP/s in float64. A sum of two long vectors: "
            f"{self.bandwidth / 1e9:.3g} GB/s."
        )


def measured(device: torch.device, repeat: int) -> Machine:
    """Describe this machine, and time what bounds every measurement on it.

    Args:
        device: The part of it that computes.
        repeat: Timings, of which the median counts.

    Returns:
        The description.
    """
    if device.type == "cuda":
        name, memory = torch.cuda.get_device_name(device), torch.cuda.mem_get_info(device)[1]
    else:
        name, memory = _processor(), os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Machine(
        device.type,
        name,
        torch.get_num_threads(),
        memory,
        f"{platform.system()} {platform.machine()}",
        platform.python_version(),
        torch.__version__,
        product_rates(repeat, device),
        memory_pace(repeat, device),
    )


def memory_pace(repeat: int, device: torch.device, size: int = 2**25) -> float:
    """Bytes a second that a sum of two long vectors reads and writes.

    Args:
        repeat: Timings, of which the median counts.
        device: What adds.
        size: Numbers in a vector.

    Returns:
        The pace.
    """
    one, other = torch.zeros(size, device=device), torch.zeros(size, device=device)
    return 3 * 4 * size / alternate({"sum": lambda: one.add_(other)}, repeat, device)["sum"].seconds


def _processor() -> str:
    """Its name, as Linux knows it; elsewhere what Python knows."""
    lines = CPUS.read_text().splitlines() if CPUS.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
