"""Spaces on which whole matrices act: those that only linear operations, lengths and gains touch.

A matrix g acts on what writes such a space and g⁻ᵀ on what reads it. Where a length or the space itself is
met again, g has to be orthogonal; where a mean is subtracted, it has to fix the constant vector. A gain γ
between two places is a change of basis: beyond it g acts as diag(γ) g diag(γ)⁻¹, so that every place has a
*frame*, the product of the gains that lead to it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from .._program.statements import Centre, Map, Term
from .._program.values import Origin
from .._steps.flow import Flow
from .._steps.lower import Key, Lowered, Slot, Step
from .constants import Constants, Frame, combined

NONLINEAR = (Origin.FIXED, Origin.FILL, Origin.NOISE, Origin.SYMMETRIC_NOISE)


@dataclass(frozen=True)
class LinearSpace:
    """Atoms on which one matrix acts, each with its variance (+1 writes, −1 reads) and frame."""

    group: Literal["general_linear", "orthogonal"]
    centred: bool
    variances: dict[int, int]
    frames: dict[int, Frame]


@dataclass(frozen=True)
class _Tie:
    """At ``other`` acts what acts at ``one``, inverted and transposed if ``sign`` is −1, beyond ``frame``."""

    one: int
    other: int
    sign: int
    frame: Frame


class LinearSpaces:
    """Collects the linear spaces of a program."""

    def __init__(self, lowered: Lowered, flow: Flow, constants: Constants) -> None:
        self._flow, self._constants = flow, constants
        self._parent: dict[int, tuple[int, int, Frame]] = {}
        self._curved: set[int] = set()
        self._centred: set[int] = set()
        self._conflicts: list[_Tie] = []
        pinned = {block for block, _ in lowered.pinned}
        for block in lowered.blocks:
            constant = block.value.origin is Origin.BUFFER and not flow.makers[block]
            if constant or block in pinned or block.value.origin in NONLINEAR:
                self._curved.update(block.atoms)
        for step in lowered.steps:
            self._step(step)

    def __iter__(self) -> Iterator[LinearSpace]:
        """Iterate over the spaces, in no particular order."""
        members: dict[int, list[int]] = defaultdict(list)
        for atom in self._parent:
            members[self._find(atom)[0]].append(atom)
        curved = {self._find(atom)[0] for atom in self._curved if atom in self._parent}
        conflicts: dict[int, list[_Tie]] = defaultdict(list)
        for tie in self._conflicts:
            conflicts[self._find(tie.one)[0]].append(tie)
        centred: dict[int, list[int]] = defaultdict(list)
        for atom in self._centred:
            centred[self._find(atom)[0]].append(atom)
        for root, atoms in members.items():
            if root not in curved:
                base = self._base(conflicts[root], centred[root])
                if base is not None:
                    yield self._space(atoms, base, bool(conflicts[root]), bool(centred[root]))

    def _space(self, atoms: list[int], base: Frame, dual: bool, centred: bool) -> LinearSpace:
        found = {atom: self._find(atom) for atom in atoms}
        return LinearSpace(
            "orthogonal" if dual else "general_linear",
            centred,
            {atom: sign for atom, (_, sign, _) in found.items()},
            {atom: combined(frame, base, sign) for atom, (_, sign, frame) in found.items()},
        )

    def _base(self, conflicts: list[_Tie], centred: list[int]) -> Frame | None:
        """The frame at the root for which lengths and means are plain, or None if there is none."""
        demands = []
        for tie in conflicts:
            _, sign, frame = self._find(tie.one)
            _, other_sign, other_frame = self._find(tie.other)
            gap = combined(combined(tie.frame, frame, tie.sign), other_frame, -1)
            if other_sign == tie.sign * sign:
                return None  # round the loop lies a gain
            if any(exponent % 2 for exponent in gap.values()):
                return None  # the root of a gain, which may be negative
            demands.append({c: other_sign * exponent // 2 for c, exponent in gap.items()})
        for atom in centred:
            _, sign, frame = self._find(atom)
            demands.append(combined({}, frame, -sign))
        return None if any(d != demands[0] for d in demands) else demands[0] if demands else {}

    def _find(self, atom: int) -> tuple[int, int, Frame]:
        """The root of an atom, and sign and frame on the way from there."""
        parent, sign, frame = self._parent.setdefault(atom, (atom, 1, {}))
        if parent == atom:
            return atom, 1, {}
        root, before, inner = self._find(parent)
        found = (root, sign * before, combined(frame, inner, sign))
        self._parent[atom] = found
        return found

    def _tie(self, tie: _Tie) -> None:
        root, sign, frame = self._find(tie.one)
        other_root, other_sign, other_frame = self._find(tie.other)
        if root != other_root:
            gap = combined(combined(tie.frame, frame, tie.sign), other_frame, -1)
            self._parent[other_root] = (root, other_sign * tie.sign * sign, combined({}, gap, other_sign))
        elif other_sign != tie.sign * sign or combined(tie.frame, frame, tie.sign) != other_frame:
            self._conflicts.append(tie)

    def _step(self, step: Step) -> None:
        statement = step.statement
        if isinstance(statement, Map):
            self._curve(step)
            return
        if step.out.block.value.origin is Origin.MEAN and len(self._flow.makers[step.out.block]) == 1:
            return  # its centring says more
        for key in dict.fromkeys(key for slot in step.slots for key in slot.keys):
            if isinstance(statement, Centre):
                self._align(step, key, step.inputs[0])
            else:
                self._key(step, key)
        if isinstance(statement, Centre):
            self._centred.update(step.inputs[0].variable(key) for key in step.over(statement.over))
        if isinstance(statement, Term):
            for key in step.over(statement.ordered):
                self._curved.update(slot.variable(key) for slot in step.slots if key in slot.keys)

    def _curve(self, step: Step) -> None:
        for slot in step.slots:
            self._curved.update(slot.block.atoms)

    def _align(self, step: Step, key: Key, slot: Slot) -> None:
        self._tie(_Tie(slot.variable(key), step.out.variable(key), 1, {}))

    def _key(self, step: Step, key: Key) -> None:
        """One axis of a term."""
        powers = [o.power for o in step.statement.inputs] if isinstance(step.statement, Term) else [1]
        holders = [(s, p) for s, p in zip(step.inputs, powers, strict=True) if key in s.keys]
        match holders:
            case [(slot, 1)] if key in step.out.keys:
                self._align(step, key, slot)
            case [(one, 1), (other, 1)] if key not in step.out.keys:
                self._tie(_Tie(one.variable(key), other.variable(key), -1, {}))
            case [(slot, 2)] if key not in step.out.keys:
                self._tie(_Tie(slot.variable(key), slot.variable(key), -1, {}))
            case [one, other] if key in step.out.keys:
                self._gain(step, key, one, other)
            case _:
                self._curved.update(slot.variable(key) for slot, _ in holders)
                if key in step.out.keys:
                    self._curved.add(step.out.variable(key))

    def _gain(self, step: Step, key: Key, one: tuple[Slot, float], other: tuple[Slot, float]) -> None:
        """A product of two factors, one of which may be a gain."""
        for (slot, power), (gain, exponent) in ((one, other), (other, one)):
            constant = self._constants.of(gain.block) if len(gain.block.sizes) == 1 else None
            if constant is None or power != 1 or int(exponent) != exponent or self._constants.of(slot.block):
                continue
            frame = {constant: int(exponent)}
            self._tie(_Tie(slot.variable(key), step.out.variable(key), 1, frame))
            self._curved.add(gain.variable(key))
            return
        for slot in (one[0], other[0], step.out):
            self._curved.add(slot.variable(key))
