"""Give a parameter a mirror symmetry whose symmetric state is a wanted linear constraint."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Size, Tensor

from lightning_symmetry.surgery._mirror_arguments import (
    check_fit,
    check_indices,
    check_projector,
    nested_tuples,
)
from lightning_symmetry.surgery._mirror_bases import bases
from lightning_symmetry.surgery.factorisation import Factorisation, gates


@dataclass(frozen=True)
class Mirror(Factorisation):
    r"""Any reflection, :math:`\theta = (I - P)\, c + P\,(g v)` with a projector :math:`P = O O^\top`.

    Adds the reflection :math:`v \mapsto -v`, :math:`g \mapsto -g`, whose symmetric state is :math:`O^\top
    \theta = 0`. Weight decay :math:`\lambda` (the penalty :math:`\frac\lambda2 (\|c\|^2 + \|v\|^2 + g^2)`)
    equals the penalty

    .. math:: \frac\lambda2 \|(I - P)\theta\|^2 + \lambda \|P \theta\|,

    the second term not squared, so training reaches the constraint exactly where it is worth it. With index
    sets every set is a mirror with a gate of its own, and the second term is the sum of their norms. The
    minima are the same for coupled weight decay, as in SGD and Adam, and not for AdamW.

    Exact at insertion to rounding of the parameter's norm. The gates are larger than the mirrored parts, so
    that training can leave a symmetric state and pass through it.

    Reference: Ziyin, *Symmetry Induces Structure and Constraint of Learning*, arXiv 2309.16932 (DCS).

    Args:
        projector: Symmetric idempotent matrix :math:`P`: nested sequences, an array or a tensor.
        indices: Disjoint sets of indices instead: the constraint is that the entries of a set are zero.
        dim: Dimension of the parameter that the projector acts on, alike for all other indices; ``None``
            takes the flattened parameter. With a projector the forward pass multiplies by matrices that are
            together square and of this size.

    Raises:
        ValueError: If an argument breaks its rule, or not exactly one of ``projector`` and ``indices`` is
            given.

    Example:
        The first two neurons may become one: the reflection exchanges their rows.

        >>> import torch
        >>> from lightning_symmetry import add_symmetry
        >>> exchange = [[0.5, -0.5, 0.0], [-0.5, 0.5, 0.0], [0.0, 0.0, 0.0]]
        >>> model = add_symmetry(torch.nn.Linear(4, 3), Mirror(exchange, dim=0))
        >>> [name for name, _ in model.named_parameters()]
        ['bias', 'weight_factors.kept', 'weight_factors.mirrored', 'weight_factors.gate']
    """

    projector: Sequence[Sequence[float]] | None = None
    indices: Sequence[Sequence[int]] | None = None
    dim: int | None = None

    def __post_init__(self) -> None:
        if (self.projector is None) == (self.indices is None):
            raise ValueError(
                "exactly one of `projector` and `indices` must be given, found "
                f"{'neither' if self.projector is None else 'both'}"
            )
        if self.dim is not None and (not isinstance(self.dim, int) or isinstance(self.dim, bool)):
            raise ValueError(f"`dim` must be None or an integer, found {self.dim!r}")
        # Tuples make the config hashable and comparable, whatever it was given.
        if self.projector is not None:
            object.__setattr__(self, "projector", nested_tuples(self.projector))
            check_projector(self.projector)
        if self.indices is not None:
            object.__setattr__(self, "indices", nested_tuples(self.indices))
            check_indices(self.indices)

    def check(self, name: str, parameter: Tensor) -> None:
        """Refuse a parameter whose size the mirror does not fit.

        Args:
            name: Name of the parameter, for the message.
            parameter: Its value.

        Raises:
            ValueError: If the parameter has no such dimension, or of another size.
        """
        check_fit(name, parameter, self.projector, self.indices, self.dim)

    def constants(self, weight: Tensor) -> dict[str, Tensor]:
        """Return the bases of what is kept and of what is mirrored; index sets need none.

        Args:
            weight: The weight.

        Returns:
            ``outside`` ``(n, n - rank)`` and ``inside`` ``(n, rank)``, orthonormal.
        """
        if self.projector is None:
            return {}
        outside, inside = bases(torch.tensor(self.projector, dtype=torch.float64, device=weight.device))
        return {"outside": outside.to(weight.dtype), "inside": inside.to(weight.dtype)}

    def split(self, weight: Tensor) -> dict[str, Tensor]:
        """Return the part that is kept, if any, the part that is mirrored, and a gate for each mirror.

        Args:
            weight: The weight.

        Returns:
            The factors.
        """
        rows = self._rows(weight)
        if self.projector is None:
            rest, *sets = self._parts(len(rows))
            kept, mirrored = rows[rest], [rows[chosen] for chosen in sets]
        else:
            constants = self.constants(weight)
            kept, mirrored = constants["outside"].mT @ rows, [constants["inside"].mT @ rows]
        gate = gates(_norms(mirrored), 2)
        divided = [part / size for part, size in zip(mirrored, gate.unbind(), strict=True)]
        outside = {"kept": kept} if len(kept) else {}
        return {**outside, "mirrored": torch.cat(divided), "gate": gate}

    def join(self, factors: Mapping[str, Tensor], shape: Size) -> Tensor:
        """Return the parameter.

        Args:
            factors: Trained factors and constants.
            shape: Shape of the parameter.

        Returns:
            The parameter.
        """
        mirrored = self._gated(factors)
        if self.projector is None:
            rows = torch.cat([*self._kept(factors), *mirrored])
            places = [i for part in self._parts(len(rows)) for i in part]
            # Each row back to its place: a list, because weight averaging rejects buffers of whole numbers.
            rows = rows[sorted(range(len(places)), key=places.__getitem__)]
        else:
            rows = factors["inside"] @ mirrored[0]
            for kept in self._kept(factors):
                rows = factors["outside"] @ kept + rows
        return self._back(rows, shape)

    def prune(self, factors: Mapping[str, Tensor], shape: Size, threshold: float) -> dict[str, Tensor]:
        r"""Reach the constraint exactly where :math:`\|O^\top \theta\|` is at most the threshold.

        Args:
            factors: Trained factors and constants.
            shape: Shape of the parameter.
            threshold: Largest norm that counts as zero.

        Returns:
            The trained factors.
        """
        kept = (_norms(self._gated(factors)) > threshold).to(factors["gate"])
        parts = zip(self._mirrored(factors), kept.unbind(), strict=True)
        trained = {"mirrored": torch.cat([part * on for part, on in parts]), "gate": factors["gate"] * kept}
        return trained if "kept" not in factors else {"kept": factors["kept"], **trained}

    def _parts(self, size: int) -> list[list[int]]:
        sets = [list(chosen) for chosen in self.indices or ()]
        taken = {i for chosen in sets for i in chosen}
        return [[i for i in range(size) if i not in taken], *sets]

    def _kept(self, factors: Mapping[str, Tensor]) -> list[Tensor]:
        return [factors["kept"]] if "kept" in factors else []

    def _mirrored(self, factors: Mapping[str, Tensor]) -> list[Tensor]:
        sizes = [len(chosen) for chosen in self.indices or ()] or [len(factors["mirrored"])]
        return list(torch.split(factors["mirrored"], sizes))

    def _gated(self, factors: Mapping[str, Tensor]) -> list[Tensor]:
        # One by one: discovery then sees that each gate has a scale of its own.
        pairs = zip(factors["gate"].unbind(), self._mirrored(factors), strict=True)
        return [gate * part for gate, part in pairs]

    def _rows(self, weight: Tensor) -> Tensor:
        if self.dim is None:
            return weight.reshape(-1, 1)
        return weight.movedim(self.dim, 0).flatten(1) if weight.ndim > 1 else weight.reshape(-1, 1)

    def _back(self, rows: Tensor, shape: Size) -> Tensor:
        if self.dim is None:
            return rows.reshape(shape)
        moved = [shape[self.dim], *(n for d, n in enumerate(shape) if d != self.dim % len(shape))]
        return rows.reshape(moved).movedim(0, self.dim)


def _norms(parts: Sequence[Tensor]) -> Tensor:
    return torch.stack([torch.linalg.vector_norm(part) for part in parts])
