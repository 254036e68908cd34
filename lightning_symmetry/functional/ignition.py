"""When modes of a network are learned: one after the other, each in a sudden rise after a long plateau."""

import functools
import math
from numbers import Real

import torch
from torch import Tensor

from lightning_symmetry.functional._check import check_number
from lightning_symmetry.functional._finite import finite_or_nan
from lightning_symmetry.functional._legs import as_rows


def ignition_times(steps: Tensor, amplitudes: Tensor, fraction: float = 0.5) -> Tensor:
    r"""Find when each mode rises for the last time through a fraction of its final amplitude.

    .. math:: t_k = \max\{t : a_k(t) = \texttt{fraction} \cdot a_k(T) \text{ on a rising piece}\}

    with :math:`a_k` linear between the given times. From then on the mode stays above. A mode grows if it
    ends positive and starts below that fraction of where it ends; one that does not has no ignition time.

    Args:
        steps: tensor ``(time,)`` of strictly increasing times.
        amplitudes: tensor ``(..., time, modes)``, such as the singular values of a layer as it trains.
        fraction: between 0 and 1.

    Returns:
        Tensor ``(..., modes)``, float32 or better; NaN for a mode that does not grow or was not finite at
        some time, and for all modes if the times do not increase, which cannot be told earlier without
        waiting for the device.

    Raises:
        ValueError: if there is no time, the shapes do not fit, or ``fraction`` is not between 0 and 1.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import ignition_times
        >>> steps = torch.tensor([0, 10, 20, 30])
        >>> amplitudes = torch.tensor([[0.0, 1.0], [1.0, 1.0], [4.0, 1.0], [4.0, 1.0]])
        >>> ignition_times(steps, amplitudes)
        tensor([13.3333,     nan])
    """
    _check_fraction(fraction)
    series = as_rows(amplitudes, "amplitudes")
    times = _as_times(steps, series)
    final = series[..., -1, :]
    threshold = fraction * final
    below = series < threshold.unsqueeze(-2)
    grows = (final > 0) & below[..., 0, :] & series.isfinite().all(dim=-2) & times.isfinite().all()
    grows = grows & (times.diff() > 0).all()
    ranked = below * torch.arange(1, len(times) + 1, device=series.device).unsqueeze(-1)
    # Without growth any place will do, as long as there is one: the time is masked.
    last = (ranked.amax(dim=-2) - 1).clamp(0, max(len(times) - 2, 0))
    after = (last + 1).clamp(max=len(times) - 1)
    start, end = (series.gather(-2, at.unsqueeze(-2)).squeeze(-2) for at in (last, after))
    rise = torch.where(grows, end - start, 1.0)
    share = torch.where(grows, threshold - start, 0.0) / rise
    return torch.where(grows, times[last] + share * (times[after] - times[last]), math.nan)


