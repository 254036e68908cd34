"""Discovery: which groups act on a model's parameters without changing what it computes.

A model is run once on fake tensors (:mod:`._tracing`); every operation becomes statements (:mod:`.rules`)
about tensors whose axes are products and sums of atoms (:mod:`._program`). Cut into blocks and brought into
a normal form (:mod:`._steps`), the statements are equations whose solutions are the groups
(:mod:`._solving`), together with the shifts that are absorbed or compensated downstream
(:mod:`._translations`). :mod:`.verify` and :mod:`.completeness` prove them, :mod:`.explain` gives the reasons
for those that are missing, and :mod:`.registry` takes in what only the author of an operation or a module
knows.
"""

from .completeness import Completeness
from .explain import Explanation, explain
from .fact import Fact
from .find import TraceError, find_symmetries
from .leg import Leg
from .symmetries import Symmetries
from .symmetry import Symmetry

__all__ = [
    "Completeness",
    "Explanation",
    "Fact",
    "Leg",
    "Symmetries",
    "Symmetry",
    "TraceError",
    "explain",
    "find_symmetries",
]
