"""Multiply groups of a parameter's entries by gates, so that weight decay removes whole groups."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce

import torch
from torch import Size, Tensor

from lightning_symmetry.surgery.factorisation import Factorisation, check_depth, gates


@dataclass(frozen=True)
class GroupGate(Factorisation):
    r"""Gates in front of groups of entries, :math:`w_j = v_j \, \gamma_{1j} \cdots \gamma_{D-1,j}`.

    A group :math:`j` is ``size`` consecutive indices along one dimension: a neuron (row of a linear layer), a
    channel of a convolution, a head (``size`` rows), an expert. Adds the rescalings and sign flips of every
    group's factors. Weight decay :math:`\lambda` (the penalty :math:`\frac\lambda2 \sum_j (\|v_j\|^2 + \sum_d
    \gamma_{dj}^2)`) equals the penalty

    .. math:: \frac{\lambda D}{2} \sum_j \|w_j\|^{2/D},

    the :math:`L_{2, 2/D}` penalty; for :math:`D = 2` it is the group lasso with strength :math:`\lambda`. The
    minima are the same for coupled weight decay, as in SGD and Adam, and not for AdamW. At the minimum
    :math:`|\gamma_{dj}|^2 = \|w_j\|^{2/D}`. The groups are those of one parameter: a bias, or what reads the
    group, is not removed with it.

    Exact at insertion to a few units of rounding of each entry. The gates are larger than the groups by a
    mean group, so that groups can grow from zero.

    Reference: *D-Gating* (differentiable structured sparsity), the structured form of arXiv 2210.01212.

    Args:
        dim: Dimension along which the groups lie; negative ones count from the last.
        depth: Number of factors :math:`D`, at least 2.
        size: Number of consecutive indices in one group, at least 1.

    Raises:
        ValueError: If an argument breaks its rule.

    Example:
        >>> import torch
        >>> from lightning_symmetry import add_symmetry
        >>> model = add_symmetry(torch.nn.Linear(3, 4), GroupGate(dim=0, size=2))
        >>> [(name, tuple(parameter.shape)) for name, parameter in model.named_parameters()]
        [('bias', (4,)), ('weight_factors.weight', (4, 3)), ('weight_factors.gate1', (2,))]
    """

    dim: int = 0
    depth: int = 2
    size: int = 1

    def __post_init__(self) -> None:
        check_depth(self.depth)
        if not isinstance(self.dim, int) or isinstance(self.dim, bool):
            raise ValueError(f"`dim` must be an integer, found {self.dim!r}")
        if not isinstance(self.size, int) or isinstance(self.size, bool) or self.size < 1:
            raise ValueError(f"`size` must be an integer of at least 1, found {self.size!r}")

    def check(self, name: str, parameter: Tensor) -> None:
        """Refuse a parameter without the dimension, or whose dimension is no multiple of the size.

        Args:
            name: Name of the parameter, for the message.
            parameter: Its value.

        Raises:
            ValueError: If the parameter cannot be grouped.
        """
        if not -parameter.ndim <= self.dim < parameter.ndim:
            raise ValueError(
                f"`dim` must be a dimension of parameter `{name}`, found {self.dim} for shape "
                f"{tuple(parameter.shape)}"
            )
        if parameter.shape[self.dim] % self.size:
            raise ValueError(
                f"`size` must divide dimension {self.dim} of parameter `{name}`, found {self.size} for shape "
                f"{tuple(parameter.shape)}"
            )

    def split(self, weight: Tensor) -> dict[str, Tensor]:
        """Return the groups, divided by their gates, and the gates.

        Args:
            weight: The weight.

        Returns:
            The factors.
        """
        gate = gates(self._norms(weight), self.depth)
        whole = weight / self._spread(gate ** (self.depth - 1), weight.shape)
        return {"weight": whole, **{f"gate{k}": gate.clone() for k in range(1, self.depth)}}

    def join(self, factors: Mapping[str, Tensor], shape: Size) -> Tensor:
        """Return the gated groups.

        Args:
            factors: The factors.
            shape: Shape of the weight.

        Returns:
            The weight.
        """
        gate = reduce(Tensor.mul, [factors[f"gate{k}"] for k in range(1, self.depth)])
        return self._spread(gate, shape) * factors["weight"]

    def prune(self, factors: Mapping[str, Tensor], shape: Size, threshold: float) -> dict[str, Tensor]:
        """Zero every group whose norm is at most the threshold.

        Args:
            factors: The factors.
            shape: Shape of the weight.
            threshold: Largest norm that counts as zero.

        Returns:
            The factors.
        """
        kept = (self._norms(self.join(factors, shape)) > threshold).to(factors["weight"])
        pruned = {name: factor * kept for name, factor in factors.items() if name != "weight"}
        return {"weight": factors["weight"] * self._spread(kept, shape), **pruned}

    def _norms(self, weight: Tensor) -> Tensor:
        groups = weight.movedim(self.dim, 0).reshape(weight.shape[self.dim] // self.size, -1)
        norms: Tensor = torch.linalg.vector_norm(groups, dim=1)
        return norms

    def _spread(self, gate: Tensor, shape: Size) -> Tensor:
        after = len(shape) - 1 - self.dim % len(shape)
        spread: Tensor = gate.repeat_interleave(self.size).reshape(-1, *[1] * after)
        return spread
