"""Motion along the orbits of symmetries, which changes nothing, and across them, which is learning."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from ..discovery.symmetry import Symmetry
from ..functional._check import check, check_tensor
from ..functional._finite import finite_or_nan, ratio
from ..groups import GROUPS
from ._model.slopes import steepness

_SEED = 0
_TOLERANCE = 1e-7
_MOST = 200
"""Conjugate gradients stop at this residual, or after so many steps: squared, it is far below float32."""


class Tangent:
    """The directions in which one symmetry moves weights: a linear map from its Lie algebra.

    Args:
        symmetry: A continuous symmetry.
        params: Parameters and buffers by the names that it uses.
    """

    def __init__(self, symmetry: Symmetry, params: Mapping[str, Tensor]) -> None:
        symmetry.check(params)
        group = GROUPS[symmetry.group]
        moved = {leg.parameter for leg in symmetry.legs}
        needed = moved | {name for leg in symmetry.legs for name in leg.through}
        plain = {name: params[name].detach() for name in sorted(needed) if name in params}
        self.names = [name for name in plain if name in moved]
        for name, tensor in plain.items():
            numbers = tensor.is_floating_point() or tensor.is_complex()
            check(numbers, f"params[{name!r}]", "be floating-point", tensor.dtype)
        first = plain[self.names[0]]
        with torch.inference_mode(False), torch.enable_grad():
            self._origin = torch.zeros(
                symmetry.copies, group.dimension(symmetry.size), dtype=first.dtype, device=first.device
            ).requires_grad_()
            image = symmetry.act(plain, group.exponential(self._origin, symmetry.size))
            self._images = [image[name] for name in self.names]
            # forward derivatives by differentiating backward ones, which are linear in what is pulled back
            self._duals = [torch.zeros_like(t).requires_grad_() for t in self._images]
            (self._pulled,) = torch.autograd.grad(self._images, self._origin, self._duals, create_graph=True)

    @property
    def shape(self) -> torch.Size:
        """Shape of the coordinates, ``(copies, dimension)``."""
        return self._origin.shape

    def along(self, coordinates: Tensor) -> list[Tensor]:
        """The velocity of every moved tensor for an element of the Lie algebra."""
        velocity = torch.autograd.grad(self._pulled, self._duals, coordinates, retain_graph=True)
        return [v.detach() for v in velocity]

    def against(self, covectors: Iterable[Tensor]) -> Tensor:
        """The inner product of some tensors, a gradient for one, with every direction."""
        (pulled,) = torch.autograd.grad(self._images, self._origin, list(covectors), retain_graph=True)
        return pulled.detach()

    def nearest(self, step: list[Tensor]) -> list[Tensor]:
        """The part of a step that lies along the orbit, by conjugate gradients on the normal equations."""
        solution = [torch.zeros_like(part) for part in step]
        residual = self.against(step)
        search, square = residual, residual.square().sum()
        start = square
        for _ in range(min(_MOST, 2 * residual.numel())):
            if not square > _TOLERANCE**2 * start:
                break
            velocity = self.along(search)
            length = square / torch.stack([v.square().sum() for v in velocity]).sum()
            solution = [s + length * v for s, v in zip(solution, velocity, strict=True)]
            residual = residual - length * self.against(velocity)
            square, before = residual.square().sum(), square
            search = residual + square / before * search
        return solution


class Travelled(NamedTuple):
    """How far weights have moved, all in the norm of the parameters that a symmetry moves.

    Attributes:
        along: distance along the orbit, where the function stays the same.
        across: distance orthogonal to it.
    """

    along: Tensor
    across: Tensor


@torch.no_grad()
def orbit_leak(
    symmetries: Iterable[Symmetry], params: Mapping[str, Tensor], gradients: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    r"""Check each continuous symmetry on a gradient: the loss has no slope along its orbit.

    .. math:: \frac{\lVert \langle X_i \theta, \nabla L \rangle_i \rVert}
        {\lVert (X_i \theta)_i \rVert_F\, \lVert \nabla L \rVert} \in [0, 1]

    over the generators :math:`X_i`: 0 for a symmetry of this very loss (arXiv 2012.04728), about
    :math:`1/\sqrt P` for one that has nothing to do with it. The gradient is that of all P parameters, since
    those that a symmetry moves may have none but rounding errors, as a bias in front of a normalisation.
    Weight decay inside the loss, fresh random numbers, the eps of a normalisation and frozen statistics are
    seen as a leak.

    The graph of one symmetry at a time takes a few copies of the parameters that it moves. The Frobenius norm
    comes from one random direction, drawn from a generator of its own.

    Args:
        symmetries: What :func:`lightning_symmetry.find_symmetries` gave; discrete ones are passed over.
        params: Parameters and buffers by the names that the symmetries use.
        gradients: Gradients by the same names; a missing one counts as zero.

    Returns:
        A scalar tensor by the name of the symmetry; 0 where the gradient vanishes, NaN where it is not
        finite on the way; elsewhere what is not finite does not count.

    Raises:
        ValueError: If a parameter that a symmetry moves is absent, or a tensor is not acceptable.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from lightning_symmetry import find_symmetries
        >>> from lightning_symmetry.metrics import orbit_leak
        >>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)).double()
        >>> x = torch.randn(5, 4).double()
        >>> model(x).square().sum().backward()
        >>> params = dict(model.named_parameters())
        >>> leak = orbit_leak(find_symmetries(model, x), params, {k: p.grad for k, p in params.items()})
        >>> leak["0.positive_scaling"].item() < 1e-14
        True
    """
    leaks: dict[str, Tensor] = {}
    _check(params, "gradients", gradients)
    devices = {str(gradient.device) for gradient in gradients.values()}
    check(len(devices) <= 1, "gradients", "be on one device", sorted(devices))
    steepest = steepness(gradients.values())
    for symmetry in symmetries:
        if symmetry.dimension:
            tangent = Tangent(symmetry, params)
            slopes = [_like(gradients.get(name), params[name]) for name in tangent.names]
            leak = tangent.against(slopes).norm()
            scale = _norm(tangent.along(_signs(tangent.shape, leak))) * steepest
            leaks[symmetry.name] = finite_or_nan(ratio(leak, scale))
    return leaks


@torch.no_grad()
def travelled(
    symmetries: Iterable[Symmetry], before: Mapping[str, Tensor], after: Mapping[str, Tensor]
) -> dict[str, Travelled]:
    r"""Split the way between two looks into motion along each orbit and motion across it.

    .. math:: \Delta\theta = X c + \Delta\theta_\perp, \qquad \Delta\theta_\perp \perp \text{orbit of } \theta

    to first order in the step: take looks that are not far apart. Gradient flow moves across orbits only
    (arXiv 2012.04728); weight decay, noise and adaptive optimizers also along.

    Args:
        symmetries: What :func:`lightning_symmetry.find_symmetries` gave; discrete ones are passed over.
        before: Parameters and buffers at the first look, where the tangent is taken.
        after: The same at the second one.

    Returns:
        Both distances by the name of the symmetry, over the parameters that it moves.

    Raises:
        ValueError: If a parameter that a symmetry moves is absent, or a tensor is not acceptable.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from lightning_symmetry import find_symmetries
        >>> from lightning_symmetry.metrics import travelled
        >>> model = nn.Sequential(nn.Linear(1, 1, bias=False), nn.ReLU(), nn.Linear(1, 1, bias=False))
        >>> before = {"0.weight": torch.tensor([[3.0]]), "2.weight": torch.tensor([[4.0]])}
        >>> after = {"0.weight": torch.tensor([[6.0]]), "2.weight": torch.tensor([[0.0]])}
        >>> way = travelled(find_symmetries(model, torch.zeros(1, 1)), before, after)
        >>> way["0.positive_scaling"]
        Travelled(along=tensor(5.), across=tensor(0.))
    """
    ways: dict[str, Travelled] = {}
    _check(before, "after", after)
    for symmetry in symmetries:
        if symmetry.dimension:
            tangent = Tangent(symmetry, before)
            for name in tangent.names:
                check(name in after, "after", f"hold {name}", list(after))
            step = [after[name].detach() - before[name].detach() for name in tangent.names]
            along = tangent.nearest(step)
            across = [s - a for s, a in zip(step, along, strict=True)]
            ways[symmetry.name] = Travelled(finite_or_nan(_norm(along)), finite_or_nan(_norm(across)))
    return ways


def _check(params: Mapping[str, Tensor], name: str, tensors: Mapping[str, Tensor]) -> None:
    """Refuse what are no tensors by name, or have not the shapes of the parameters."""
    for argument, given in (("params", params), (name, tensors)):
        check(isinstance(given, Mapping), argument, "be a mapping of tensors", type(given).__name__)
        for key, tensor in given.items():
            check_tensor(tensor, f"{argument}[{key!r}]")
    for key in params.keys() & tensors.keys():
        shape, found = tuple(params[key].shape), tuple(tensors[key].shape)
        check(found == shape, f"{name}[{key!r}]", f"have the shape of the parameter, {shape}", found)


def _like(gradient: Tensor | None, param: Tensor) -> Tensor:
    return torch.zeros_like(param) if gradient is None else gradient.detach().to(param.dtype)


def _norm(tensors: Iterable[Tensor]) -> Tensor:
    joined: Tensor = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(t) for t in tensors]))
    return joined


def _signs(shape: torch.Size, like: Tensor) -> Tensor:
    generator = torch.Generator().manual_seed(_SEED)
    signs = torch.randint(0, 2, (math.prod(shape),), generator=generator).mul_(2).sub_(1)
    return signs.reshape(shape).to(like)
