"""How fast a symmetry breaks or is restored, from weights and gradients that are there anyway."""

from collections.abc import Sequence

from torch import Tensor

from lightning_symmetry.functional._finite import finite_or_nan, peak, ratio
from lightning_symmetry.functional._legs import as_legs


def growth_rate(broken: Sequence[Tensor], gradients: Sequence[Tensor]) -> Tensor:
    r"""Compute the rate at which gradient flow moves weights away from a symmetric state.

    .. math:: \lambda = -\frac{\langle \theta_\perp, \nabla L \rangle}{\lVert \theta_\perp \rVert^2}
        = \frac{d}{dt} \log \lVert \theta_\perp \rVert, \qquad \theta_\perp = \theta - P_G \theta

    Positive: the symmetry is being broken, negative: it is being restored (arXiv 2502.05300). Time counts
    in units of the learning rate. A decay γ in the optimizer lowers the rate to λ − γ.

    Args:
        broken: the broken part of the weights, tensors ``(..., n, k_l)``; :func:`broken_part` gives that of
            the permutations, and for groups that fix nothing but zero it is all of them.
        gradients: the gradient of the loss, tensors of the same shapes; its component in the fixed subspace
            does not matter.

    Returns:
        Tensor of shape ``...``, float32 or better; 0 where nothing is broken, NaN where a copy is not finite.

    Raises:
        ValueError: if the tensors do not fit together.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import growth_rate
        >>> growth_rate([torch.tensor([[1.0], [-1.0]])], [torch.tensor([[-0.5], [0.5]])])
        tensor(0.5000)
    """
    weights, slopes = _fitting(broken, gradients)
    scale = peak(*weights)
    weights = [weight / scale for weight in weights]
    along = sum((w * g).sum(dim=(-2, -1)) for w, g in zip(weights, slopes, strict=True))
    square = sum(weight.square().sum(dim=(-2, -1)) for weight in weights)
    assert isinstance(along, Tensor) and isinstance(square, Tensor)
    return finite_or_nan(-ratio(along, square) / scale[..., 0, 0])


def broken_part(legs: Sequence[Tensor]) -> list[Tensor]:
    r"""Compute the part of the weights that permutations of the units do not leave alone.

    .. math:: \theta_\perp = z_{l,i} - \bar z_l

    Args:
        legs: what the units write and read, tensors ``(..., n, k_l)`` with one unit a row.

    Returns:
        Tensors of the same shapes, float32 or better.

    Raises:
        ValueError: if the legs do not fit together.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import broken_part
        >>> broken_part([torch.tensor([[1.0], [3.0]])])
        [tensor([[-1.],
                [ 1.]])]
    """
    return [leg - leg.mean(dim=-2, keepdim=True) for leg in as_legs(legs, "legs")]


def _fitting(broken: Sequence[Tensor], gradients: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    weights, slopes = as_legs(broken, "broken"), as_legs(gradients, "gradients")
    shapes = [[tuple(tensor.shape) for tensor in tensors] for tensors in (weights, slopes)]
    if shapes[0] != shapes[1]:
        raise ValueError(f"`gradients` must have the shapes of the weights, got {shapes[1]} for {shapes[0]}")
    return weights, slopes
