"""How far the Noether charges of a whole model have moved between two looks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from ..discovery.symmetry import Symmetry
from ._model.drift import Charges, charges, drift
from ._model.given import check_parameters, checked
from ._model.reader import Reader
from ._model.space import spaces
from ._model.sums import Asking, answered
from .order_parameters import _keyed


class ChargeDrift:
    """Measures the motion of the Noether charges of every two-sided scaling and general linear group.

    Gradient flow conserves the charges (arXiv 2012.04728); weight decay shrinks them. Keys are
    ``symmetry/<quantity>/<symmetry name>``, and ``symmetry/<quantity>`` for the mean of all. The quantities
    are shares of what the charges could be at the first look, as the Noether imbalance is, averaged over
    copies:

    - ``charge_drift``: how far the charges have moved, ‖Q′ − Q‖.
    - ``charge_drift_predicted``: how far weight decay alone would have moved them, ‖Q̂ − Q‖, where Q̂ is the
      charge at the first look with the squares of all weights times ∏(1 − ηλ)².
    - ``charge_drift_unexplained``: how far they are from there, ‖Q′ − Q̂‖. If it is small beside the first,
      weight decay has moved the charges; else noise has, finite learning rates, different learning rates
      within one symmetry, or an adaptive optimizer. For plain SGD it is of first order in the learning rate
      at a fixed time; with momentum μ the same holds of ∏(1 − ηλ/(1 − μ)).

    See :func:`~lightning_symmetry.functional.scaling_drift` and
    :func:`~lightning_symmetry.functional.general_linear_drift`. No permutation of units changes them, and no
    rotation of the units of a general linear group. In float32 motion below some 1e-7 is rounding.

    Args:
        symmetries: What :func:`lightning_symmetry.find_symmetries` gave.

    Raises:
        ValueError: If ``symmetries`` are none.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from lightning_symmetry import find_symmetries
        >>> from lightning_symmetry.metrics import ChargeDrift
        >>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
        >>> params = dict(model.named_parameters())
        >>> measure = ChargeDrift(find_symmetries(model, torch.zeros(1, 4)))
        >>> before = measure.charges(params)
        >>> after = measure.charges({name: 0.9 * param for name, param in params.items()})
        >>> values = measure(before, after, kept={"": 0.9})
        >>> values["symmetry/charge_drift_unexplained"] < 1e-6 < values["symmetry/charge_drift"]
        tensor(True)
    """

    def __init__(self, symmetries: Iterable[Symmetry]) -> None:
        self._symmetries = checked(symmetries)
        self._spaces = spaces(self._symmetries)

    def charges(self, params: Mapping[str, Tensor], groups: Mapping[str, str] | None = None) -> Charges:
        """Measure what the charges are made of, for a later look to compare with.

        It takes n numbers for each side of a scaling of n units, and n² for each side of a general linear
        group, for every copy and for every parameter group that holds a part of it.

        Args:
            params: Parameters by the names that the symmetries use.
            groups: Name of the parameter group, which decays alike, by the name of the parameter. By default
                all belong to one, ``""``.

        Returns:
            Power, parameter group and a tensor for each part of the charges, by the name of the symmetry.

        Raises:
            ValueError: If a parameter that a symmetry moves is absent, no tensor of numbers or too small.
        """
        check_parameters(self._symmetries, params)
        read = Reader(params)
        return answered(self.look(read, groups or {}), read)

    def look(self, read: Reader, groups: Mapping[str, str]) -> Asking[Charges]:
        """Measure the charges, together with others who read the same parameters.

        Args:
            read: Gives them.
            groups: As for :meth:`charges`.

        Yields:
            Sums over pieces of parameters.

        Returns:
            As :meth:`charges`.
        """
        return charges(read, self._spaces, self._symmetries, groups)

    @torch.no_grad()
    def __call__(
        self, before: Charges, after: Charges, kept: Mapping[str, float | None]
    ) -> dict[str, Tensor]:
        """Compare two looks.

        Args:
            before: What :meth:`charges` gave at the first look.
            after: What it gave at the second one. Symmetries whose parameters have changed groups are left
                out.
            kept: ∏(1 − ηλ) over the steps in between by the name of the parameter group; 1 where it is
                absent. None if it is not known: then there is no prediction.

        Returns:
            A scalar tensor by key.
        """
        return _keyed(drift(before, after, kept))
