"""Write a matrix as a product of two, so that weight decay lowers its rank."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Size, Tensor

from lightning_symmetry.surgery.factorisation import Factorisation, gates


@dataclass(frozen=True)
class LowRank(Factorisation):
    r"""Matrix product, :math:`W = U V` with :math:`U` of ``rank`` columns.

    Adds the general linear group :math:`U \mapsto U g`, :math:`V \mapsto g^{-1} V`. Weight decay
    :math:`\lambda` (the penalty :math:`\frac\lambda2 (\|U\|_F^2 + \|V\|_F^2)`) equals the penalty

    .. math:: \lambda \|W\|_* = \lambda \sum_k s_k(W),

    the nuclear norm with strength :math:`\lambda`, over matrices of at most the given rank. The minima are
    the same for coupled weight decay, as in SGD and Adam, and not for AdamW. A parameter of more than two
    dimensions is the matrix of its first dimension against the rest.

    Starts from the singular value decomposition: exact at insertion to rounding of the largest singular
    value. :math:`V` is larger than :math:`U` by a mean singular value, so that directions can grow from zero.

    Reference: Srebro, Rennie, Jaakkola, *Maximum-Margin Matrix Factorization*, 2004; double rotation symmetry
    in Ziyin, arXiv 2309.16932.

    Args:
        rank: Largest rank of the matrix, at least its rank at insertion; ``None`` is the full one.

    Raises:
        ValueError: If ``rank`` breaks its rule.

    Example:
        >>> import torch
        >>> from lightning_symmetry import add_symmetry
        >>> model = add_symmetry(torch.nn.Linear(3, 4), LowRank())
        >>> [(name, tuple(parameter.shape)) for name, parameter in model.named_parameters()]
        [('bias', (4,)), ('weight_factors.left', (4, 3)), ('weight_factors.right', (3, 3))]
    """

    rank: int | None = None

    def __post_init__(self) -> None:
        if self.rank is not None and (
            not isinstance(self.rank, int) or isinstance(self.rank, bool) or self.rank < 1
        ):
            raise ValueError(f"`rank` must be None or an integer of at least 1, found {self.rank!r}")

    def check(self, name: str, parameter: Tensor) -> None:
        """Refuse a parameter that is no matrix, or whose rank is larger than the config's.

        Args:
            name: Name of the parameter, for the message.
            parameter: Its value.

        Raises:
            ValueError: If the parameter has no such factors.
        """
        if parameter.ndim < 2:
            raise ValueError(
                f"parameter `{name}` must have at least two dimensions for LowRank, found shape "
                f"{tuple(parameter.shape)}"
            )
        if self.rank is None:
            return
        present = int(torch.linalg.matrix_rank(parameter.detach().flatten(1)))
        if present > self.rank:
            raise ValueError(
                f"`rank` must be at least the rank of parameter `{name}`, {present}, for the function not to "
                f"change, found {self.rank}"
            )

    def split(self, weight: Tensor) -> dict[str, Tensor]:
        """Return the singular vectors, scaled.

        Args:
            weight: The weight.

        Returns:
            The factors.
        """
        # In float64, so that float32 factors are off by no more than their own rounding.
        left, sizes, right = torch.linalg.svd(weight.flatten(1).double(), full_matrices=False)
        rank = min(self.rank or len(sizes), len(sizes))
        left, sizes, right = left[:, :rank], sizes[:rank], right[:rank]
        gate = gates(sizes, 2)
        return {"left": (left * (sizes / gate)).to(weight), "right": (gate[:, None] * right).to(weight)}

    def join(self, factors: Mapping[str, Tensor], shape: Size) -> Tensor:
        """Return the product.

        Args:
            factors: The factors.
            shape: Shape of the weight.

        Returns:
            The weight.
        """
        return (factors["left"] @ factors["right"]).reshape(shape)

    def prune(self, factors: Mapping[str, Tensor], shape: Size, threshold: float) -> dict[str, Tensor]:
        """Zero every direction whose singular value is at most the threshold.

        Args:
            factors: The factors.
            shape: Shape of the weight.
            threshold: Largest singular value that counts as zero.

        Returns:
            The factors, with one pair of a column and a row for each direction.
        """
        rank = factors["left"].shape[1]
        left, sizes, right = torch.linalg.svd(self.join(factors, shape).flatten(1), full_matrices=False)
        left, sizes, right = left[:, :rank], sizes[:rank], right[:rank]
        gate = gates(sizes, 2)
        kept = sizes > threshold
        return {"left": left * (sizes / gate * kept), "right": (gate * kept)[:, None] * right}
