"""All order parameters of a model at once, from its symmetries and its weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from ..discovery.symmetry import Symmetry
from ._model.breaking import breaking
from ._model.counts import counts
from ._model.effective_parameters import EffectiveParameters
from ._model.growth import Slopes, growth
from ._model.imbalance import imbalances
from ._model.measured import Measured
from ._model.ranks import ranks
from ._model.reader import Reader
from ._model.sketched import sketched_counts, sketched_ranks
from ._model.space import spaces

PREFIX = "symmetry"


class OrderParameters:
    """Measures the order parameters of every symmetry of a model, equal shapes in one call.

    Keys are ``symmetry/<quantity>/<symmetry name>``, and ``symmetry/<quantity>`` for the whole model:

    - ``breaking_distance``: Δ_G = ‖θ − P_G θ‖ (arXiv 2502.05300, Sec. 2) of each permutation, sign and
      general linear group; the model's is the root of the sum of squares over permutations.
    - ``broken_share``: Δ_G/‖θ‖ of each permutation, which no change of scale moves. The model's is the mean.
    - ``dead_units``: units smaller than a tenth of the largest of their space (arXiv 2306.04251); the size of
      a unit is that of everything it writes and reads, or the geometric mean of its sides where a scaling
      trades one for the other. The model's is the sum.
    - ``distinct_units``: Σ 1/|{j : i ~ j}| modulo the scale and sign group of the space, and
      ``duplicate_units``, the other living ones. The model's are the sums.
    - ``unbroken``: the share of the permutations that the weights leave unbroken, log |stabiliser| / log n!
      (arXiv 2502.05300). The model's is that of all its permutations together.
    - ``effective_rank`` (Roy & Vetterli 2007), ``participation_ratio``, ``stable_rank`` and
      ``numerical_rank`` (singular values beyond a hundredth of the largest) of the matrices that write a
      space, each row scaled to the size of its unit where the space has a scaling; for a space with a general
      linear group of the product of readers and writers, which the group leaves alone. The model's are the
      means.
    - ``noether_imbalance``: how far the conserved charges of a scaling or general linear group (arXiv
      2012.04728) are from balance, in [0, 1]. The model's is the mean.

    - ``effective_parameters``, of the model alone: the parameters that a model without duplicates, dead units
      and unused dimensions would have, less the dimension of its orbits.

    The counts, the ranks and ``unbroken`` do not depend on where on their orbit under the groups of their own
    space the weights are. All values are finite for finite weights, at least float32 and stay on
    the weights' device: nothing waits for it but the eigenvalues behind the ranks.

    Args:
        symmetries: What :func:`lightning_symmetry.find_symmetries` gave.
        exact: Measure everything exactly. Otherwise spaces of more than 128 units are sketched, for about one
            read of the weights: their counts come from 256 of their units and 64 random directions (off by
            more than 8.5 % of the units in 1 of 20 cases), their participation ratio from the same directions
            (with a standard deviation of 5 %), and they have no other rank. Distances, shares, charges and
            rates are exact anyway.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from lightning_symmetry import find_symmetries
        >>> model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))
        >>> measure = OrderParameters(find_symmetries(model, torch.zeros(1, 4)))
        >>> values = measure(dict(model.named_parameters()))
        >>> values["symmetry/dead_units"].item()
        0.0
    """

    def __init__(self, symmetries: Iterable[Symmetry], exact: bool = True) -> None:
        self._symmetries = list(symmetries)
        self._spaces = spaces(self._symmetries)
        self._permuted = [s for s in self._spaces if s.mover.group == "permutation"]
        self._counts, self._ranks = (counts, ranks) if exact else (sketched_counts, sketched_ranks)
        self._counting: tuple[dict[str, tuple[int, ...]], EffectiveParameters] | None = None

    @torch.no_grad()
    def __call__(self, params: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Measure at the given parameters.

        Args:
            params: Parameters by the names that the symmetries use.

        Returns:
            A scalar tensor by key.
        """
        read = Reader(params)
        found: dict[str, Measured] = {
            **breaking(read, self._permuted, self._symmetries),
            **self._counts(read, self._permuted),
            **self._ranks(read, self._spaces),
            "noether_imbalance": imbalances(read, self._spaces, self._symmetries),
        }
        if self._symmetries:
            left = {**found["numerical_rank"].each, **found["distinct_units"].each}
            found["effective_parameters"] = Measured({}, self._effective_parameters(params)(left))
        return _keyed(found)

    @torch.no_grad()
    def motion(
        self,
        params: Mapping[str, Tensor],
        gradients: Mapping[str, Tensor],
        decay: Mapping[str, float] | None = None,
    ) -> dict[str, Tensor]:
        """Measure which symmetries are being broken, and which restored, by gradients that are there anyway.

        The key is ``symmetry/growth_rate/<symmetry name>``, for permutations, signs and general linear
        groups: −⟨θ⊥, ∇L⟩/‖θ⊥‖² (arXiv 2502.05300), positive where gradient flow breaks the symmetry further.
        The model's is that of all permutations together.

        Args:
            params: Parameters by the names that the symmetries use; a symmetry that moves another one is left
                out.
            gradients: Gradients by the same names; a missing one counts as zero.
            decay: Weight decay by the same names, if the optimizer adds any: λ‖θ‖²/2 on top of the loss.

        Returns:
            A scalar tensor by key.
        """
        rates = growth(Slopes(params, gradients, decay or {}), self._permuted, self._symmetries)
        return _keyed({"growth_rate": rates})

    def _effective_parameters(self, params: Mapping[str, Tensor]) -> EffectiveParameters:
        shapes = {name: tuple(p.shape) for name, p in params.items()}
        if self._counting is None or self._counting[0] != shapes:
            self._counting = shapes, EffectiveParameters(self._spaces, self._symmetries, shapes)
        return self._counting[1]


def _keyed(found: Mapping[str, Measured]) -> dict[str, Tensor]:
    result: dict[str, Tensor] = {}
    for quantity, (each, whole) in found.items():
        if whole is not None:
            result[f"{PREFIX}/{quantity}"] = whole
        result |= {f"{PREFIX}/{quantity}/{name}": value for name, value in each.items()}
    return result
