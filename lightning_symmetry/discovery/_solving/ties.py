"""Classes of atoms that move together."""

from __future__ import annotations


class Ties:
    """Union-find of atoms with the relative variance (+1 same, −1 opposite) along each tie."""

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))
        self._variance = [1] * count
        self.inconsistent: set[int] = set()

    def find(self, atom: int) -> tuple[int, int]:
        """The class of an atom, and its variance in it."""
        parent = self._parent[atom]
        if self._parent[parent] == parent:
            return parent, self._variance[atom] if parent != atom else 1
        path = []
        while self._parent[atom] != atom:
            path.append(atom)
            atom = self._parent[atom]
        variance = 1
        for step in reversed(path):
            variance *= self._variance[step]
            self._parent[step], self._variance[step] = atom, variance
        return atom, variance

    def tie(self, one: int, other: int, variance: int) -> None:
        """Put two atoms in one class."""
        (a, va), (b, vb) = self.find(one), self.find(other)
        if a == b:
            if va * vb != variance:
                self.inconsistent.add(a)
            return
        older, younger = min(a, b), max(a, b)
        self._parent[younger] = older
        self._variance[younger] = va * vb * variance
        if younger in self.inconsistent:
            self.inconsistent.add(older)