def predicted_ignition_times(
    rates: Tensor, initial: Tensor | float, final: Tensor | float, fraction: float = 0.5
) -> Tensor:
    r"""Compute when modes that grow exponentially and saturate reach a fraction of their final amplitude.

    .. math:: \dot a_k = r_k a_k \Bigl(1 - \frac{a_k}{s_k}\Bigr), \qquad
        a_k(t) = \frac{s_k e^{r_k t}}{e^{r_k t} - 1 + s_k / \varepsilon_k}, \qquad
        t_k = \frac1{r_k} \ln\Bigl[\Bigl(\frac{s_k}{\varepsilon_k} - 1\Bigr) \frac{f}{1 - f}\Bigr]

    Two theories have this form:

    - A balanced two-layer linear network on whitened inputs learns the singular values :math:`s_k` of the
      correlation of outputs with inputs, at :math:`r_k = 2 s_k` (Saxe, McClelland & Ganguli, arXiv
      1312.6120). Where the layers are aligned, the initial amplitude is
      :math:`u_k^\top W_2 W_1 v_k`; with random weights and a wide hidden layer it is what grows of them,
      :math:`\varepsilon_k = \lvert W_1 v_k + W_2^\top u_k \rvert^2 / 4`.
    - Near zero, a module of interchangeable units follows :math:`\dot m_k = r_k m_k - C_{kk} m_k^2`, thus
      :math:`s_k = r_k / C_{kk}`, and :math:`t_k \approx \ln(r_k / (C_{kk} \varepsilon)) / r_k` for small ε
      (neural quadratic forms: Ziyin, Xu, Poggio & Chuang 2026). Weight decay γ lowers :math:`r_k` to
      :math:`r_k - \gamma`.

    Times are those of gradient flow: divide them by the learning rate to have steps of gradient descent.

    Args:
        rates: rates of growth :math:`r_k`, tensor of any shape.
        initial: amplitudes :math:`\varepsilon_k` at time 0, a number or a tensor.
        final: amplitudes :math:`s_k` that the modes saturate at, a number or a tensor.
        fraction: f, between 0 and 1.

    Returns:
        Tensor of the shape that the three broadcast to, float32 or better; NaN for a mode that does not
        grow: a rate or an initial amplitude that is not positive, or a start that is not below that
        fraction of the end.

    Raises:
        ValueError: if an argument is not real and floating-point, the shapes do not broadcast, or
            ``fraction`` is not between 0 and 1.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import predicted_ignition_times
        >>> strengths = torch.tensor([4.0, 2.0, 1.0])
        >>> predicted_ignition_times(2 * strengths, initial=1e-3, final=strengths)
        tensor([1.0367, 1.9001, 3.4534])
    """
    _check_fraction(fraction)
    rate, start, end = _broadcast(rates, initial, final)
    grows = (rate > 0) & (start > 0) & (start < fraction * end)
    rate, start, end = (torch.where(grows, x, safe) for x, safe in ((rate, 1.0), (start, 1.0), (end, 2.0)))
    odds = math.log(fraction) - math.log1p(-fraction)
    # Logarithms one by one: the ratio of a large and a small amplitude need not fit the dtype.
    time = ((end - start).log() - start.log() + odds) / rate
    return finite_or_nan(torch.where(grows, time, math.nan))


def _check_fraction(fraction: float) -> None:
    check_number(fraction, "fraction")
    if not 0 < fraction < 1:
        raise ValueError(f"`fraction` must be between 0 and 1, got {fraction!r}")


def _as_times(steps: Tensor, series: Tensor) -> Tensor:
    if not isinstance(steps, Tensor) or steps.is_complex() or steps.ndim != 1:
        kind = (
            f"{steps.dtype} of shape {tuple(steps.shape)}"
            if isinstance(steps, Tensor)
            else type(steps).__name__
        )
        raise ValueError(f"`steps` must be a real tensor of shape (time,), got {kind}")
    if len(steps) == 0 or len(steps) != series.shape[-2]:
        raise ValueError(
            f"`steps` must hold one time, at least, for each of `amplitudes`, "
            f"got {len(steps)} for {series.shape[-2]}"
        )
    return steps.to(series)


def _broadcast(rates: Tensor, initial: Tensor | float, final: Tensor | float) -> tuple[Tensor, ...]:
    given = {"rates": rates, "initial": initial, "final": final}
    tensors = {name: _as_tensor(value, name, rates) for name, value in given.items()}
    shapes = [tensor.shape for tensor in tensors.values()]
    try:
        shape = torch.broadcast_shapes(*shapes)  # type: ignore[no-untyped-call]
    except RuntimeError:
        listed = ", ".join(str(tuple(shape)) for shape in shapes)
        raise ValueError(f"`rates`, `initial` and `final` must broadcast, got shapes {listed}") from None
    dtypes = (tensor.dtype for tensor in tensors.values())
    dtype = functools.reduce(torch.promote_types, dtypes, torch.float32)
    return tuple(tensor.to(dtype).expand(shape) for tensor in tensors.values())


def _as_tensor(value: Tensor | float, name: str, like: Tensor) -> Tensor:
    if isinstance(value, Real) and isinstance(like, Tensor):
        return like.new_tensor(float(value))
    if isinstance(value, Tensor) and value.is_floating_point():
        return value
    kind = value.dtype if isinstance(value, Tensor) else type(value).__name__
    raise ValueError(f"`{name}` must be a real floating-point tensor, got {kind}")
