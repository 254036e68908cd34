"""Change the symmetries of an existing model.

A frozen config says what to change. Removing symmetry from a running optimizer takes a config, the names of
the model's parameters and hooks that own themselves:

    >>> from functools import partial
    >>> import torch
    >>> from lightning_symmetry.surgery import OffsetDecay, Syre, syre_offset
    >>> model = torch.nn.Linear(3, 2)
    >>> optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.01)
    >>> names = {parameter: name for name, parameter in model.named_parameters()}
    >>> hooks = OffsetDecay(optimizer, names, draw=partial(syre_offset, model, config=Syre(std=0.05)))
    >>> hooks.remove()

In a Lightning run, :class:`lightning_symmetry.callbacks.RemoveSymmetry` does the same.

Before training, layers may do it instead, by name, and a plain model comes back in the end:

    >>> from lightning_symmetry.surgery import WeightAsymmetry, remove_symmetry, undo
    >>> model = remove_symmetry(model, {"weight": WeightAsymmetry(fixed=1), "*": Syre()})
    >>> model = undo(model)

Adding symmetry writes parameters as functions of factors, before the optimizer is made. The function of the
model does not change, weight decay of the factors favours a structure, and a plain model comes back:

    >>> from lightning_symmetry.surgery import Hadamard, add_symmetry, fold, prune
    >>> model = add_symmetry(torch.nn.Linear(3, 2), Hadamard())
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=0.01)
    >>> model = fold(prune(model))
"""

from lightning_symmetry.surgery.activation_asymmetry import ActivationAsymmetry
from lightning_symmetry.surgery.add import add_symmetry
from lightning_symmetry.surgery.attention_bias import AttentionBias
from lightning_symmetry.surgery.factorisation import Factorisation
from lightning_symmetry.surgery.fold import fold
from lightning_symmetry.surgery.group_gate import GroupGate
from lightning_symmetry.surgery.hadamard import Hadamard
from lightning_symmetry.surgery.initial_std import initial_std
from lightning_symmetry.surgery.low_rank import LowRank
from lightning_symmetry.surgery.mirror import Mirror
from lightning_symmetry.surgery.offset_decay import OffsetDecay
from lightning_symmetry.surgery.plain_state_dict import plain_state_dict
from lightning_symmetry.surgery.prune import prune
from lightning_symmetry.surgery.remove_symmetry import remove_symmetry
from lightning_symmetry.surgery.scalar_gate import ScalarGate
from lightning_symmetry.surgery.syre import Syre, syre_metric, syre_offset
from lightning_symmetry.surgery.undo import undo
from lightning_symmetry.surgery.weight_asymmetry import WeightAsymmetry

__all__ = [
    "ActivationAsymmetry",
    "AttentionBias",
    "Factorisation",
    "GroupGate",
    "Hadamard",
    "LowRank",
    "Mirror",
    "OffsetDecay",
    "ScalarGate",
    "Syre",
    "WeightAsymmetry",
    "add_symmetry",
    "fold",
    "initial_std",
    "plain_state_dict",
    "prune",
    "remove_symmetry",
    "syre_metric",
    "syre_offset",
    "undo",
]
