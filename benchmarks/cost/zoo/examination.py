"""What discovery says about one specimen, what that costs, and whether it is true."""

from __future__ import annotations

import time
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import torch
from torch import nn

from benchmarks.cost.zoo.gaps import gaps
from benchmarks.cost.zoo.memory import peak_since, reset_peak
from benchmarks.cost.zoo.specimen import Specimen
from benchmarks.cost.zoo.verification import verify
from lightning_symmetry.discovery import Symmetries, TraceError, find_symmetries


@dataclass(frozen=True)
class Examination:
    """What is known of a model so far.

    Attributes:
        library: Where the model is from.
        kind: What kind of model it is.
        name: Its name there.
        reached: How far it came: "", "built", "runs" (for real, but was not traced), "traced" or "verified".
        trouble: Why it came no further.
        parameters: Number of parameters.
        tensors: On what it was traced: "fake", or "real" where these do not do.
        seconds: Wall time of finding the symmetries.
        memory: Bytes by which the resident memory of the process rose meanwhile, at most; NaN where the
            system does not say.
        groups: Number of symmetries by group.
        errors: Relative change of the outputs in float64 by the name of each symmetry that was verified.
        gaps: Number of times that each operation pinned what depends on parameters, and why.
    """

    library: str
    kind: str
    name: str
    reached: str = ""
    trouble: str = ""
    parameters: int = 0
    tensors: str = ""
    seconds: float = 0.0
    memory: float = 0.0
    groups: dict[str, int] = field(default_factory=dict)
    errors: dict[str, float] = field(default_factory=dict)
    gaps: dict[str, int] = field(default_factory=dict)


def examine(known: Examination, specimen: Specimen, budget: float) -> Iterator[Examination]:
    """Find and verify the symmetries of a specimen.

    Args:
        known: What is known so far.
        specimen: The model and its inputs.
        budget: Seconds that verification may take.

    Yields:
        What is known, each time that it is more.
    """
    known = replace(known, reached="built", parameters=sum(p.numel() for p in specimen.model.parameters()))
    yield known
    find_symmetries(nn.Linear(2, 2), torch.zeros(1, 2))
    reset_peak()
    started = time.perf_counter()
    try:
        symmetries, tensors = _find(specimen)
    except TraceError as error:
        specimen.run()
        yield replace(known, reached="runs", trouble=str(error))
        return
    known = replace(
        known,
        reached="traced",
        tensors=tensors,
        seconds=time.perf_counter() - started,
        memory=peak_since(),
        groups=dict(Counter(symmetry.group for symmetry in symmetries)),
    )
    yield known
    known = replace(known, gaps=gaps(specimen))
    yield known
    yield replace(known, reached="verified", errors=verify(symmetries, specimen, budget))


def _find(specimen: Specimen) -> tuple[Symmetries, str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = find_symmetries(specimen.model, *specimen.args, **specimen.kwargs)
    return found, "real" if any("on fake tensors" in str(w.message) for w in caught) else "fake"
