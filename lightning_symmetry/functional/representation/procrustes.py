r"""How well a rotation takes the features of one network to those of another."""

import math

import torch
from torch import Tensor

from lightning_symmetry.functional._finite import ratio, rescaled
from lightning_symmetry.functional._gram import inner_products
from lightning_symmetry.functional.representation._pair import as_pair, centred, precision, wide


@torch.no_grad()
def procrustes_similarity(a: Tensor, b: Tensor) -> Tensor:
    r"""Compute the largest correlation of two sets of features over all rotations of one.

    .. math:: \max_{Q^\top Q = 1} \frac{\operatorname{tr} A^\top B Q}{\lVert A \rVert_F \lVert B \rVert_F}
        = \frac{\lVert A^\top B \rVert_*}{\lVert A \rVert_F \lVert B \rVert_F}

    with features centred over the samples and the nuclear norm; of two widths, the narrower side is padded
    with zeros, which changes no singular value (Williams et al., "Generalized Shape Metrics on Neural
    Representations", arXiv 2110.14739, section 2). Reflections count as rotations. For few samples it is
    biased upwards, as :func:`~lightning_symmetry.functional.linear_cka` is.

    One decomposition of a matrix ``min(n, d_a)`` by ``min(n, d_b)``; on CUDA it waits for the device, and on
    MPS it comes from the CPU. Computed without gradients, which the decomposition does not have where a
    singular value is zero or repeated.

    Args:
        a: tensor ``(..., n, d_a)``, one sample a row.
        b: tensor ``(..., n, d_b)``, the same samples.

    Returns:
        Tensor of shape ``...``, float32 or better and computed in float64, between 0 and 1; 0 where a side is
        constant, such as with one sample, and NaN where one is not finite.

    Raises:
        ValueError: if the two do not agree in all dimensions but the last.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import procrustes_similarity
        >>> square = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
        >>> procrustes_similarity(square, 3 * square.flip(-1)), procrustes_similarity(square, square[:, :1])
        (tensor(1.), tensor(0.7071))
    """
    return _similarity(a, b).to(precision(a, b))


@torch.no_grad()
def procrustes_distance(a: Tensor, b: Tensor) -> Tensor:
    r"""Compute the angle between two sets of features after the best rotation, a metric.

    .. math:: \arccos \frac{\lVert A^\top B \rVert_*}{\lVert A \rVert_F \lVert B \rVert_F}
        \in \Bigl[0, \frac{\pi}{2}\Bigr]

    The angular shape metric of Williams et al., arXiv 2110.14739, section 2.1: it is symmetric, keeps the
    triangle inequality, and is zero if and only if the sides agree up to rotation, scale and shift. Rounding
    shows as an angle of at most some 1e-7.

    Args:
        a: tensor ``(..., n, d_a)``, one sample a row.
        b: tensor ``(..., n, d_b)``, the same samples.

    Returns:
        Tensor of shape ``...``, float32 or better and computed in float64; π/2 where a side is constant, and
        NaN where one is not finite.

    Raises:
        ValueError: if the two do not agree in all dimensions but the last.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import procrustes_distance
        >>> square = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
        >>> procrustes_distance(square, square[:, :1])
        tensor(0.7854)
    """
    return angle(_similarity(a, b)).to(precision(a, b))


def angle(similarity: Tensor) -> Tensor:
    """Turn a similarity into an angle, with the rounding above 1 cut off."""
    return similarity.clamp(max=1).arccos()


def nuclear_norm(matrix: Tensor) -> Tensor:
    """Sum the singular values.

    Args:
        matrix: tensor ``(..., m, n)``.

    Returns:
        Tensor of shape ``...``, NaN for a copy that is not finite.
    """
    # The solver raises on non-finite input: hand it something finite and mark the result afterwards.
    finite = matrix.isfinite().flatten(start_dim=-2).all(dim=-1)
    given = torch.where(finite.unsqueeze(-1).unsqueeze(-1), matrix, 0.0)
    given = given.to("cpu" if matrix.device.type == "mps" else matrix.device)
    norm = torch.linalg.svdvals(given).sum(dim=-1).to(matrix.device)
    return torch.where(finite, norm, math.nan)


def _similarity(a: Tensor, b: Tensor) -> Tensor:
    x, y = (rescaled([centred(wide(rows))])[0] for rows in as_pair(a, b))
    sizes = [torch.linalg.vector_norm(rows, dim=(-2, -1)) for rows in (x, y)]
    crossed = inner_products(_narrow(x).mT, _narrow(y).mT)
    return ratio(nuclear_norm(crossed), sizes[0] * sizes[1])


def _narrow(rows: Tensor) -> Tensor:
    """At most n columns with the same inner products of rows: a rotation of the features."""
    n, width = rows.shape[-2:]
    return rows if width <= n else torch.linalg.qr(rows.mT, mode="r").R.mT
