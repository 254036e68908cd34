"""From solved equations to symmetries."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Literal

from .._steps.flow import Flow
from .._steps.lower import Block
from ..leg import Leg
from ..piece import Factor
from ..symmetry import Symmetry
from .families import Families
from .family import WHOLE, Family
from .legs import KINDS, leg_of


class Assembler:
    """Describes families as symmetries of parameters."""

    def __init__(self, families: Families, flow: Flow) -> None:
        self._families = families
        self._reading = flow.contracted()

    def symmetry(self, family: Family) -> Symmetry:
        """Return a family as a symmetry, still without a name."""
        home = self._families.home
        blocks = {home[v] for v in (*family.exponents, *family.shifts)}
        movable = sorted((b for b in blocks if b.value.origin in KINDS), key=lambda b: b.variable)
        legs = tuple(leg for block in movable for leg in self._legs(family, block))
        size = self._families.width(family) - family.centred
        members = self._families.members
        copies = prod(self._families.size(members[d][0]) for d in family.companions)
        if any(leg.kind == "noise" for leg in legs):
            return Symmetry("", family.group, size, copies, legs, "in distribution", (size,))
        holds: Literal["exactly", "at eps = 0"] = (
            "at eps = 0" if self._families.needs_zero_eps(family) else "exactly"
        )
        return Symmetry("", family.group, size, copies, legs, holds, (size,), family.centred)

    def _legs(self, family: Family, block: Block) -> Iterator[Leg]:
        for powers, additive in ((family.exponents, False), (family.shifts, True)):
            variables = (block.variable,) if family.c == WHOLE else block.atoms
            hit = [(i, powers[v]) for i, v in enumerate(variables) if powers.get(v)]
            if hit:
                acts = tuple(i if family.c != WHOLE else len(block.sizes) for i, _ in hit)
                classes = [self._families.class_of(atom) for atom in block.atoms]
                yield leg_of(
                    block,
                    acts=acts,
                    powers=tuple(float(power) for _, power in hit),
                    copies=tuple(classes.index(d) for d in family.companions),
                    additive=additive,
                    reads=tuple(v in self._reading for v in variables if powers.get(v)),
                    whole=family.c == WHOLE,
                    frames=self._frames(family, [variables[i] for i, _ in hit]),
                )

    def _frames(self, family: Family, variables: list[int]) -> tuple[tuple[Factor, ...], ...]:
        frames = [family.frames.get(v, {}) for v in variables]
        if not any(frames):
            return ()
        return tuple(tuple(gain.factor(power) for gain, power in frame.items()) for frame in frames)
