"""All order parameters of a model at once, from its symmetries and its weights."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

import torch
from torch import Tensor

from ..discovery.symmetry import Symmetry
from ._model.breaking import basis_length, breaking, lengths
from ._model.counts import counts
from ._model.effective_parameters import EffectiveParameters
from ._model.given import check_parameters, checked
from ._model.growth import growth
from ._model.imbalance import balance, basis_balance
from ._model.kin import Kin, Make, kin
from ._model.leak import leaks
from ._model.measured import Measured, most_at_once
from ._model.ranks import product_ranks, ranks
from ._model.reader import Reader
from ._model.rotations import rotation_ranks, rotation_sketch
from ._model.sketch import sketch
from ._model.sketched import SAMPLE, projected_participation, sampled_counts
from ._model.sketched_basis import basis_sketch
from ._model.slopes import Slopes
from ._model.space import spaces
from ._model.sums import Asking, answered, together
from ._model.weights import Weights
from ._model.whole import whole

PREFIX = "symmetry"

Measures = Mapping[str, Sequence[Callable[[Weights], dict[str, Tensor]]]]
"""What is measured of spaces, by the group that moves their units."""

EXACT: Measures = {
    "permutation": (breaking, counts, ranks),
    "general_linear": (basis_length, product_ranks, basis_balance),
}
SKETCHED: Measures = {
    "permutation": (breaking, sampled_counts, projected_participation),
    "general_linear": (basis_sketch,),
}

SMALL = 2**16
"""Numbers in a space that is measured exactly anyway."""


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
      (arXiv 2502.05300); of a general linear or orthogonal group the dimension of the stabiliser over that of
      the group, from the rank that is in use. The model's is that of all its permutations together.
    - ``effective_rank`` (Roy & Vetterli 2007), ``participation_ratio``, ``stable_rank`` and
      ``numerical_rank`` (singular values beyond a hundredth of the largest) of the matrices that write a
      space, each row scaled to the size of its unit where the space has a scaling; for a space with a general
      linear group of the product of readers and writers, which the group leaves alone; for one that may be
      rotated, of all matrices around it side by side, through its gains and each of length one. The model's
      are the means.
    - ``noether_imbalance``: how far the conserved charges of a scaling or general linear group (arXiv
      2012.04728) are from balance, in [0, 1]. The model's is the mean.

    - ``effective_parameters``, of the model alone: the parameters that a model without duplicates, dead units
      and unused dimensions would have, less the dimension of its orbits.

    The counts, the ranks and ``unbroken`` do not depend on where on their orbit under the groups of their own
    space the weights are. All values are finite for finite weights, at least float32 and stay on
    the weights' device: nothing waits for it but the eigenvalues behind the ranks.

    Args:
        symmetries: What :func:`lightning_symmetry.find_symmetries` gave.
        exact: Measure everything exactly. Otherwise spaces of more than 65,536 weights are projected onto 32
            random directions, seeded and the same in every process, for 64 operations a weight and side:
            squared lengths have a standard deviation of 25 %, distances of a whole space one of at most that,
            much less where it has many directions, the counts come from 256 units compared with all (off by
            more than 8.5 % of the units in 1 of 20 cases), the participation ratio has a standard deviation
            of 7 %, and there is no other rank. The imbalance of a scaling is that of every k-th unit, at
            least 256; that of a general linear group is exact up to 64 dimensions, and so is its
            participation ratio. Rates and leaks are exact anyway.

    Raises:
        ValueError: If ``symmetries`` are none.

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
        self._symmetries = checked(symmetries)
        self._spaces = spaces(self._symmetries)
        self._permuted = [s for s in self._spaces if s.mover.group == "permutation"]
        self._orders = {s.mover.name: s.mover.copies * math.lgamma(s.mover.size + 1) for s in self._permuted}
        self._kin: dict[torch.device, list[Kin]] = {}
        self._exact = exact
        self._counting: tuple[dict[str, tuple[int, ...]], EffectiveParameters] | None = None

    def __call__(self, params: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Measure at the given parameters.

        Args:
            params: Parameters by the names that the symmetries use.

        Returns:
            A scalar tensor by key.

        Raises:
            ValueError: If a parameter that a symmetry moves is absent, no tensor of numbers or too small.
        """
        check_parameters(self._symmetries, params)
        read = Reader(params)
        return answered(self.look(read), read)

    def look(self, read: Reader) -> Asking[dict[str, Tensor]]:
        """Measure, together with others who read the same parameters.

        Args:
            read: Gives them.

        Yields:
            Sums over pieces of parameters.

        Returns:
            A scalar tensor by key.
        """
        stored = read.params.stored
        each: dict[str, dict[str, Tensor]] = defaultdict(dict)
        kin = self._kin_on(next(iter(stored.values())).device) if stored else []
        for some in kin:
            if not self._is_projected(some.make):
                _measure(each, some, Weights(some, read), self._is_exact(some.make))
        rotated = rotation_ranks if self._exact else rotation_sketch
        projected = [some for some in kin if self._is_projected(some.make)]
        names = {space.mover.name for space in self._spaces}
        rotations, distances, imbalances, *sketches = yield from together(
            [
                rotated(read, self._symmetries),
                lengths(read, (s for s in self._symmetries if s.name not in names)),
                balance(read, self._symmetries, None if self._exact else SAMPLE),
                *(sketch(some, read) for some in projected),
            ]
        )
        for some in projected:
            _measure(each, some, sketches.pop(0), exact=False)
        for quantity, found in rotations.items():
            each[quantity] |= found
        each["breaking_distance"] |= distances
        each["noether_imbalance"] |= imbalances
        measured = whole(each, self._orders)
        if self._symmetries:
            left = {**each["numerical_rank"], **each["distinct_units"]}
            measured["effective_parameters"] = Measured({}, self._effective_parameters(stored)(left))
        return _keyed(measured)

    def motion(
        self,
        params: Mapping[str, Tensor],
        gradients: Mapping[str, Tensor],
        decay: Mapping[str, float] | None = None,
    ) -> dict[str, Tensor]:
        """Measure what gradients that are there anyway say of symmetries.

        Keys are as for the weights:

        - ``growth_rate`` of permutations, signs and general linear groups: −⟨θ⊥, ∇L⟩/‖θ⊥‖² (arXiv
          2502.05300), positive where gradient flow breaks the symmetry further, negative where it restores
          it. The model's is that of all permutations together.
        - ``orbit_leak`` of continuous groups: ‖⟨Xθ, ∇L⟩‖/(‖Xθ‖ ‖∇L‖) over the generators X (arXiv
          2012.04728), as in :func:`~lightning_symmetry.metrics.orbit_leak`: 0, up to rounding, for a symmetry
          of this very loss. The model's is the largest of the symmetries that hold exactly. It is measured
          where it has a closed form: not in spaces behind gains or beside their mean, not for pieces that a
          group moves twice, not for shifts that pass through weights, and not for what holds in distribution
          only.

        Args:
            params: Parameters by the names that the symmetries use; a symmetry that moves another one is left
                out.
            gradients: Gradients of the loss by the same names, up to a common factor for the leak. A missing
                one counts as zero for the rate; the leak of a symmetry that misses one is left out.
            decay: Weight decay by the same names, if the optimizer adds any: λ‖θ‖²/2 on top of the loss. It
                counts for the rate alone.

        Returns:
            A scalar tensor by key.
        """
        given = Slopes(params, gradients, decay or {})
        asking = [growth(given, self._permuted, self._symmetries), leaks(given, self._symmetries)]
        rates, slopes = answered(together(asking), given)
        return _keyed({"growth_rate": rates, "orbit_leak": slopes})

    def _is_exact(self, make: Make) -> bool:
        return self._exact or make.numbers <= SMALL

    def _is_projected(self, make: Make) -> bool:
        return make.group == "permutation" and not self._is_exact(make)

    def _kin_on(self, device: torch.device) -> list[Kin]:
        """The spaces as they are measured together."""
        if device not in self._kin:
            most = most_at_once(device)
            found = kin(self._spaces, most)
            projected = [some for some in found if self._is_projected(some.make)]
            self._kin[device] = [some for some in found if some not in projected]
            names = {name for some in projected for name in some.names}
            # of projections, nothing is larger than the comparison of some units with all
            some = (space for space in self._spaces if space.mover.name in names)
            self._kin[device] += kin(some, most, lambda make: SAMPLE * make.units)
        return self._kin[device]

    def _effective_parameters(self, params: Mapping[str, Tensor]) -> EffectiveParameters:
        shapes = {name: tuple(p.shape) for name, p in params.items()}
        if self._counting is None or self._counting[0] != shapes:
            self._counting = shapes, EffectiveParameters(self._spaces, self._symmetries, shapes)
        return self._counting[1]


def _measure(each: dict[str, dict[str, Tensor]], some: Kin, weights: Weights, exact: bool) -> None:
    for measure in (EXACT if exact else SKETCHED)[some.make.group]:
        for quantity, values in measure(weights).items():
            each[quantity] |= zip(some.names, values.unbind(0), strict=True)


def _keyed(found: Mapping[str, Measured]) -> dict[str, Tensor]:
    result: dict[str, Tensor] = {}
    for quantity, (each, model) in found.items():
        if model is not None:
            result[f"{PREFIX}/{quantity}"] = model
        result |= {f"{PREFIX}/{quantity}/{name}": value for name, value in each.items()}
    return result
