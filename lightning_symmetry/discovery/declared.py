"""Write down a symmetry by hand: which factors of which parameters a group moves."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import prod
from typing import Literal, get_args

from torch import Tensor, nn

from ._module import check_module
from .leg import Leg
from .symmetry import Symmetry

Holds = Literal["exactly", "at eps = 0", "in distribution"]

INVERTED = ("general_linear", "scaling", "positive_scaling")
"""Groups that move what reads a space by the inverse of what moves its writers."""

GROUPS = (*INVERTED, "orthogonal", "permutation", "sign")
"""Groups that act on units."""


def declared(
    module: nn.Module,
    name: str,
    unit: str,
    *,
    writes: Mapping[str, str],
    reads: Mapping[str, str],
    copies: str = "",
    lengths: Mapping[str, int] | None = None,
    holds: Holds = "exactly",
) -> Symmetry:
    """Describe a symmetry of a module by patterns, which name the axes of its parameters.

    A pattern such as ``"(head unit) in"`` names the factors of each axis, row-major. The group acts on the
    factor ``unit`` wherever it stands; what reads the space is moved so that it undoes what its writers do.
    There is an element of its own for each index of the factor ``copies``.

    Args:
        module: Holds the parameters and buffers.
        name: Name of the space and, behind the last dot, the group: one that acts on units.
        unit: The factor that the group acts on.
        writes: For each parameter that writes the space, its pattern.
        reads: For each parameter that reads the space, its pattern.
        copies: The factor that counts independent copies.
        lengths: Lengths of factors that do not follow from the shapes.
        holds: How exactly it holds.

    Returns:
        The symmetry, names relative to the module.

    Raises:
        TypeError: If ``module`` is none.
        ValueError: If the group does not act on units, a pattern does not fit its parameter, or an argument
            is not as above.

    Example:
        >>> low_rank = nn.Sequential(nn.Linear(6, 2, bias=False), nn.Linear(2, 5))
        >>> symmetry = declared(
        ...     low_rank, "rank.general_linear", "r", writes={"0.weight": "r in"}, reads={"1.weight": "out r"}
        ... )
        >>> symmetry.space, symmetry.size, symmetry.dimension
        ('rank', 2, 4)
    """
    check_module(module)
    if not all(map(_is_text, (name, unit, copies))):
        raise ValueError(f"name, unit and copies must be texts; found {name!r}, {unit!r} and {copies!r}")
    for argument, given in (("writes", writes), ("reads", reads)):
        if not (isinstance(given, Mapping) and all(map(_is_text, (*given, *given.values())))):
            raise ValueError(f"{argument} must be a mapping from names to patterns; found {given!r}")
    if not (lengths is None or (isinstance(lengths, Mapping) and all(map(_is_length, lengths.values())))):
        raise ValueError(f"lengths must be integers of at least 0 by the names of factors; found {lengths!r}")
    if holds not in get_args(Holds):
        raise ValueError(f"holds must be one of {get_args(Holds)}; found {holds!r}")
    group = name.rpartition(".")[2]
    if group not in GROUPS:
        raise ValueError(f"name must end in one of {', '.join(GROUPS)}; found {name!r}")
    owned = dict(module.named_parameters()) | dict(module.named_buffers())
    patterns = {p: _axes(pattern) for p, pattern in (*writes.items(), *reads.items())}
    if len(patterns) < len(writes) + len(reads) or not patterns.keys() <= owned.keys():
        raise ValueError(
            f"writes and reads must name parameters or buffers of {type(module).__name__}, each once; found "
            f"{', '.join([*writes, *reads])}"
        )
    if not patterns:
        raise ValueError("writes or reads must name a parameter; found none")
    for parameter, axes in patterns.items():
        if not {unit, *filter(None, [copies])} <= {factor for axis in axes for factor in axis}:
            raise ValueError(
                f"the pattern of {parameter!r} must name {' and '.join(filter(None, [unit, copies]))}"
            )
    known = _lengths(patterns, owned, dict(lengths or {}))
    buffers = {name for name, _ in module.named_buffers()}
    legs = tuple(
        Leg(
            parameter=parameter,
            offset=(0,) * len(axes),
            atoms=_atoms(axes, known),
            kind="buffer" if parameter in buffers else "parameter",
            acts=(acts := _positions(axes, unit)),
            powers=(-1.0 if parameter in reads and group in INVERTED else 1.0,) * len(acts),
            roles=("reads" if parameter in reads else "writes",) * len(acts),
            copies=_positions(axes, copies),
        )
        for parameter, axes in patterns.items()
    )
    return Symmetry(name, group, known[unit], known.get(copies, 1), legs, holds, (known[unit],))


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_length(number: object) -> bool:
    return isinstance(number, int) and number >= 0


def _axes(pattern: str) -> list[list[str]]:
    """The names of the factors of each axis."""
    return [(group or single).split() for group, single in re.findall(r"\(([^()]*)\)|([^\s()]+)", pattern)]


def _positions(axes: list[list[str]], factor: str) -> tuple[int, ...]:
    flat = [name for axis in axes for name in axis]
    return tuple(i for i, name in enumerate(flat) if name == factor)


def _atoms(axes: list[list[str]], lengths: Mapping[str, int]) -> tuple[tuple[int, int, int], ...]:
    return tuple(
        (i, prod(lengths[inner] for inner in axis[k + 1 :]), lengths[name])
        for i, axis in enumerate(axes)
        for k, name in enumerate(axis)
    )


def _lengths(
    patterns: Mapping[str, list[list[str]]], owned: Mapping[str, Tensor], known: dict[str, int]
) -> dict[str, int]:
    """Solve for the lengths of all factors."""
    rows = []
    for parameter, axes in patterns.items():
        shape = owned[parameter].shape
        if len(axes) != len(shape):
            raise ValueError(f"the pattern of {parameter!r} must have {len(shape)} axes; found {len(axes)}")
        rows += [(parameter, axis, size) for axis, size in zip(axes, shape, strict=True)]
    left = rows
    while left:
        open_rows = []
        for parameter, axis, size in left:
            unknown = [name for name in axis if name not in known]
            rest = prod(known[name] for name in axis if name in known)
            if len(unknown) > 1:
                open_rows.append((parameter, axis, size))
            elif rest == 0 or size % rest or (not unknown and size != rest):
                raise ValueError(
                    f"an axis of {size} of {parameter!r} must be the product of {' '.join(axis)}"
                )
            elif unknown:
                known[unknown[0]] = size // rest
        if len(open_rows) == len(left):
            raise ValueError(f"lengths must say how long {' or '.join(open_rows[0][1])} is")
        left = open_rows
    return known
