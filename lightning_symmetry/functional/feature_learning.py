"""Whether two consecutive layers are in the kernel or in the feature-learning phase."""

from collections.abc import Sequence
from numbers import Real

import torch
from torch import Tensor

from lightning_symmetry.functional._finite import finite_or_nan, rescaled
from lightning_symmetry.functional._gram import inner_products
from lightning_symmetry.functional._norm import frobenius_norm
from lightning_symmetry.functional.mechanisms import as_looks


@torch.no_grad()
def feature_learning(
    before: Sequence[Tensor], after: Sequence[Tensor], rates: tuple[float, float] = (1.0, 1.0)
) -> Tensor:
    r"""Compute the order parameter of the kernel and the feature-learning phase, from weights alone.

    .. math:: \tfrac12 \Bigl|\ln \frac{P_t}{P_0}\Bigr|, \qquad
        P = \tfrac14 \bigl(\eta_B \lVert A \rVert_F^2 + \eta_A \lVert B \rVert_F^2
        + 2\sqrt{\eta_A \eta_B}\, \langle O, B^\top A \rangle\bigr)

    At both looks O is the orthogonal factor of the second look's :math:`B^\top A`, so that the last term of
    :math:`P_t` is the nuclear norm of that product. With a square O, P is :math:`\lVert \sqrt{\eta_B} A +
    \sqrt{\eta_A} B O \rVert_F^2 / 4`: how much both layers have in common once rotated onto each other. For
    one input and one output O is the sign of :math:`u \cdot w`, P is the one of :math:`\sum_i p_i^2` and
    :math:`\sum_i q_i^2` of arXiv 2401.07085 that is larger in the end, and the result is :math:`\tfrac12
    |\ln z|` along the whole flow, also where :math:`u \cdot w` changes its sign: see
    :class:`~lightning_symmetry.functional.TwoLayerFlow`.

    It tends to 0 in the kernel phase, where weights hardly move. It has no gradients, since O has none where
    singular values coincide, and it waits for the device on CUDA: O needs eigenvalues, in float64 as those of
    :func:`~lightning_symmetry.functional.effective_rank`.

    Args:
        before: writers ``(..., n, k)`` and readers ``(..., n, k')`` at the first look.
        after: the same at the second.
        rates: learning rates of the writers and of the readers; only their ratio matters.

    Returns:
        Tensor of shape ``...``, float32 or better, non-negative; NaN where P is zero at one of the looks,
        such as for weights that are all zero.

    Raises:
        ValueError: if a look is not two fitting tensors, the shapes of the looks differ, or a rate is not
            positive and finite.

    Example:
        >>> import math, torch
        >>> from lightning_symmetry.functional import TwoLayerFlow, feature_learning
        >>> flow = TwoLayerFlow(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]), 1.0, 1.0, 1.0, 2.0)
        >>> looks = [[layer.unsqueeze(-1) for layer in flow.weights(time)] for time in (0.0, math.inf)]
        >>> feature_learning(*looks), flow.order_parameter()
        (tensor(0.7218), tensor(0.7218))
    """
    numbers = isinstance(rates, Sequence) and all(isinstance(rate, Real) for rate in rates)
    if not numbers or len(rates) != 2 or not all(0 < rate < torch.inf for rate in rates):
        raise ValueError(f"`rates` must be two positive finite numbers, got {rates!r}")
    old, new = as_looks(before, after)
    legs = rescaled([*old, *new])
    weights = [(rate / sum(rates)) ** 0.5 for rate in (rates[1], rates[0])] * 2
    old_a, old_b, new_a, new_b = (leg * weight for leg, weight in zip(legs, weights, strict=True))
    rotation = _orthogonal_factor(inner_products(new_b.mT, new_a.mT))
    growth = _common_norm(new_a, new_b, rotation).log() - _common_norm(old_a, old_b, rotation).log()
    return finite_or_nan(growth).abs()


def _common_norm(writers: Tensor, readers: Tensor, rotation: Tensor) -> Tensor:
    """Compute the root of ‖A‖² + ‖B‖² + 2⟨O, BᵀA⟩ as that of ‖A + BO‖² + ‖B - BOOᵀ‖², which cannot cancel."""
    turned = inner_products(readers, rotation.mT)
    common, left = writers + turned, readers - inner_products(turned, rotation)
    return torch.hypot(frobenius_norm(common), frobenius_norm(left))


def _orthogonal_factor(matrix: Tensor) -> Tensor:
    """Compute UVᵀ of the singular value decomposition, without directions that are zero."""
    (wide,) = rescaled([matrix if matrix.shape[-2] <= matrix.shape[-1] else matrix.mT])
    wide = wide.to("cpu" if wide.device.type == "mps" else wide.device).double()
    gram = inner_products(wide, wide)
    # The solver raises on non-finite input: hand it something finite, and spoil the copy afterwards.
    finite = gram.isfinite().flatten(start_dim=-2).all(dim=-1)[..., None, None]
    squares, directions = torch.linalg.eigh(torch.where(finite, gram, 0.0))
    # A product of fewer units than columns has directions of rounding errors alone: those of the matrix, as
    # `torch.linalg.matrix_rank` tells them, or those of the Gram matrix, which are roots.
    size = max(matrix.shape[-2:])
    error = max((size * torch.finfo(matrix.dtype).eps) ** 2, size * torch.finfo(gram.dtype).eps)
    used = squares > error * squares[..., -1:]
    inverse = torch.where(used, torch.where(used, squares, 1.0).rsqrt(), 0.0)
    factor = inner_products(inner_products(directions * inverse.unsqueeze(-2), directions), wide.mT)
    factor = torch.where(finite, factor, torch.nan).to(device=matrix.device, dtype=matrix.dtype)
    return factor if factor.shape == matrix.shape else factor.mT
