"""Over how many coordinates the modes of a weight matrix spread."""

import torch
from torch import Tensor

from lightning_symmetry.functional._finite import ratio, rescaled
from lightning_symmetry.functional._legs import as_rows
from lightning_symmetry.functional._spectrum import right_singular_vectors, without_rounding


@torch.no_grad()
def localisation(matrix: Tensor) -> Tensor:
    r"""Compute the inverse participation ratio of every right singular vector.

    .. math:: \mathrm{IPR}(v) = \frac{\sum_j v_j^4}{\bigl(\sum_j v_j^2\bigr)^2} \in \bigl[\tfrac1n, 1\bigr]

    It is 1/n for a vector spread evenly over the n columns, 1 for one that sits on a single column, 1/q for
    one spread evenly over q of them, and on average 3/(n + 2) for a random direction, the value at
    initialisation. In training modes leave the noise and localise (arXiv 2503.21536). The sign of a vector
    does not matter. For the left singular vectors, over rows, pass ``matrix.mT``.

    Where singular values coincide, any basis of their space is one of singular vectors and the numbers
    depend on the solver's choice: an orthogonal matrix has no localisation to speak of.

    Args:
        matrix: tensor ``(..., m, n)``.

    Returns:
        Tensor ``(..., min(m, n))``, float32 or better, the vector of the largest singular value first; 0
        for a direction that the matrix does not use, hence for a zero matrix, and NaN for a matrix that is
        not finite.

    Raises:
        ValueError: if ``matrix`` is not real with at least two dimensions.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import localisation
        >>> matrix = torch.tensor([[0.0, 0.0, 0.0, 2.0], [1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
        >>> localisation(matrix)
        tensor([1.0000, 0.5000, 0.0000])
    """
    (rows,) = rescaled([as_rows(matrix, "matrix")])
    sigma, vectors = right_singular_vectors(rows)
    squares = vectors.square()
    value = ratio(squares.square().sum(dim=-1), squares.sum(dim=-1).square())
    value = torch.where(without_rounding(sigma, max(rows.shape[-2:])) == 0, 0.0, value)
    return value.flip(-1).to(device=rows.device, dtype=rows.dtype)
