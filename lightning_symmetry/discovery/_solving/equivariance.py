"""What may act on each atom: the linear systems whose solutions are the groups.

Every block has a log-scale and a sign for itself, and for each of its atoms a log-scale, a sign and a
variance; atoms that an operation aligns are tied into classes. Each step adds its equations. Afterwards

- a class that nothing pins carries permutations,
- a class that only linear steps touch, with consistent variances, carries the general linear group,
- the null space of the scale equations over the rationals gives the scalings,
- the null space of the sign equations over GF(2) gives the sign flips.

A second set of variables counts shifts in units of log λ: an exponential turns them into scales.
"""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction

from .._program.statements import Centre, Map, Term
from .._program.values import Origin
from .._steps.lower import Block, Key, Lowered, Slot, Step
from .linear_system import LinearSystem, rational
from .ties import Ties


class Equivariance:
    """All equations of a lowered program."""

    def __init__(self, lowered: Lowered) -> None:
        count = lowered.variables
        self.ties = Ties(count)
        self.scale = LinearSystem()
        self.sign = LinearSystem(modulus=2)
        self.at_zero_eps: set[int] = set()
        self._shift_of = count
        self._fixed: set[int] = set()
        self._curved: set[int] = set()
        self._shifts: dict[Block, dict[int, dict[int, Fraction | int]]] = {}
        self._made = {step.out.block for step in lowered.steps}
        self._with_shifts = any(isinstance(s.statement, Map) and s.statement.exponent for s in lowered.steps)
        for block in lowered.blocks:
            self._source(block)
        for step in lowered.steps:
            statement = step.statement
            if isinstance(statement, Map):
                self._map(step, statement)
            elif isinstance(statement, Centre):
                self._centre(step, statement)
            else:
                self._term(step)
            if isinstance(statement, (Term, Map)):
                self._order(step, statement)
        for block, _ in lowered.pinned:
            self._pin(block)
        for shifts in self._shifts.values():
            for variable, row in shifts.items():
                self.scale.equate({self._shift_of + variable: -1, **row})
        for block in lowered.blocks:
            if block.value.origin is Origin.ZERO or (
                block.value.origin is Origin.COMPUTED and block not in self._made
            ):
                # zeros stay zeros under any factor, but not under a shift
                for variable in _variables(block):
                    self._no_shift(variable)

    def shift(self, variable: int) -> int:
        """The variable that counts shifts where ``variable`` counts scales."""
        return self._shift_of + variable

    @property
    def fixed(self) -> set[int]:
        """Classes that nothing may permute."""
        return {self.ties.find(atom)[0] for atom in self._fixed}

    @property
    def curved(self) -> set[int]:
        """Classes that something nonlinear touches, or that meet themselves."""
        touched = self._curved | self._fixed | self.ties.inconsistent
        return {self.ties.find(atom)[0] for atom in touched}

    def _source(self, block: Block) -> None:
        origin = block.value.origin
        if origin is Origin.FIXED:
            self._pin(block)
        elif origin is Origin.BUFFER and block not in self._made:
            # a mask may trade places with its units, but no number in it changes
            for variable in (block.variable, *block.atoms):
                self._no_scale(variable)
        elif origin in (Origin.FILL, Origin.NOISE, Origin.SYMMETRIC_NOISE):
            for variable in (block.variable, *block.atoms):
                self._no_scale(variable)
                if origin is not Origin.SYMMETRIC_NOISE:
                    self.sign.equate({variable: 1})
            self._curved.update(block.atoms)

    def _pin(self, block: Block) -> None:
        self._fixed.update(block.atoms)
        for variable in (block.variable, *block.atoms):
            self._no_scale(variable)
            self.sign.equate({variable: 1})

    def _order(self, step: Step, statement: Term | Map) -> None:
        for key in step.over(statement.ordered):
            for slot in step.slots:
                if key in slot.keys:
                    atom = slot.variable(key)
                    self._fixed.add(atom)
                    self._no_scale(atom)
                    self.sign.equate({atom: 1})

    def _no_scale(self, variable: int) -> None:
        self.scale.equate({variable: 1})
        self._no_shift(variable)

    def _no_shift(self, variable: int) -> None:
        if self._with_shifts:
            self.scale.equate({self._shift_of + variable: 1})

    def _equal(self, slots: list[tuple[int, float]]) -> None:
        """Σ power · scale = 0 and the same for signs; powers are whole."""
        row: dict[int, Fraction | int] = defaultdict(int)
        for variable, power in slots:
            row[variable] += rational(power)
        self.scale.equate(row)
        self.sign.equate({v: int(c) for v, c in row.items()})

    def _term(self, step: Step) -> None:
        powers = (
            [operand.power for operand in step.statement.inputs]
            if isinstance(step.statement, Term)
            else [1.0]
        )
        inputs = list(zip(step.inputs, powers, strict=True))
        out = step.out
        self._equal([(out.block.variable, -1), *((s.block.variable, p) for s, p in inputs)])
        for key in _keys(step):
            holders = [(slot.variable(key), power) for slot, power in inputs if key in slot.keys]
            atoms = [variable for variable, _ in holders]
            if key in out.keys:
                self._equal([(out.variable(key), -1), *holders])
                atoms.append(out.variable(key))
            else:
                self._equal(holders)
            opposite = key not in out.keys
            for other in atoms[1:]:
                self.ties.tie(atoms[0], other, -1 if opposite else 1)
            if len(atoms) != 2 or any(power != 1 for _, power in holders):
                self._curved.update(atoms)
        self._term_shifts(step, inputs)

    def _term_shifts(self, step: Step, inputs: list[tuple[Slot, float]]) -> None:
        if not self._with_shifts:
            return
        shifts = self._shifts.setdefault(step.out.block, {v: {} for v in _variables(step.out.block)})
        (slot, power), *others = inputs
        linear = not others and power == 1
        if not linear:
            for operand, _ in inputs:
                for variable in _variables(operand.block):
                    self._no_shift(variable)
            return
        factor = step.statement.coefficient if isinstance(step.statement, Term) else 1
        kept = all(key in step.out.keys for key in slot.keys)
        pairs = [(step.out.block.variable, slot.block.variable)] if kept else []
        pairs += [(step.out.variable(k), slot.variable(k)) for k in slot.keys if k in step.out.keys and kept]
        for target, source in pairs:
            row = shifts[target]
            row[self._shift_of + source] = row.get(self._shift_of + source, 0) + rational(factor)
        if not kept:
            for variable in _variables(slot.block):
                self._no_shift(variable)

    def _map(self, step: Step, map_: Map) -> None:
        out = step.out
        reach = [out, *step.inputs]
        for slot in reach:
            self._curved.update(slot.block.atoms)
        for key in [None, *_keys(step)]:
            holders = [_variable(slot, key) for slot in step.inputs if key is None or key in slot.keys]
            target = _variable(out, key) if key is None or key in out.keys else None
            everywhere = target is not None and len(holders) == len(step.inputs)
            if key is not None:
                atoms = holders if target is None else [*holders, target]
                for atom in atoms[1:]:
                    self.ties.tie(atoms[0], atom, 1)
            self._map_scales(map_, holders, target, everywhere)

    def _map_scales(self, map_: Map, holders: list[int], target: int | None, everywhere: bool) -> None:
        if map_.exponent and everywhere and target is not None:
            (source,) = holders
            scaled, shifted = (target, source) if map_.exponent > 0 else (source, target)
            self.scale.equate({scaled: 1, self._shift_of + shifted: -1})
            self.scale.equate({shifted: 1})
            self._no_shift(scaled)
            for variable in (source, target):
                self.sign.equate({variable: 1})
            return
        for variable in [*holders, *([] if target is None else [target])]:
            self._no_shift(variable)
        if everywhere and target is not None and map_.degree is not None:
            degree = rational(map_.degree)
            for variable in holders:
                self.scale.equate({target: -1, variable: degree})
                if map_.at_zero_eps:
                    self.at_zero_eps.add(variable)
        else:
            for variable in [*holders, *([] if target is None else [target])]:
                self.scale.equate({variable: 1})
        self._map_signs(map_, holders, target, everywhere)

    def _map_signs(self, map_: Map, holders: list[int], target: int | None, everywhere: bool) -> None:
        if len(holders) == 1 and map_.parity and (everywhere or map_.parity > 0):
            if map_.parity < 0 and target is not None:
                self.sign.equate({holders[0]: 1, target: 1})
            elif target is not None:
                self.sign.equate({target: 1})
            return
        for variable in [*holders, *([] if target is None else [target])]:
            self.sign.equate({variable: 1})

    def _centre(self, step: Step, centre: Centre) -> None:
        out, source = step.out, step.inputs[0]
        over = step.over(centre.over)
        self._equal([(out.block.variable, -1), (source.block.variable, 1)])
        self._no_shift(out.block.variable)
        for key in _keys(step):
            atom, image = source.variable(key), out.variable(key)
            self.ties.tie(atom, image, 1)
            self._equal([(image, -1), (atom, 1)])
            self._no_shift(image)
            if key in over:
                self._curved.update((atom, image))
                self._no_scale(atom)
                self.sign.equate({atom: 1})


def _variables(block: Block) -> tuple[int, ...]:
    return (block.variable, *block.atoms)


def _variable(slot: Slot, key: Key | None) -> int:
    return slot.block.variable if key is None else slot.variable(key)


def _keys(step: Step) -> list[Key]:
    return list(dict.fromkeys(key for slot in step.slots for key in slot.keys))
