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
"""

from lightning_symmetry.surgery.offset_decay import OffsetDecay
from lightning_symmetry.surgery.syre import Syre, initial_std, syre_offset

__all__ = ["OffsetDecay", "Syre", "initial_std", "syre_offset"]
