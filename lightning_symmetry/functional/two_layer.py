"""Gradient flow of the smallest network that learns features, in closed form.

Xu & Ziyin, "Three Mechanisms of Feature Learning in a Linear Network", arXiv 2401.07085. One input, one
output and n hidden units: enough for a kernel phase, and small enough to be solved at any width.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from lightning_symmetry.functional._finite import ratio


@dataclass(frozen=True, eq=False)
class TwoLayerFlow:
    r"""The trajectory of :math:`f(x) = \sum_i w_i u_i x` under gradient flow on half the mean squared error.

    .. math:: \dot u_i = -\eta_u\, \partial_{u_i} L, \qquad \dot w_i = -\eta_w\, \partial_{w_i} L, \qquad
        L = \tfrac12 \operatorname{E}\,(f(x) - y)^2

    The flow stretches all :math:`p_i = (\sqrt{\eta_w} u_i + \sqrt{\eta_u} w_i) / 2` by one factor
    :math:`\sqrt z` and shrinks all :math:`q_i = (\sqrt{\eta_w} u_i - \sqrt{\eta_u} w_i) / 2` by the same
    one. With :math:`P = \sum_i p_i^2`, :math:`Q = \sum_i q_i^2`, :math:`\kappa = \sqrt{\eta_u \eta_w}`,
    :math:`a = \operatorname{E} x^2` and :math:`b = \operatorname{E} xy` (arXiv 2401.07085)

    .. math:: \dot z = 2 \kappa b z - 2 a P_0 z^2 + 2 a Q_0, \qquad z(0) = 1, \qquad
        z(\infty) = z_+ = \frac{\kappa b + D}{2 a P_0}, \qquad D = \sqrt{\kappa^2 b^2 + 4 a^2 P_0 Q_0}

    z is computed as a ratio of two sums of non-negative terms: no digits cancel, and no initialisation is an
    exception. Where :math:`P_0 = 0` no p can grow, nor q where :math:`Q_0 = 0`: a flow that needs what is
    missing ends in the saddle at zero instead of :math:`\beta = b / a`.

    A time is a float or a tensor of any shape, at least 0, and infinity is the limit; values have its shape,
    float32 or better, and are NaN for weights that are not finite. A loss without the factor one half doubles
    the speed of time.

    Args:
        first: weights u of the first layer ``(n,)`` at time 0.
        second: weights w of the second layer ``(n,)`` at time 0.
        rate_first: learning rate of the first layer, positive.
        rate_second: learning rate of the second layer, positive.
        second_moment: a, the mean of x², positive.
        correlation: b, the mean of x y.

    Raises:
        ValueError: if the weights are not two real vectors of one length, or a number is not as above.

    Example:
        >>> import math, torch
        >>> from lightning_symmetry.functional import TwoLayerFlow
        >>> flow = TwoLayerFlow(
        ...     first=torch.tensor([1.0, 0.0]),
        ...     second=torch.tensor([0.0, 1.0]),
        ...     rate_first=1.0,
        ...     rate_second=1.0,
        ...     second_moment=1.0,
        ...     correlation=2.0,
        ... )
        >>> flow.product(torch.tensor([0.0, 0.5, math.inf]))
        tensor([0.0000, 1.4757, 2.0000])
        >>> flow.alignment(math.inf), flow.order_parameter(math.inf)
        (tensor(0.8944), tensor(0.7218))
    """

    first: Tensor
    second: Tensor
    rate_first: float
    rate_second: float
    second_moment: float
    correlation: float

    def __post_init__(self) -> None:
        for name in ("first", "second"):
            object.__setattr__(self, name, _as_vector(getattr(self, name), name))
        if self.first.shape != self.second.shape:
            raise ValueError(
                f"`second` must have as many units as `first`, got {len(self.second)} for {len(self.first)}"
            )
        for name in ("rate_first", "rate_second", "second_moment"):
            value = getattr(self, name)
            if not 0 < value < math.inf:
                raise ValueError(f"`{name}` must be positive and finite, got {value!r}")
        if not math.isfinite(self.correlation):
            raise ValueError(f"`correlation` must be finite, got {self.correlation!r}")

    def parallel(self, time: float | Tensor) -> Tensor:
        """Compute P, the squared length of what both layers have in common."""
        return self._parts(time)[0].square().sum(dim=-1)

    def antiparallel(self, time: float | Tensor) -> Tensor:
        """Compute Q, the squared length of what the layers have with opposite signs."""
        return self._parts(time)[1].square().sum(dim=-1)

    def weights(self, time: float | Tensor) -> tuple[Tensor, Tensor]:
        """Compute both layers, u and w."""
        p, q = self._parts(time)
        return (p + q) / math.sqrt(self.rate_second), (p - q) / math.sqrt(self.rate_first)

    def product(self, time: float | Tensor) -> Tensor:
        r"""Compute :math:`\beta = \sum_i u_i w_i = (P - Q) / \kappa`, the function that the network is.

        Args:
            time: when, of any shape.

        Returns:
            Tensor of the shape of ``time``.
        """
        first, second = self.weights(time)
        return (first * second).sum(dim=-1)

    def alignment(self, time: float | Tensor) -> Tensor:
        r"""Compute the cosine of the angle between u and w.

        .. math:: \cos\angle(u, w) = \frac{P - Q}{\sqrt{(P + Q)^2 - 4 R^2}}, \qquad R = \sum_i p_i q_i

        Args:
            time: when, of any shape.

        Returns:
            Tensor of the shape of ``time``, in [-1, 1]; 0 where a layer is zero.
        """
        first, second = self.weights(time)
        norms = torch.linalg.vector_norm(first, dim=-1) * torch.linalg.vector_norm(second, dim=-1)
        return ratio((first * second).sum(dim=-1), norms)

    def order_parameter(self, time: float | Tensor = math.inf) -> Tensor:
        r"""Compute :math:`\tfrac12 \ln z`, by how much the flow has stretched the weights, on a log scale.

        In the limit it tells the kernel phase, where it vanishes, from the feature-learning phase (arXiv
        2401.07085). It is positive where the layers' product grows and infinite where the flow ends in the
        saddle at zero; :func:`~lightning_symmetry.functional.feature_learning` measures its absolute value.

        Args:
            time: when, of any shape.

        Returns:
            Tensor of the shape of ``time``.
        """
        stretched, shrunk = self._solution(time)
        return (stretched.log() - shrunk.log()) / 2

    def charges(self) -> Tensor:
        r"""Compute what the flow conserves for every unit, :math:`\eta_w u_i^2 - \eta_u w_i^2 = 4 p_i q_i`.

        With equal rates of 1 it is the charge of :func:`~lightning_symmetry.functional.scaling_charges`.

        Returns:
            Tensor ``(n,)``.
        """
        p, q = self._halves()
        return 4 * p * q

    def _halves(self) -> tuple[Tensor, Tensor]:
        first, second = math.sqrt(self.rate_second) * self.first, math.sqrt(self.rate_first) * self.second
        return (first + second) / 2, (first - second) / 2

    def _parts(self, time: float | Tensor) -> tuple[Tensor, Tensor]:
        p, q = self._halves()
        stretched, shrunk = (sums.unsqueeze(-1) for sums in self._solution(time))
        # In the limit the factor of a missing part is infinite: what is zero stays zero.
        return (
            torch.where(p == 0, p, p * (stretched / shrunk).sqrt()),
            torch.where(q == 0, q, q * (shrunk / stretched).sqrt()),
        )

    def _solution(self, time: float | Tensor) -> tuple[Tensor, Tensor]:
        """Compute numerator and denominator of z, both non-negative."""
        p, q = (self.second_moment * half.square().sum() for half in self._halves())
        drive = p.new_tensor(math.sqrt(self.rate_first * self.rate_second) * self.correlation)
        gap = 2 * p.sqrt() * q.sqrt()
        rate = torch.hypot(drive, gap)  # D
        large = rate + drive.abs()
        small = gap * ratio(gap, large)  # D - |κb| without cancellation
        up, down = torch.where(drive < 0, small, large), torch.where(drive < 0, large, small)
        when = torch.as_tensor(time, dtype=p.dtype, device=p.device)
        fall, rise = (-2 * rate * when).exp(), -torch.expm1(-2 * rate * when)
        # With nothing to drive it the flow follows a power law: the same sums, divided by D -> 0.
        still = rate == 0
        rise = torch.where(still, 2 * when, rise)
        return (
            torch.where(still, 2.0, up + fall * down) + torch.where(q == 0, 0.0, 2 * q * rise),
            torch.where(still, 2.0, down + fall * up) + torch.where(p == 0, 0.0, 2 * p * rise),
        )


def _as_vector(weights: object, name: str) -> Tensor:
    if not isinstance(weights, Tensor):
        raise ValueError(f"`{name}` must be a tensor, got {type(weights).__name__}")
    if not weights.is_floating_point() or weights.ndim != 1 or len(weights) == 0:
        raise ValueError(
            f"`{name}` must be real and floating-point of shape (n,) with n at least 1, "
            f"got {weights.dtype} of shape {tuple(weights.shape)}"
        )
    return weights.to(torch.promote_types(weights.dtype, torch.float32))
