"""Layers whose loss has fewer symmetries than that of the plain ones.

Three compute a parameter, any by name, from the one that is trained in its place; one is a module in the
place of an activation. :func:`lightning_symmetry.surgery.remove_symmetry` puts them into an existing model:

- :class:`Offset`: decays towards a frozen random point instead of towards zero (Syre);
- :class:`FixedWeights`: freezes random entries of a weight;
- :class:`UnlearnedBias`: draws the query and value biases of attention anew for every batch;
- :class:`AsymmetricActivation`: mixes the units of an activation by a frozen random matrix.

All that is frozen is a function of an integer seed, the same in every process and on every device.

    >>> import torch
    >>> from lightning_symmetry import Syre, remove_symmetry
    >>> remove_symmetry(torch.nn.Linear(3, 2), {"weight": Syre()}).weight_asymmetry.removals
    [Offset()]
"""

from lightning_symmetry.layers.asymmetric_activation import AsymmetricActivation
from lightning_symmetry.layers.counter_normal import counter_normal
from lightning_symmetry.layers.fixed_weights import FixedWeights
from lightning_symmetry.layers.offset import Offset
from lightning_symmetry.layers.unlearned_bias import UnlearnedBias

__all__ = ["AsymmetricActivation", "FixedWeights", "Offset", "UnlearnedBias", "counter_normal"]
