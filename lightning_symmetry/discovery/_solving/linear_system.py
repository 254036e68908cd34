"""Exact null spaces of sparse linear systems, over the rationals or over GF(2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction


def rational(number: float) -> Fraction | int:
    """The short fraction that rounds to just this float, 1/3 for 0.333…, or else the float itself."""
    if float(number).is_integer():
        return int(number)
    short = Fraction(number).limit_denominator(10**6)
    return short if float(short) == number else Fraction(number)


Row = Mapping[int, "Fraction | int"]
Expression = dict[int, "Fraction | int"]


class LinearSystem:
    """Homogeneous equations between variables named by integers, solved as they come.

    Every variable is free until an equation determines it; the youngest variable (largest number) of an
    equation is the one that is determined, so the null space comes out in terms of the oldest.

    Example:
        >>> system = LinearSystem()
        >>> system.equate({0: 1, 2: -1}), system.equate({1: 1, 2: 1}), system.equate({0: 1, 1: 1})
        (True, True, False)
        >>> system.expression(1)
        {0: -1}
    """

    def __init__(self, modulus: int | None = None) -> None:
        self._modulus = modulus
        self._solved: dict[int, Expression] = {}

    def equate(self, row: Row) -> bool:
        """Demand Σ coefficient · variable = 0; return whether that was news."""
        rest = self.reduce(row)
        if not rest:
            return False
        pivot = max(rest)
        lead = rest.pop(pivot)
        if lead in (1, -1):
            self._solved[pivot] = {v: self._tidy(-c * lead) for v, c in rest.items()}
        else:
            self._solved[pivot] = {v: self._tidy(-Fraction(c) / lead) for v, c in rest.items()}
        return True

    def expression(self, variable: int) -> Expression:
        """Write a variable in terms of free ones."""
        solved = self._solved.get(variable)
        if solved is None:
            return {variable: 1}
        if any(v in self._solved for v in solved):
            solved = self._solved[variable] = self.reduce(solved)
        return solved

    def reduce(self, row: Row) -> Expression:
        """Write a combination of variables in terms of free ones."""
        result: Expression = {}
        for variable, coefficient in row.items():
            if variable not in self._solved:
                result[variable] = result.get(variable, 0) + coefficient
                continue
            for v, c in self.expression(variable).items():
                result[v] = result.get(v, 0) + coefficient * c
        return {v: tidy for v, c in result.items() if (tidy := self._tidy(c))}

    def nullspace(self, variables: Iterable[int]) -> dict[int, Expression]:
        """Map each free variable to the vector it spans, as values of the given variables."""
        basis: dict[int, Expression] = {}
        for variable in variables:
            for free, coefficient in self.expression(variable).items():
                basis.setdefault(free, {})[variable] = coefficient
        return basis

    def _tidy(self, number: Fraction | int) -> Fraction | int:
        if self._modulus is not None:
            return int(number) % self._modulus
        return number if isinstance(number, int) else (int(number) if number.denominator == 1 else number)
