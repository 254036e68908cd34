"""The groups that act on a network's parameters, one file a group.

A group acts on a *block*: a tensor of shape ``(copies, size, rest)`` whose middle dimension runs over the
units of an index space and whose first runs over independent copies of the group. Everything else in the
package asks a group only for what :class:`Group` promises, so a new group is one more file here.

Example:
    >>> import torch
    >>> from lightning_symmetry.groups import GROUPS
    >>> flip = GROUPS["sign"]
    >>> element = flip.sample(1, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    >>> block = torch.ones(1, 3, 2, dtype=torch.float64)
    >>> twice = flip.act(element, flip.act(element, block, 1), 1)
    >>> torch.equal(twice, block)
    True
"""

from ._group import Group
from .general_linear import GeneralLinear
from .orthogonal import Orthogonal
from .permutation import Permutation
from .plane_rotation import PlaneRotation
from .positive_scaling import PositiveScaling
from .scale_invariance import ScaleInvariance
from .scaling import Scaling
from .sign import Sign
from .translation import Translation

GROUPS: dict[str, Group] = {
    group.name: group
    for group in (
        Permutation(),
        Sign(),
        PositiveScaling(),
        Scaling(),
        GeneralLinear(),
        Orthogonal(),
        PlaneRotation(),
        Translation(),
        ScaleInvariance(),
    )
}
"""Every group by the name that :attr:`lightning_symmetry.Symmetry.group` bears."""

__all__ = [
    "GROUPS",
    "GeneralLinear",
    "Group",
    "Orthogonal",
    "Permutation",
    "PlaneRotation",
    "PositiveScaling",
    "ScaleInvariance",
    "Scaling",
    "Sign",
    "Translation",
]
