r"""Centred kernel alignment with linear kernels.

Kornblith et al., "Similarity of Neural Network Representations Revisited", arXiv 1905.00414. It does not
change when either side is rotated, shifted or scaled as a whole, and the widths of the sides may differ.
"""

from torch import Tensor

from lightning_symmetry.functional.representation._grams import linear_sums
from lightning_symmetry.functional.representation._hsic import kernel_alignment, unbiased_kernel_alignment
from lightning_symmetry.functional.representation._pair import as_pair, precision


def linear_cka(a: Tensor, b: Tensor) -> Tensor:
    r"""Compute linear centred kernel alignment.

    .. math:: \frac{\lVert A^\top B \rVert_F^2}{\lVert A^\top A \rVert_F \lVert B^\top B \rVert_F}

    with features centred over the samples; arXiv 1905.00414, section 3. For few samples it is biased upwards:
    independent features of 512 dimensions have .89 with 64 samples; see :func:`unbiased_linear_cka`.

    Args:
        a: tensor ``(..., n, d_a)``, one sample a row.
        b: tensor ``(..., n, d_b)``, the same samples.

    Returns:
        Tensor of shape ``...``, float32 or better and summed in float64, between 0 and 1; 0 where a side is
        constant, such as with one sample, and NaN where one is not finite.

    Raises:
        ValueError: if the two do not agree in all dimensions but the last.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import linear_cka
        >>> square = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
        >>> linear_cka(square, 3 * square.flip(-1)), linear_cka(square, square[:, :1])
        (tensor(1.), tensor(0.7071))
    """
    return kernel_alignment(*linear_sums(*as_pair(a, b))).to(precision(a, b))


def unbiased_linear_cka(a: Tensor, b: Tensor) -> Tensor:
    r"""Compute linear centred kernel alignment from unbiased estimates of its three terms.

    .. math:: \frac{\mathrm{HSIC}_1(K, L)}{\sqrt{\mathrm{HSIC}_1(K, K)\, \mathrm{HSIC}_1(L, L)}},
        \qquad K = AA^\top,\ L = BB^\top

    with the criterion of Song et al., JMLR 13 (2012), eq. 5, as Nguyen et al., arXiv 2010.15327, section 3.1,
    use it. For independent features its mean is close to 0 for any number of samples and dimensions (the
    ratio of unbiased estimates is not exactly unbiased).

    Args:
        a: tensor ``(..., n, d_a)``, one sample a row, at least four of them.
        b: tensor ``(..., n, d_b)``, the same samples.

    Returns:
        Tensor of shape ``...``, float32 or better and summed in float64, between -1 and 1; 0 where a side is
        constant but for one sample, and NaN where one is not finite.

    Raises:
        ValueError: if the two do not agree in all dimensions but the last, or hold fewer than four samples.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import linear_cka, unbiased_linear_cka
        >>> generator = torch.Generator().manual_seed(0)
        >>> a, b = (torch.randn(64, 512, generator=generator) for _ in range(2))
        >>> linear_cka(a, b), unbiased_linear_cka(a, b)
        (tensor(0.8854), tensor(-0.0301))
    """
    return unbiased_kernel_alignment(*linear_sums(*as_pair(a, b, least=4))).to(precision(a, b))
