"""The cells of the matrix that are tried: every two values of different factors meet in one."""

from __future__ import annotations

from .cell import FACTORS, Cell
from .covering import Run, covering


def is_legal(run: Run) -> bool:
    """Whether Lightning and torch train in this way at all, and the package claims to."""
    cell = Cell(**run)
    impossible = (
        # who unscales the gradients before they are clipped?
        cell.precision == "16-mixed" and cell.optimizer == "fused" and cell.clips,
        # Lightning shards neither compiled modules nor double precision, and torch fuses nothing over shards
        # of which some are whole
        cell.is_sharded and (cell.compiled == "everything" or cell.precision == "64-true"),
        cell.strategy == "tensor" and cell.optimizer == "fused",
        # factors are added before a model is sharded, and a plan does not know them
        cell.is_sharded and cell.callback == "addition",
        # a tensor-parallel layer reads and writes parts of vectors, which RepresentationMonitor cannot tell
        cell.strategy == "tensor" and cell.callback in ("representations", "all monitors"),
        # compiled code hides its layers, and no probe is run on a sharded model
        cell.is_sharded and cell.compiled == "model" and cell.callback in ("representations", "all monitors"),
        # the compiler would go through the Trainer's own code, which takes minutes
        cell.compiled == "everything" and not cell.is_automatic,
    )
    return not any(impossible)


def cost(run: Run) -> float:
    """Two processes take longer than one, and compilers longer than none."""
    return (1 if run["strategy"] == "single" else 2) * (1 if run["compiled"] == "nothing" else 1.2)


DESIGN = covering(FACTORS, is_legal, cost)

BESIDES = [Cell("single", "16-mixed", "nothing", "1", "fused", "removal")]
"""Who divides the gradients by the scale of the loss, and when the decay comes, is a matter of three."""

CELLS = list(dict.fromkeys([*(Cell(**run) for run in DESIGN.runs), *BESIDES]))
SINGLE = [cell for cell in CELLS if not cell.is_distributed]
DISTRIBUTED = [cell for cell in CELLS if cell.is_distributed]


def summary() -> str:
    """Say what is covered."""
    some = f"{len(CELLS)} runs cover all {len(DESIGN.covered)} pairs of {len(FACTORS)} factors"
    pairs = sorted(" × ".join(sorted(value for _, value in pair)) for pair in DESIGN.impossible)
    return some + (f"; {len(pairs)} do not exist: {', '.join(pairs)}" if pairs else "")
