"""Which operations discovery does not understand, where it matters: they pin what depends on parameters."""

from __future__ import annotations

import re
import warnings
from collections import Counter

from benchmarks.cost.zoo.specimen import Specimen
from lightning_symmetry.discovery._program.history import read
from lightning_symmetry.discovery._program.program import Program
from lightning_symmetry.discovery._program.statements import Pin, defined
from lightning_symmetry.discovery._program.values import Origin, Value
from lightning_symmetry.discovery._tracing.trace import trace

_MODULE = re.compile(r"^(\S+) in \S+:")
"""Where in the model an operation stands, behind its name."""


def gaps(specimen: Specimen) -> dict[str, int]:
    """Count the pins of a model's trace that touch what depends on a trained parameter.

    Args:
        specimen: The model and its inputs.

    Returns:
        Number of pins by reason; the pin of the outputs is no gap.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pins(trace(specimen.model, specimen.model, (specimen.args, specimen.kwargs)))


def pins(program: Program) -> dict[str, int]:
    """Count the pins of a program that touch what depends on a trained parameter, by reason."""
    moving: set[Value] = {value for value in program.values if value.origin is Origin.PARAMETER}
    count: Counter[str] = Counter()
    for statement in program.statements:
        if any(value in moving for value in read(statement)):
            moving.update(defined(statement))
            if isinstance(statement, Pin):
                count[_MODULE.sub(r"\1:", statement.reason)] += 1
    del count["outputs are what must not change"]
    return dict(count)
