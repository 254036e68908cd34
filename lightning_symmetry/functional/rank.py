"""How many directions a matrix uses: numbers that vary smoothly with its singular values σ, and a count.

None of them depends on the scale of the matrix, and ``stable_rank <= participation_ratio <= effective_rank <=
rank`` always: they weigh directions by σ⁴, σ² and σ. The map between two layers whose hidden space any
invertible matrix may change is a product, and its singular values are what that group leaves alone:
:func:`product_singular_values` gives them without the product.
"""

import torch
from torch import Tensor

from lightning_symmetry.functional._finite import peak, ratio, rescaled
from lightning_symmetry.functional._gram import smaller_gram
from lightning_symmetry.functional._legs import as_legs, as_rows
from lightning_symmetry.functional._norm import frobenius_norm
from lightning_symmetry.functional._spectral_ranks import entropy_rank, number_above, spectral_share
from lightning_symmetry.functional._spectrum import singular_values, through, without_rounding


def participation_ratio(matrix: Tensor) -> Tensor:
    r"""Compute the participation ratio of the squared singular values.

    .. math:: \frac{\bigl(\sum_i \sigma_i^2\bigr)^2}{\sum_i \sigma_i^4}
        = \frac{(\operatorname{tr} K)^2}{\lVert K \rVert_F^2}, \qquad K = W W^\top

    A trace and a norm of the smaller Gram matrix: one matrix product, no decomposition.

    Args:
        matrix: tensor ``(..., m, n)``.

    Returns:
        Tensor of shape ``...``, float32 or better, between 1 and min(m, n); 0 for a zero matrix and NaN for
        one that is not finite.

    Raises:
        ValueError: if ``matrix`` is not real with at least two dimensions.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import participation_ratio
        >>> participation_ratio(torch.diag(torch.tensor([4.0, 2.0, 1.0, 1.0])))
        tensor(1.7664)
    """
    (rows,) = rescaled([as_rows(matrix, "matrix")])
    gram = smaller_gram(rows)
    trace = gram.diagonal(dim1=-2, dim2=-1).sum(dim=-1)
    return ratio(trace, frobenius_norm(gram)).square()


def effective_rank(matrix: Tensor) -> Tensor:
    r"""Compute the exponential of the entropy of the normalised singular values.

    .. math:: \exp\Bigl(-\sum_i p_i \log p_i\Bigr), \qquad p_i = \frac{\sigma_i}{\sum_j \sigma_j}

    The definition of Roy & Vetterli, "The effective rank", EUSIPCO 2007: p is proportional to σ, not to σ².

    The singular values are roots of the eigenvalues of the smaller Gram matrix, *in float64 for every input*.
    A root turns a relative error ε of an eigenvalue into √ε of the largest singular value: 1e-8 in float64,
    below what float32 weights can express, but 3e-4 in float32, which adds up over the many small directions
    of a low-rank matrix (1.43 instead of 1 for a 2048 x 2048 matrix of rank one). The result is good to 1e-4
    relative or better and costs less than float32 singular values from a few hundred rows on. On CUDA the
    eigenvalue solver waits for the device; on MPS, which has no float64, the eigenvalues come from the CPU.

    Args:
        matrix: tensor ``(..., m, n)``.

    Returns:
        Tensor of shape ``...``, float32 or better, between 1 and min(m, n); 0 for a zero matrix and NaN for
        one that is not finite.

    Raises:
        ValueError: if ``matrix`` is not real with at least two dimensions.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import effective_rank
        >>> effective_rank(torch.diag(torch.tensor([4.0, 2.0, 1.0, 1.0])))
        tensor(3.3636)
    """
    return entropy_rank(_spectrum(matrix)).to(device=matrix.device, dtype=_precision(matrix))


