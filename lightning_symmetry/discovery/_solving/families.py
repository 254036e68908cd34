"""The independent solutions of the equations: which groups act on which atoms, with which exponents."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from functools import reduce
from math import gcd, lcm

from .._program.values import Origin
from .._steps.lower import Lowered
from .accepted import Accepted
from .copies import Companions
from .equivariance import Equivariance
from .family import MATRICES, WHOLE, Family, Vector
from .linear_spaces import LinearSpace
from .linear_system import LinearSystem


class Families:
    """Finds permutations, general linear groups, signs and scalings; none is a combination of others."""

    def __init__(self, lowered: Lowered, equations: Equivariance, spaces: Iterable[LinearSpace]) -> None:
        self._equations = equations
        self._linear_spaces = list(spaces)
        self._companions = Companions(lowered, self.class_of)
        # what nothing touches is free to do anything: its translations say so
        touched = {slot.block for step in lowered.steps for slot in step.slots}
        self.home = {v: b for b in lowered.blocks if b in touched for v in (b.variable, *b.atoms)}
        self.members: dict[int, list[int]] = defaultdict(list)
        for variable, block in self.home.items():
            if variable != block.variable:
                self.members[self.class_of(variable)].append(variable)

    def find(self) -> list[Family]:
        """Return all families."""
        linear = list(self._linear())
        candidates = [*linear, *self._diagonal()]
        # what acts on a wider product of atoms contains what acts on a narrower one
        candidates.sort(key=lambda f: (-len(f.joint), f.group not in MATRICES, -self.width(f)))
        accepted = Accepted(self._image)
        return [*self._permutations(linear), *(family for family in candidates if accepted.take(family))]

    def class_of(self, variable: int) -> int:
        """The class that an atom is tied into."""
        return self._equations.ties.find(variable)[0]

    def size(self, variable: int) -> int:
        """The length of an atom."""
        block = self.home[variable]
        return block.sizes[variable - block.variable - 1]

    def width(self, family: Family) -> int:
        """The number of units that one copy of a family's group acts on."""
        return 1 if family.c == WHOLE else self.size(next(iter(family.exponents)))

    def needs_zero_eps(self, family: Family) -> bool:
        """Whether a family scales what a normalisation divides by."""
        scales = family.group in {"positive_scaling", "scaling", "scale_invariance"}
        return scales and not self._equations.at_zero_eps.isdisjoint(family.exponents)

    def _trained(self, variables: Iterable[int]) -> bool:
        return any(self.home[v].value.origin is Origin.PARAMETER for v in variables)

    def _spaces(self) -> Iterable[tuple[int, list[int]]]:
        return ((c, atoms) for c, atoms in self.members.items() if self._trained(atoms))

    def _permutations(self, linear: list[Family]) -> Iterator[Family]:
        """All spaces whose units may trade places, those left out where a matrix group contains that."""
        contained = {f.c for f in linear if f.plain and self._trains_no_more_than(f)}
        fixed = self._equations.fixed
        for c, atoms in self._spaces():
            if c not in fixed and c not in contained:
                yield self._family("permutation", c, dict.fromkeys(atoms, 1))

    def _trains_no_more_than(self, family: Family) -> bool:
        return not self._trained(a for a in self.members[family.c] if a not in family.exponents)

    def _linear(self) -> Iterator[Family]:
        for space in self._linear_spaces:
            some = next(iter(space.variances))
            effective = self.size(some) - space.centred
            if self._trained(space.variances) and (space.group == "general_linear" or effective > 1):
                exponents = self._primitive(dict(space.variances))
                family = self._family(space.group, self.class_of(some), exponents)
                yield replace(family, frames=space.frames, centred=space.centred)

    def _diagonal(self) -> Iterator[Family]:
        scales, signs = self._solutions(self._equations.scale), self._solutions(self._equations.sign)
        for c in dict.fromkeys([*scales, *signs]):
            yield from self._merged(c, scales.get(c, []), signs.get(c, []))

    def _solutions(self, system: LinearSystem) -> dict[int, list[tuple[Vector, Vector]]]:
        """Null vectors by class, each as exponents and shifts, those that move nothing trained left out."""
        both = {self._equations.shift(v): v for v in self.home} if system is self._equations.scale else {}
        result: dict[int, list[tuple[Vector, Vector]]] = defaultdict(list)
        for vector in system.nullspace([*self.home, *both]).values():
            exponents = {v: e for v, e in vector.items() if v in self.home}
            shifts = {both[v]: e for v, e in vector.items() if v in both}
            if self._trained(exponents):
                some = next(iter(exponents))
                c = WHOLE if some == self.home[some].variable else self.class_of(some)
                result[c].append((exponents, shifts))
        return {c: self._sparse(vectors) for c, vectors in result.items()}

    def _sparse(self, vectors: list[tuple[Vector, Vector]]) -> list[tuple[Vector, Vector]]:
        """Add and subtract null vectors of one class where that leaves fewer legs."""
        vectors = list(vectors)
        moved = [self._legs_moved(vector) for vector in vectors]
        for i, one in enumerate(vectors):
            for j, other in enumerate(vectors):
                # nothing cancels that is not moved by both
                if i == j or 2 * len(moved[i] & moved[j]) <= len(moved[j]):
                    continue
                for factor in (1, -1):
                    mixed = (_sum(one[0], other[0], factor), _sum(one[1], other[1], factor))
                    legs = self._legs_moved(mixed)
                    if len(legs) < len(moved[i]):
                        one, vectors[i], moved[i] = mixed, mixed, legs
        return vectors

    def _legs_moved(self, vector: tuple[Vector, Vector]) -> frozenset[int]:
        variables = {*vector[0], *vector[1]}
        return frozenset(v for v in variables if self.home[v].value.origin is Origin.PARAMETER)

    def _merged(
        self, c: int, scales: list[tuple[Vector, Vector]], signs: list[tuple[Vector, Vector]]
    ) -> Iterator[Family]:
        """Positive scalings whose factors may be negative are scalings; other signs stand alone."""
        flips = LinearSystem(modulus=2)
        for flip, _ in signs:
            flips.equate(flip)
        used = LinearSystem(modulus=2)
        for exponents, shifts in scales:
            unit = self._primitive({**exponents, **{-1 - v: s for v, s in shifts.items()}})
            powers = {v: e for v, e in unit.items() if v >= 0}
            amounts = {-1 - v: e for v, e in unit.items() if v < 0}
            parity = {v: int(e) % 2 for v, e in powers.items()}
            both = not amounts and not flips.reduce(parity) and any(parity.values())
            if both:
                used.equate(parity)
            group = (
                "scaling"
                if both
                else "scale_invariance"
                if self._normalised(c, powers)
                else "positive_scaling"
            )
            yield self._family(group, c, powers, amounts)
        for flip, _ in signs:
            if used.equate(flip):
                yield self._family("sign", c, flip)

    def _normalised(self, c: int, exponents: Vector) -> bool:
        return c == WHOLE and not self._equations.at_zero_eps.isdisjoint(exponents)

    def _family(self, group: str, c: int, exponents: Vector, shifts: Vector | None = None) -> Family:
        moved = [*exponents, *(shifts or {})]
        blocks = dict.fromkeys(self.home[v] for v in moved)
        companions = () if c == WHOLE else self._companions.of(c, moved, blocks)
        return Family(group, c, exponents, shifts or {}, companions)

    def _primitive(self, vector: Vector) -> Vector:
        """Whole exponents without common factor, the first leg's positive."""
        scale = lcm(*(Fraction(e).denominator for e in vector.values()))
        whole = {v: int(e * scale) for v, e in vector.items()}
        divisor = reduce(gcd, whole.values())
        first = min(v for v in whole if v >= 0)
        divisor = divisor if whole[first] > 0 else -divisor
        return {v: e // divisor for v, e in whole.items()}

    def _image(self, family: Family, c: int) -> Vector:
        """The exponents of the trained blocks, for factors that depend on the index of class ``c`` alone."""
        image: Vector = defaultdict(int)
        for variable, exponent in family.exponents.items():
            block = self.home[variable]
            if block.value.origin is Origin.PARAMETER:
                if c == WHOLE:
                    place = block.variable
                elif c == family.c:
                    place = variable
                else:
                    place = next(a for a in block.atoms if self.class_of(a) == c)
                image[place] += exponent
        return image


def _sum(one: Vector, other: Vector, factor: int) -> Vector:
    total = {v: one.get(v, 0) + factor * other.get(v, 0) for v in {**one, **other}}
    return {v: e for v, e in total.items() if e}
