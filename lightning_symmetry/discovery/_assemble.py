"""From solved equations to symmetries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import reduce
from math import gcd, lcm, prod

from ._copies import Companions
from ._equivariance import Equivariance
from ._flow import Flow
from ._linear_system import LinearSystem
from ._lower import Block, Lowered
from ._program import Origin
from .symmetry import Leg, Symmetry

Number = Fraction | int
Vector = dict[int, Number]
KINDS = {
    Origin.PARAMETER: "parameter",
    Origin.BUFFER: "buffer",
    Origin.NOISE: "noise",
    Origin.SYMMETRIC_NOISE: "noise",
}
WHOLE = -1
"""Stands for the class of what acts on whole tensors."""


@dataclass(frozen=True)
class Family:
    """One solution: a group and the exponent of every variable, of the class ``c``, that it moves."""

    group: str
    c: int
    exponents: Vector
    shifts: Vector = field(default_factory=dict)
    companions: tuple[int, ...] = ()

    @property
    def joint(self) -> frozenset[int]:
        """The classes whose indices tell the factors apart."""
        return frozenset({self.c, *self.companions}) - {WHOLE}


class Assembler:
    """Collects the symmetries of one lowered program, translations excepted."""

    def __init__(self, lowered: Lowered, equations: Equivariance, flow: Flow) -> None:
        self._equations = equations
        self._home = {v: b for b in lowered.blocks for v in (b.variable, *b.atoms)}
        self._movable = [b for b in lowered.blocks if b.value.origin in KINDS]
        self._companions = Companions(lowered, self._class)
        self._reading = flow.contracted()
        self._members: dict[int, list[int]] = defaultdict(list)
        for variable, block in self._home.items():
            if variable != block.variable:
                self._members[self._class(variable)].append(variable)

    def run(self) -> list[Symmetry]:
        """Return permutations, general linear groups, signs and scalings."""
        candidates = [*self._linear(), *self._diagonal()]
        # what acts on a wider product of atoms contains what acts on a narrower one
        candidates.sort(key=lambda f: (-len(f.joint), f.group != "general_linear", -self._width(f)))
        accepted: list[Family] = []
        for family in candidates:
            if self._is_new(family, accepted):
                accepted.append(family)
        return [self._symmetry(family) for family in (*self._permutations(), *accepted)]

    def _class(self, variable: int) -> int:
        return self._equations.ties.find(variable)[0]

    def _trained(self, variables: Iterable[int]) -> bool:
        return any(self._home[v].value.origin is Origin.PARAMETER for v in variables)

    def _spaces(self) -> Iterable[tuple[int, list[int]]]:
        return ((c, atoms) for c, atoms in self._members.items() if self._trained(atoms))

    def _permutations(self) -> Iterable[Family]:
        fixed, curved = self._equations.fixed, self._equations.curved
        for c, atoms in self._spaces():
            if c in curved and c not in fixed:
                yield self._family("permutation", c, dict.fromkeys(atoms, 1))

    def _linear(self) -> Iterable[Family]:
        curved = self._equations.curved
        for c, atoms in self._spaces():
            if c not in curved:
                variance = {a: self._equations.ties.find(a)[1] for a in atoms}
                yield self._family("general_linear", c, self._primitive(variance))

    def _diagonal(self) -> Iterable[Family]:
        scales, signs = self._solutions(self._equations.scale), self._solutions(self._equations.sign)
        for c in dict.fromkeys([*scales, *signs]):
            if c == WHOLE or c in self._equations.curved:
                yield from self._merged(c, scales.get(c, []), signs.get(c, []))

    def _solutions(self, system: LinearSystem) -> dict[int, list[tuple[Vector, Vector]]]:
        """Null vectors by class, each as exponents and shifts, those that move nothing trained left out."""
        both = {self._equations.shift(v): v for v in self._home} if system is self._equations.scale else {}
        result: dict[int, list[tuple[Vector, Vector]]] = defaultdict(list)
        for vector in system.nullspace([*self._home, *both]).values():
            exponents = {v: e for v, e in vector.items() if v in self._home}
            shifts = {both[v]: e for v, e in vector.items() if v in both}
            if self._trained(exponents):
                some = next(iter(exponents))
                c = WHOLE if some == self._home[some].variable else self._class(some)
                result[c].append((exponents, shifts))
        return {c: self._sparse(vectors) for c, vectors in result.items()}

    def _sparse(self, vectors: list[tuple[Vector, Vector]]) -> list[tuple[Vector, Vector]]:
        """Add and subtract null vectors of one class where that leaves fewer legs: one symmetry, one place."""
        vectors = list(vectors)
        for i, one in enumerate(vectors):
            for other in vectors[:i] + vectors[i + 1 :]:
                for factor in (1, -1):
                    mixed = (_sum(one[0], other[0], factor), _sum(one[1], other[1], factor))
                    if self._legs_moved(mixed) < self._legs_moved(one):
                        one = vectors[i] = mixed
        return vectors

    def _legs_moved(self, vector: tuple[Vector, Vector]) -> int:
        moved = {*vector[0], *vector[1]}
        return sum(self._home[v].value.origin is Origin.PARAMETER for v in moved)

    def _merged(self, c: int, scales: list[tuple[Vector, Vector]], signs: list[tuple[Vector, Vector]]) -> Iterable[Family]:
        """Positive scalings whose factors may be negative too are scalings; the signs that remain stand alone."""
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
            group = "scaling" if both else "scale_invariance" if self._normalised(c, powers) else "positive_scaling"
            yield self._family(group, c, powers, amounts)
        for flip, _ in signs:
            if used.equate(flip):
                yield self._family("sign", c, flip)

    def _normalised(self, c: int, exponents: Vector) -> bool:
        return c == WHOLE and not self._equations.at_zero_eps.isdisjoint(exponents)

    def _family(self, group: str, c: int, exponents: Vector, shifts: Vector | None = None) -> Family:
        moved = [*exponents, *(shifts or {})]
        blocks = dict.fromkeys(self._home[v] for v in moved)
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

    def _is_new(self, family: Family, accepted: list[Family]) -> bool:
        modulus = 2 if family.group == "sign" else None
        known = LinearSystem(modulus)
        for other in accepted:
            has_part = other.group in {"general_linear", "scaling", family.group} or family.group != "sign"
            if other.joint >= family.joint and has_part and (modulus == 2 or other.group != "sign"):
                known.equate(self._image(other, family.c))
        return known.equate(self._image(family, family.c))

    def _image(self, family: Family, c: int) -> Vector:
        """The exponents of the trained blocks, for factors that depend on the index of class ``c`` alone."""
        image: Vector = defaultdict(int)
        for variable, exponent in family.exponents.items():
            block = self._home[variable]
            if block.value.origin is Origin.PARAMETER:
                if c == WHOLE:
                    place = block.variable
                elif c == family.c:
                    place = variable
                else:
                    place = next(a for a in block.atoms if self._class(a) == c)
                image[place] += exponent
        return image

    def _symmetry(self, family: Family) -> Symmetry:
        legs = tuple(leg for block in self._movable for leg in self._legs(family, block))
        size = self._width(family)
        copies = prod(self._size(self._members[d][0]) for d in family.companions)
        noise = any(leg.kind == "noise" for leg in legs)
        eps = family.group != "permutation" and not self._equations.at_zero_eps.isdisjoint(family.exponents)
        if family.group in {"general_linear", "sign"}:
            eps = False
        holds = "in distribution" if noise else "at eps = 0" if eps else "exactly"
        return Symmetry("", family.group, size, copies, legs, holds, (size,))

    def _width(self, family: Family) -> int:
        return 1 if family.c == WHOLE else self._size(next(iter(family.exponents)))

    def _size(self, variable: int) -> int:
        block = self._home[variable]
        return block.sizes[variable - block.variable - 1]

    def _legs(self, family: Family, block: Block) -> Iterable[Leg]:
        for powers, additive in ((family.exponents, False), (family.shifts, True)):
            variables = (block.variable,) if family.c == WHOLE else block.atoms
            hit = [(i, powers[v]) for i, v in enumerate(variables) if powers.get(v)]
            if hit:
                acts = tuple(i if family.c != WHOLE else len(block.sizes) for i, _ in hit)
                copies = tuple(
                    next(i for i, a in enumerate(block.atoms) if self._class(a) == d) for d in family.companions
                )
                yield leg_of(
                    block,
                    acts=acts,
                    powers=tuple(float(power) for _, power in hit),
                    copies=copies,
                    additive=additive,
                    reads=family.c != WHOLE and block.variable + 1 + acts[0] in self._reading,
                    whole=family.c == WHOLE,
                )


def _sum(one: Vector, other: Vector, factor: int) -> Vector:
    total = {v: one.get(v, 0) + factor * other.get(v, 0) for v in {**one, **other}}
    return {v: e for v, e in total.items() if e}


def leg_of(
    block: Block,
    *,
    acts: tuple[int, ...],
    powers: tuple[float, ...],
    copies: tuple[int, ...] = (),
    additive: bool = False,
    reads: bool = False,
    whole: bool = False,
    chain: tuple = (),  # type: ignore[type-arg]
) -> Leg:
    """Describe a block of a source as a leg; ``whole`` adds the dimension of length one that whole-tensor groups act on."""
    atoms = tuple((axis, step, dim.size) for axis, piece in enumerate(block.pieces) for dim, step in piece.atoms)
    return Leg(
        parameter=block.value.name,
        offset=tuple(piece.offset for piece in block.pieces),
        atoms=(*atoms, (-1, 0, 1)) if whole else atoms,
        kind=KINDS[block.value.origin],  # type: ignore[arg-type]
        role="reads" if reads else "writes",
        acts=acts,
        powers=powers,
        copies=copies,
        additive=additive,
        chain=chain,
    )

