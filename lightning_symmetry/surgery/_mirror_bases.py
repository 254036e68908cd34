"""Coordinates of what a mirror keeps and of what it reflects."""

import math

import torch
from torch import Tensor


def bases(projector: Tensor) -> tuple[Tensor, Tensor]:
    """Return orthonormal columns that span the kernel and the image of a projector.

    Those of a decomposition would depend on the machine, where eigenvalues are equal, and checkpoints hold
    coordinates: these are made from the columns of the projector one by one, in their order.

    Args:
        projector: Symmetric idempotent matrix ``(n, n)``, up to rounding.

    Returns:
        Matrices ``(n, n - rank)`` and ``(n, rank)`` in float64.
    """
    exact = projector.double()
    for _ in range(2):
        # Squares the distance from a projector, which is that of float32 at most, and keeps what is exact.
        exact = 3 * exact @ exact - 2 * exact @ exact @ exact
    identity = torch.eye(len(exact), dtype=torch.float64, device=exact.device)
    return _orthonormal(identity - exact), _orthonormal(exact)


def _orthonormal(projector: Tensor) -> Tensor:
    rest, units = projector, [projector[:, :0]]
    # Were all columns of what is left this short, its trace, the number of units left, would be below 1.
    shortest = 0.5 / math.sqrt(len(projector))
    for i in range(len(projector)):
        size = rest[:, i].norm()
        if size > shortest:
            unit = rest[:, i : i + 1] / size
            units.append(unit)
            rest = rest - unit @ (unit.mT @ rest)
    return torch.cat(units, dim=1)
