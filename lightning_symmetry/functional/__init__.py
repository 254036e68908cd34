"""Order parameters of parameter symmetries, as pure functions of tensors.

Nothing here knows of models, training or logging: a function takes the weights of one index space and returns
numbers on the same device. The weights come as *legs*, tensors ``(..., n, k)`` with one hidden unit (or
channel, or head dimension) a row and its coordinates in the columns; leading dimensions are copies of the
same space, such as the heads of a layer, and each copy gets its own number.

Half-precision inputs are summed in float32, and results are float32 or better. A NaN or an infinity gives NaN
for the copy it stands in, or for its unit's charge, and for nothing else. Nothing waits for the device except
:func:`effective_rank`, which needs eigenvalues. All functions are differentiable except the two counts of
units.

Example:
    >>> import torch
    >>> from lightning_symmetry.functional import distinct_units, permutation_distance, scaling_charges
    >>> first, second = torch.nn.Linear(2, 4, bias=False), torch.nn.Linear(4, 1, bias=False)
    >>> with torch.no_grad():
    ...     _ = first.weight.copy_(torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 2.0], [0.0, 2.0]]))
    ...     _ = second.weight.copy_(torch.tensor([[1.0, 1.0, 2.0, 1.0]]))
    >>> legs = [first.weight.detach(), second.weight.detach().mT]
    >>> permutation_distance(legs)
    tensor(2.3979)
    >>> distinct_units(torch.cat(legs, dim=-1))
    tensor(3.)
    >>> scaling_charges(legs, powers=[1, -1])
    tensor([0., 0., 0., 3.])
"""

from lightning_symmetry.functional.charge import (
    general_linear_charge,
    general_linear_imbalance,
    scaling_charges,
    scaling_imbalance,
)
from lightning_symmetry.functional.distance import (
    norm_distance,
    permutation_distance,
    symmetry_breaking_distance,
)
from lightning_symmetry.functional.rank import effective_rank, participation_ratio
from lightning_symmetry.functional.units import dead_units, distinct_units

__all__ = [
    "dead_units",
    "distinct_units",
    "effective_rank",
    "general_linear_charge",
    "general_linear_imbalance",
    "norm_distance",
    "participation_ratio",
    "permutation_distance",
    "scaling_charges",
    "scaling_imbalance",
    "symmetry_breaking_distance",
]
