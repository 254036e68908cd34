"""Polynomial alignment: power laws between the spectra of two matrices, by a robust fit."""

import math
from statistics import NormalDist
from typing import NamedTuple

import torch
from torch import Tensor

from lightning_symmetry.functional._check import check, check_number
from lightning_symmetry.functional._finite import ratio, rescaled
from lightning_symmetry.functional._legs import as_rows
from lightning_symmetry.functional.representation._precise import precise


class PowerLaw(NamedTuple):
    """The fit of ``y ∝ x ** exponent``.

    Attributes:
        exponent: median of the slopes between all pairs of points, in logarithms.
        low: lower end of its confidence interval.
        high: upper end.
        r_squared: share of the variance of log y that the line explains; negative where a constant would do
            better.
        points: how many points were positive and took part.
    """

    exponent: Tensor
    low: Tensor
    high: Tensor
    r_squared: Tensor
    points: Tensor


@torch.no_grad()
def fit_power_law(x: Tensor, y: Tensor, confidence: float = 0.95) -> PowerLaw:
    r"""Fit a power law through positive numbers, so that outliers do not move it.

    .. math:: \gamma = \operatorname{median}_{i < j} \frac{\log y_j - \log y_i}{\log x_j - \log x_i}

    The estimator of Theil and Sen; the interval is Sen's, from Kendall's τ (Sen, JASA 1968). Takes
    :math:`n (n - 1) / 2` slopes a copy.

    Args:
        x: tensor ``(..., n)``. Points with a coordinate that is not positive are left out.
        y: tensor of the same shape.
        confidence: of the interval, between 0 and 1.

    Returns:
        Tensors of shape ``...``, float32 or better; NaN where fewer than three points are left, all of them
        have the same x, or a number is not finite.

    Raises:
        ValueError: if the two are not real tensors of the same shape, or ``confidence`` not between 0 and 1.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import fit_power_law
        >>> x = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0])
        >>> fit_power_law(x, 7 * x**2).exponent
        tensor(2.)
    """
    check_number(confidence, "confidence")
    check(0 < confidence < 1, "confidence", "be between 0 and 1", confidence)
    for value, name in ((x, "x"), (y, "y")):
        check(isinstance(value, Tensor), name, "be a tensor", type(value).__name__)
    one, other = (as_rows(value.unsqueeze(0), name)[0] for value, name in ((x, "x"), (y, "y")))
    check(one.shape == other.shape, "y", f"have the shape {tuple(one.shape)}", tuple(other.shape))
    dtype = torch.promote_types(one.dtype, other.dtype)
    known = (one > 0) & (other > 0)
    logs = [torch.where(known, precise(side), 1.0).log() for side in (one, other)]
    exponent, low, high = _slopes(logs[0], logs[1], known, confidence)
    rest = logs[1] - exponent.unsqueeze(-1) * logs[0]
    rest = rest - _middle(rest, known).unsqueeze(-1)
    points = known.sum(dim=-1)
    around = logs[1] - ratio((logs[1] * known).sum(dim=-1), points).unsqueeze(-1)
    squares = [(side.square() * known).sum(dim=-1) for side in (rest, around)]
    usable = (points >= 3) & exponent.isfinite() & one.isfinite().all(dim=-1) & other.isfinite().all(dim=-1)
    numbers = (exponent, low, high, 1 - ratio(*squares), points)
    return PowerLaw(*(torch.where(usable, value.to(one.device, dtype), math.nan) for value in numbers))


@torch.no_grad()
def spectral_power_law(one: Tensor, other: Tensor, confidence: float = 0.95) -> PowerLaw:
    r"""Fit the power that relates two covariances along common directions.

    .. math:: A \propto B^\gamma: \qquad v_i^\top A\, v_i \propto \lambda_i^\gamma, \qquad
        B v_i = \lambda_i v_i

    Where the two commute, as the polynomial alignment hypothesis has it (arXiv 2410.03006), the left side is
    an eigenvalue too. Where they do not, large eigenvalues of A leak into the directions of its small ones
    and γ comes out too small; a low R² tells. Directions where one of the two is zero up to rounding are
    left out.

    Args:
        one: A, symmetric positive semi-definite tensor ``(..., k, k)``.
        other: B, of the same shape.
        confidence: of the interval, between 0 and 1.

    Returns:
        As :func:`fit_power_law`. The eigenvalue solver waits for the device on CUDA.

    Raises:
        ValueError: if the two are not real square matrices of the same shape, or ``confidence`` not between
            0 and 1.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import spectral_power_law
        >>> matrix = torch.diag(torch.tensor([1.0, 2.0, 4.0, 8.0]))
        >>> spectral_power_law(matrix @ matrix @ matrix, matrix).exponent
        tensor(3.)
    """
    first, second = as_rows(one, "one"), as_rows(other, "other")
    check(first.shape == second.shape, "other", f"have the shape {tuple(first.shape)}", tuple(second.shape))
    size = first.shape[-1]
    check(first.shape[-2] == size, "one", "be square", tuple(first.shape))
    dtype = torch.promote_types(first.dtype, second.dtype)
    a, b = (precise(rescaled([matrix])[0]) for matrix in (first, second))
    finite = (a + b).isfinite().flatten(start_dim=-2).all(dim=-1)
    eigenvalues, vectors = torch.linalg.eigh(torch.where(finite[..., None, None], b, 0.0))
    quotients = (vectors * (a @ vectors)).sum(dim=-2)
    floor = size * torch.finfo(dtype).eps
    spectra = [_above(floor, values, finite) for values in (eigenvalues, quotients)]
    law = fit_power_law(spectra[0], spectra[1], confidence)
    return PowerLaw(*(value.to(first.device, dtype) for value in law))


def _above(floor: float, values: Tensor, finite: Tensor) -> Tensor:
    if values.shape[-1] == 0:
        return values
    negligible = values <= floor * values.amax(dim=-1, keepdim=True)
    return torch.where(finite.unsqueeze(-1), torch.where(negligible, 0.0, values), math.nan)


def _slopes(x: Tensor, y: Tensor, known: Tensor, confidence: float) -> tuple[Tensor, Tensor, Tensor]:
    first, second = torch.triu_indices(x.shape[-1], x.shape[-1], offset=1, device=x.device)
    run = x[..., second] - x[..., first]
    usable = known[..., first] & known[..., second] & (run != 0)
    slopes = ratio(y[..., second] - y[..., first], run)
    points = known.sum(dim=-1).to(x.dtype)
    width = (points * (points - 1) * (2 * points + 5) / 18).sqrt() * NormalDist().inv_cdf(
        (1 + confidence) / 2
    )
    pairs = usable.sum(dim=-1)
    ordered = torch.where(usable, slopes, math.inf).sort(dim=-1).values
    low, high = ((pairs - width) / 2).round().long() - 1, ((pairs + width) / 2).round().long()
    return (
        _middle(slopes, usable),
        _at(ordered, low.clamp(min=0)),
        _at(ordered, torch.minimum(high, pairs - 1).clamp(min=0)),
    )


def _middle(values: Tensor, known: Tensor) -> Tensor:
    ordered = torch.where(known, values, math.inf).sort(dim=-1).values
    count = known.sum(dim=-1)
    return (_at(ordered, ((count - 1) // 2).clamp(min=0)) + _at(ordered, (count // 2))) / 2


def _at(ordered: Tensor, place: Tensor) -> Tensor:
    if ordered.shape[-1] == 0:
        return ordered.new_full(place.shape, math.nan)
    return ordered.gather(-1, place.clamp(max=ordered.shape[-1] - 1).unsqueeze(-1)).squeeze(-1)
