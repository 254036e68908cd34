"""Give a parameter a mirror symmetry whose symmetric state is a wanted linear constraint."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Size, Tensor

from lightning_symmetry.surgery._mirror_arguments import check_indices, check_projector, nested_tuples
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
            takes the flattened parameter. The forward pass multiplies by a square matrix of this size.

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
        if self.dim is not None and not -parameter.ndim <= self.dim < parameter.ndim:
            raise ValueError(
                f"`dim` must be a dimension of parameter `{name}`, found {self.dim} for shape "
                f"{tuple(parameter.shape)}"
            )
        size = parameter.numel() if self.dim is None else parameter.shape[self.dim]
        if self.projector is not None and len(self.projector) != size:
            raise ValueError(
                f"`projector` must have the size of parameter `{name}` along `dim`, {size}, found "
                f"{len(self.projector)}"
            )
        if self.indices is not None and max(map(max, self.indices)) >= size:
            raise ValueError(
                f"`indices` must be below the size of parameter `{name}` along `dim`, {size}, found "
                f"{max(map(max, self.indices))}"
            )

    def constants(self, weight: Tensor) -> dict[str, Tensor]:
        """Return the projector, and which mirror each index belongs to.

        Args:
            weight: The weight.

        Returns:
            ``projector`` ``(n, n)`` and ``members`` ``(n, mirrors)`` of zeros and ones, a float tensor
            because weight averaging rejects others.
        """
        if self.projector is not None:
            projector = torch.tensor(self.projector, dtype=weight.dtype, device=weight.device)
            return {"projector": projector, "members": projector.new_ones(len(projector), 1)}
        assert self.indices is not None
        members = weight.new_zeros(weight.numel() if self.dim is None else weight.shape[self.dim], 0)
        for chosen in self.indices:
            column = members.new_zeros(len(members), 1)
            column[list(chosen)] = 1
            members = torch.cat([members, column], dim=1)
        return {"projector": torch.diag(members.sum(dim=1)), "members": members}

    def split(self, weight: Tensor) -> dict[str, Tensor]:
        """Return the part that is kept, the part that is mirrored, and a gate for each mirror.

        Args:
            weight: The weight.

        Returns:
            The factors.
        """
        constants = self.constants(weight)
        rows = self._rows(weight)
        mirrored = constants["projector"] @ rows
        gate = gates(_norms(mirrored, constants["members"]), 2)
        spread = _spread(gate, constants["members"])
        # Outside of all mirrors there is nothing to divide.
        divided = torch.where(spread > 0, mirrored / spread, mirrored)
        return {
            "kept": self._back(rows - mirrored, weight.shape),
            "mirrored": self._back(divided, weight.shape),
            "gate": gate,
        }

    def join(self, factors: Mapping[str, Tensor], shape: Size) -> Tensor:
        """Return the parameter.

        Args:
            factors: Trained factors and constants.
            shape: Shape of the parameter.

        Returns:
            The parameter.
        """
        kept, mirrored = self._rows(factors["kept"]), self._rows(factors["mirrored"])
        gated = _spread(factors["gate"], factors["members"]) * mirrored
        return self._back(kept + factors["projector"] @ (gated - kept), shape)

    def prune(self, factors: Mapping[str, Tensor], shape: Size, threshold: float) -> dict[str, Tensor]:
        r"""Reach the constraint exactly where :math:`\|O^\top \theta\|` is at most the threshold.

        Args:
            factors: Trained factors and constants.
            shape: Shape of the parameter.
            threshold: Largest norm that counts as zero.

        Returns:
            The trained factors.
        """
        mirrored = factors["projector"] @ self._rows(self.join(factors, shape))
        kept = (_norms(mirrored, factors["members"]) > threshold).to(mirrored)
        rest = self._rows(factors["kept"])
        halves = self._rows(factors["mirrored"]) * _spread(kept, factors["members"])
        return {
            "kept": self._back(rest - factors["projector"] @ rest, shape),
            "mirrored": self._back(halves, shape),
            "gate": factors["gate"] * kept,
        }

    def _rows(self, weight: Tensor) -> Tensor:
        if self.dim is None:
            return weight.reshape(-1, 1)
        return weight.movedim(self.dim, 0).flatten(1) if weight.ndim > 1 else weight.reshape(-1, 1)

    def _back(self, rows: Tensor, shape: Size) -> Tensor:
        if self.dim is None:
            return rows.reshape(shape)
        moved = [shape[self.dim], *(n for d, n in enumerate(shape) if d != self.dim % len(shape))]
        return rows.reshape(moved).movedim(0, self.dim)


def _norms(mirrored: Tensor, members: Tensor) -> Tensor:
    return torch.stack([torch.linalg.vector_norm(mirrored * column[:, None]) for column in members.unbind(1)])


def _spread(gate: Tensor, members: Tensor) -> Tensor:
    return (members @ gate)[:, None]