def stable_rank(matrix: Tensor) -> Tensor:
    r"""Compute the squared Frobenius norm in units of the squared spectral norm.

    .. math:: \frac{\lVert W \rVert_F^2}{\lVert W \rVert_2^2} = \sum_i \frac{\sigma_i^2}{\sigma_{\max}^2}

    Rudelson & Vershynin 2007. From the eigenvalues of the smaller Gram matrix, as :func:`effective_rank`.

    Args:
        matrix: tensor ``(..., m, n)``.

    Returns:
        Tensor of shape ``...``, float32 or better, between 1 and min(m, n); 0 for a zero matrix and NaN for
        one that is not finite.

    Raises:
        ValueError: if ``matrix`` is not real with at least two dimensions.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import stable_rank
        >>> stable_rank(torch.diag(torch.tensor([4.0, 2.0, 1.0, 1.0])))
        tensor(1.3750)
    """
    return spectral_share(_spectrum(matrix)).to(device=matrix.device, dtype=_precision(matrix))


def numerical_rank(matrix: Tensor, tolerance: float | None = None) -> Tensor:
    r"""Count the singular values that are not a negligible fraction of the largest.

    .. math:: \#\{i : \sigma_i > \texttt{tolerance} \cdot \sigma_{\max}\}

    Args:
        matrix: tensor ``(..., m, n)``.
        tolerance: fraction of the largest singular value, in [0, 1). By default the machine epsilon of the
            dtype that the weights come in, which is what rounding each of them can add, or the resolution of
            a Gram matrix in float64, 1e-6 for a side of 1000, if that is larger.

    Returns:
        Tensor of shape ``...``, float32 or better, between 0 and min(m, n); NaN for a matrix that is not
        finite. It is piecewise constant.

    Raises:
        ValueError: if ``matrix`` is not real with at least two dimensions, or ``tolerance`` not in [0, 1).

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import numerical_rank
        >>> matrix = torch.diag(torch.tensor([4.0, 2.0, 1e-9, 0.0]))
        >>> numerical_rank(matrix), numerical_rank(matrix, tolerance=0.6)
        (tensor(2.), tensor(1.))
    """
    as_rows(matrix, "matrix")
    rounding = torch.finfo(matrix.dtype).eps if matrix.is_floating_point() else 0.0
    sigma = without_rounding(_spectrum(matrix), max(1, *matrix.shape[-2:]))
    count = number_above(sigma, rounding if tolerance is None else tolerance)
    return count.to(device=matrix.device, dtype=_precision(matrix))


def product_singular_values(writers: Tensor, readers: Tensor) -> Tensor:
    r"""Compute the singular values of the map through a hidden space, :math:`B^\top A`.

    Any invertible g may act on the space, :math:`A \to gA,\ B \to g^{-\top} B`, and changes the singular
    values of both factors but not these (query and key, value and output, LoRA's two factors: arXiv
    2502.05300). They are the roots of the eigenvalues of :math:`\sqrt{A A^\top}\, B B^\top \sqrt{A A^\top}`:
    for a space of n dimensions, two Gram matrices and two decompositions of size n instead of a product as
    large as the layers.

    Args:
        writers: A, tensor ``(..., n, k)``, one coordinate of the space a row.
        readers: B, tensor ``(..., n, k')``.

    Returns:
        float64 tensor ``(..., n)``, ascending; 0 for what is at most some 1e-7 of the largest, which rounding
        alone could have made, and NaN where a factor is not finite.

    Raises:
        ValueError: if the two do not agree in all dimensions but the last.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import product_singular_values
        >>> product_singular_values(torch.tensor([[3.0, 0.0], [0.0, 1.0]]), torch.tensor([[2.0], [0.0]]))
        tensor([0., 6.], dtype=torch.float64)
    """
    one, other = as_legs([writers, readers], "legs")
    peaks = [peak(side).double() for side in (one, other)]
    return through(one / peaks[0].to(one), other / peaks[1].to(other)) * (peaks[0] * peaks[1])[..., 0]


def _spectrum(matrix: Tensor) -> Tensor:
    (rows,) = rescaled([as_rows(matrix, "matrix")])
    return singular_values(rows)


def _precision(matrix: Tensor) -> torch.dtype:
    return torch.promote_types(matrix.dtype, torch.float32)
