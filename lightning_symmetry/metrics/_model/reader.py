"""The weights of one look, each arranged and measured once however many symmetries ask."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor

from .space import Piece

Key = tuple[object, ...]
"""What a piece is, whichever symmetry it belongs to."""


class Reader:
    """Arranges pieces of parameters as ``(copies, size, rest)``.

    Args:
        params: Parameters by name.
    """

    def __init__(self, params: Mapping[str, Tensor]) -> None:
        self._params = params
        self._seen: dict[Key, Tensor] = {}

    def __call__(self, pieces: Iterable[Piece]) -> list[Tensor]:
        """Return the pieces, detached."""
        return [self._known("units", piece, self._units) for piece in pieces]

    def norms(self, pieces: Iterable[Piece]) -> list[Tensor]:
        """Return the length of every row, ``(copies, size, 1)``: legs with the squares of the pieces."""
        return [self._known("norms", piece, self._norms) for piece in pieces]

    def _known(self, what: str, piece: Piece, make: Callable[[Piece], Tensor]) -> Tensor:
        leg, act = piece
        key = (what, leg.parameter, leg.offset, leg.atoms, leg.acts[act], leg.copies, leg.about)
        if key not in self._seen:
            self._seen[key] = make(piece)
        return self._seen[key]

    def _units(self, piece: Piece) -> Tensor:
        leg, act = piece
        units = leg.units(leg.of(self._params[leg.parameter].detach()), act)
        return units + leg.about if leg.about else units

    def _norms(self, piece: Piece) -> Tensor:
        (units,) = self((piece,))
        precise = torch.promote_types(units.dtype, torch.float32)
        norms: Tensor = torch.linalg.vector_norm(units, dim=-1, keepdim=True, dtype=precise)
        return norms
