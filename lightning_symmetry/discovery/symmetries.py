"""All symmetries of a model, and what can be asked of them together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, overload

import torch
from torch import Tensor, nn

from ._acting import generators, transform
from ._plain import symmetry_from
from ._table import table
from .completeness import Completeness, completeness
from .symmetry import Symmetry
from .verify import errors


class Symmetries(Sequence[Symmetry]):
    """The symmetries of one model, a sequence of :class:`Symmetry`.

    Args:
        symmetries: What was found.
        loss: The function of the outputs that stays the same; ``None`` for the outputs themselves. It is
            remembered for :meth:`errors` and :meth:`completeness`, and not part of :meth:`to_dict`.

    Raises:
        TypeError: If there is something else than symmetries.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from lightning_symmetry import find_symmetries
        >>> model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))
        >>> symmetries = find_symmetries(model, torch.zeros(1, 4))
        >>> print(symmetries.table())
        name           group        size  copies  dimension  holds    legs
        0.permutation  permutation  8     1       0          exactly  0.weight 0.bias 2.weight
        0.sign         sign         8     1       0          exactly  0.weight 0.bias 2.weight
        >>> max(symmetries.errors(model, torch.randn(5, 4)).values()) < 1e-12
        True
    """

    def __init__(self, symmetries: Iterable[Symmetry], *, loss: Callable[..., Any] | None = None) -> None:
        if not isinstance(symmetries, Iterable) or isinstance(symmetries, Tensor):
            raise TypeError(f"symmetries must be those of a model; found {type(symmetries).__name__}")
        self._symmetries = tuple(symmetries)
        for symmetry in self._symmetries:
            if not isinstance(symmetry, Symmetry):
                raise TypeError(f"symmetries must be those of a model; found {type(symmetry).__name__}")
        self.loss = loss

    @overload
    def __getitem__(self, index: int) -> Symmetry: ...
    @overload
    def __getitem__(self, index: slice) -> Symmetries: ...
    def __getitem__(self, index: int | slice) -> Symmetry | Symmetries:
        """Return one symmetry, or some of them."""
        if isinstance(index, slice):
            return Symmetries(self._symmetries[index], loss=self.loss)
        return self._symmetries[index]

    def __len__(self) -> int:
        """Return the number of symmetries."""
        return len(self._symmetries)

    def __iter__(self) -> Iterator[Symmetry]:
        """Iterate in the order of first use."""
        return iter(self._symmetries)

    def __eq__(self, other: object) -> bool:
        """Compare the symmetries, not the losses."""
        return isinstance(other, Symmetries) and self._symmetries == other._symmetries

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        """Name the number of symmetries and their groups."""
        groups = ", ".join(dict.fromkeys(s.group for s in self))
        return f"<Symmetries: {len(self)} ({groups})>"

    def table(self) -> str:
        """Return a plain table: name, group, sizes, how exactly each holds, and the parameters it moves.

        Symmetries that differ only in the index of a repeated block share a row, which says how many they
        are; long lists of parameters are cut. Iterating gives them all.
        """
        return table(self)

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists, numbers and strings, fit for JSON and for checkpoints."""
        return {"version": 1, "symmetries": [symmetry.to_dict() for symmetry in self]}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Symmetries:
        """Build symmetries from what :meth:`to_dict` gave.

        Args:
            plain: The dictionary, also after a journey through JSON.

        Returns:
            Equal symmetries, without a loss.

        Raises:
            ValueError: If the version is not 1, or something in it is not what :meth:`to_dict` gives.
        """
        found = plain.get("version") if isinstance(plain, Mapping) else type(plain).__name__
        if not isinstance(plain, Mapping) or not isinstance(found, int) or found != 1:
            raise ValueError(f"plain['version'] must be 1; found {found!r}")
        symmetries = plain.get("symmetries")
        if not isinstance(symmetries, (list, tuple)):
            raise ValueError(f"plain['symmetries'] must be a list; found {type(symmetries).__name__}")
        return cls(symmetry_from(symmetry) for symmetry in symmetries)

    def transform(
        self, params: Mapping[str, Tensor], generator: torch.Generator | None = None
    ) -> dict[str, Tensor]:
        """Return ``params`` moved by one random element of every group.

        Args:
            params: Parameters by name, ``dict(model.named_parameters())`` or a whole ``state_dict()``.
                Buffers that live on a space move too if they are given.
            generator: Source of randomness on the CPU; the global one otherwise.

        Returns:
            New tensors where something moved, the given ones elsewhere.

        Raises:
            TypeError: If ``generator`` is none.
            ValueError: If a parameter or a buffer that a symmetry moves is absent, no tensor or too small.
        """
        if not (generator is None or isinstance(generator, torch.Generator)):
            raise TypeError(f"generator must be a torch.Generator or None; found {type(generator).__name__}")
        return transform(self, params, generator)

    def generators(self, params: Mapping[str, Tensor]) -> Tensor:
        """Return the tangent of every continuous direction at ``params``.

        Args:
            params: Parameters by name.

        Returns:
            A matrix ``(k, P)``: one row for each of the ``k = Σ dimension`` directions, the ``P`` columns
            being all tensors of ``params`` flattened in dict order. Rows may depend on each other where
            orbits meet.

        Raises:
            ValueError: If a parameter or a buffer that a symmetry moves is absent, no tensor or too small.
        """
        return generators(self, params)

    def errors(
        self,
        model: nn.Module,
        *args: Any,
        loss: Callable[..., Any] | None = None,
        seed: int = 0,
        **kwargs: Any,
    ) -> dict[str, float]:
        """Measure in float64 how far every symmetry is from holding, each alone and all at once.

        Returns:
            What :func:`lightning_symmetry.discovery.verify.errors` returns.

        Raises:
            TypeError: If ``model`` is not a module.
            ValueError: If it lacks a parameter that a symmetry moves, or its outputs hold no real number.
        """
        return errors(self, model, args, kwargs, loss or self.loss, seed)

    def completeness(
        self, model: nn.Module, inputs: Any, loss: Callable[..., Any] | None = None
    ) -> Completeness:
        """Compare the generators with the null space of the Jacobian: the proof that none is missing.

        Returns:
            What :func:`lightning_symmetry.discovery.completeness.completeness` returns.

        Raises:
            TypeError: If ``model`` is not a module.
            ValueError: If it lacks a parameter that a symmetry moves, or has none that is trained, or there
                are too few outputs or one that is not finite.
        """
        return completeness(self, model, inputs, loss or self.loss)
