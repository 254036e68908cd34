"""Remove the rotations of attention heads by query and value biases that are not learned."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from lightning_symmetry.layers.unlearned_bias import UnlearnedBias
from lightning_symmetry.surgery._fields import check_seed
from lightning_symmetry.surgery.seeded import seeded_key

Part = Literal["packed", "query", "value"]


@dataclass(frozen=True)
class AttentionBias:
    r"""Symmetry removal by query and value biases that are drawn for every batch instead of learned.

    The query and value biases of attention are replaced by :math:`\mu + \sigma z`, with :math:`z` standard
    normal noise that is new in every batch and zero in evaluation. The loss over batches then prefers a
    direction within each head, which heads otherwise may turn freely (queries against keys, values against
    the output). In evaluation the bias is the one vector :math:`\mu`, which leaves the turns that keep it.
    The key bias, which shifts all scores of a query alike and cancels in the softmax, stays learned.

    Reference: Silverstein, Kunin, Shyam, *Symmetry Breaking in Transformers for Efficient and Interpretable
    Training*, arXiv 2601.22257, with query biases of mean 0.5 and deviation 0.05 to 0.15; that values have
    the same mean is a choice made here.

    Args:
        query_mean: :math:`\mu` of query biases.
        value_mean: :math:`\mu` of value biases.
        std: :math:`\sigma`.
        redraw: Whether :math:`z` is new in every batch; if not, it is drawn once and used in evaluation too.
        seed: Seed of the draws, at least 0.
        part: What the biases belong to: ``"packed"``: queries, keys and values in equal thirds, as in
            ``nn.MultiheadAttention`` and packed linear layers; ``"query"`` or ``"value"``: the whole bias of
            linear layers, which ``filter`` or a pattern has to name.

    Raises:
        ValueError: If an argument breaks its rule.

    Example:
        >>> AttentionBias(std=0.05)
        AttentionBias(query_mean=0.5, value_mean=0.5, std=0.05, redraw=True, seed=0, part='packed')
    """

    query_mean: float = 0.5
    value_mean: float = 0.5
    std: float = 0.1
    redraw: bool = True
    seed: int = 0
    part: Part = "packed"

    def __post_init__(self) -> None:
        for name in ("query_mean", "value_mean", "std"):
            value = getattr(self, name)
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not (number and math.isfinite(value) and (name != "std" or value >= 0)):
                rule = "finite number of at least 0" if name == "std" else "finite number"
                raise ValueError(f"`{name}` must be a {rule}, found {value!r}")
        if not isinstance(self.part, str) or self.part not in get_args(Part):
            raise ValueError(f"`part` must be one of {get_args(Part)}, found {self.part!r}")
        check_seed(self.seed)


def unlearned_bias(bias: Tensor, name: str, config: AttentionBias) -> UnlearnedBias:
    """Prepare the unlearned entries of one bias.

    Args:
        bias: The bias of an attention's projection.
        name: Its name in the plain model, which tells its draws from those of other biases.
        config: Means, deviation and seed.

    Returns:
        What computes the bias.

    Raises:
        ValueError: If a packed bias does not have three equal parts.

    Example:
        >>> unlearned_bias(torch.zeros(6), "in_proj_bias", AttentionBias(value_mean=0.0)).mean
        tensor([0.5000, 0.5000, 0.0000, 0.0000, 0.0000, 0.0000])
    """
    if config.part == "packed" and len(bias) % 3:
        raise ValueError(
            f"`{name}` must hold query, key and value in equal thirds, found {len(bias)} entries; name a "
            "separate projection by `part`"
        )
    mean, unlearned = torch.zeros_like(bias), torch.zeros_like(bias)
    third = len(bias) // 3
    whole = slice(None)
    parts = {
        "packed": [(slice(third), config.query_mean), (slice(2 * third, None), config.value_mean)],
        "query": [(whole, config.query_mean)],
        "value": [(whole, config.value_mean)],
    }
    for entries, value in parts[config.part]:
        mean[entries] = value
        unlearned[entries] = 1
    key = seeded_key(config.seed, f"{name}:bias", bits=32)
    return UnlearnedBias(mean, unlearned, config.std, key, config.redraw)
