"""The most memory that a process takes beyond its shard."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor

from benchmarks.cost.scaling.alive import Alive
from benchmarks.cost.scaling.look import look_at_weights
from lightning_symmetry import Symmetries
from lightning_symmetry.metrics import OrderParameters
from lightning_symmetry.metrics._model.whole_values import WholeValues


def peaks(
    shards: Mapping[str, Tensor], symmetries: Symmetries, before: Callable[[str], object]
) -> dict[str, float]:
    """Measure what a sketched look adds to sharded weights and gradients.

    Random directions are drawn before: they are kept from look to look.

    Args:
        shards: What stands for both, by name.
        symmetries: What is measured.
        before: Called with a name before processes exchange anything.

    Returns:
        For the look at the weights and charges, and for that at the gradients: the most bytes of tensors made
        meanwhile, in units of the largest parameter.
    """
    layer = max(shard.numel() * shard.element_size() for shard in shards.values())
    measure = OrderParameters(symmetries, exact=False)
    looks: dict[str, Callable[[], object]] = {
        "weights": lambda: look_at_weights(WholeValues(shards, before), measure, symmetries),
        "gradients": lambda: measure.motion(WholeValues(shards, before), WholeValues(shards, before)),
    }
    looks["weights"]()
    found = {}
    for name, look in looks.items():
        with Alive() as alive:
            look()
        found[name] = alive.peak / layer
    return found
