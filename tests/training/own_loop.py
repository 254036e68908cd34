"""A loop of one's own, as the README shows it."""

from functools import partial

import torch
import torch.nn.functional as F

from lightning_symmetry import Syre, find_symmetries
from lightning_symmetry.metrics import OrderParameters
from lightning_symmetry.surgery import OffsetDecay, syre_offset


def train(fabric, model, batches, every=50):
    x, y = batches[0]
    measure = OrderParameters(find_symmetries(model, x, loss=lambda out: F.cross_entropy(out, y)))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=0.1)
    names = {parameter: name for name, parameter in model.named_parameters()}
    removal = OffsetDecay(optimizer, names, partial(syre_offset, model, config=Syre()))
    wrapped, optimizer = fabric.setup(model, optimizer)
    for step, (x, y) in enumerate(batches, 1):
        optimizer.zero_grad()
        fabric.backward(F.cross_entropy(wrapped(x), y))
        optimizer.step()
        if step % every == 0:
            values = measure(dict(model.named_parameters()))  # by the names of the model itself
            fabric.log_dict({key: float(value) for key, value in values.items()}, step)
    removal.remove()
