"""Make any optimizer decay its parameters towards an offset instead of towards zero."""

from collections.abc import Mapping
from weakref import WeakSet

import torch
from torch import Tensor
from torch.optim import Optimizer

from lightning_symmetry.surgery._decay_step import Opened
from lightning_symmetry.surgery._towards import Draw, Towards
from lightning_symmetry.surgery._update_hooks import UpdateHooks

# Two offsets on one optimizer would add up to a third that neither owner asked for.
_ATTACHED: WeakSet[Optimizer] = WeakSet()


class OffsetDecay:
    r"""Hooks by which an optimizer decays its parameters :math:`\theta'` towards :math:`\theta_0`.

    Steps are those of training :math:`\ell(\theta + \theta_0)` with decay of :math:`\theta = \theta' -
    \theta_0`, equal to rounding, whatever the optimizer's rule. The model's function does not jump when the
    hooks are attached or removed, its forward costs nothing more and none of its parameters is renamed. With
    the target

    .. math:: t = s\theta_0 - (d - 1) \odot (\theta' - s\theta_0), \qquad
        \theta' - t = d \odot (\theta' - s\theta_0),

    - an optimizer of torch whose decay is *coupled* is shown the gradient :math:`g - \lambda t`, in a tensor
      of its own: ``.grad`` is the same object with the same values after the step;
    - one whose decay is *decoupled* has it done by the hooks, :math:`\theta' \leftarrow \theta' +
      \eta\lambda (t - \theta')`, and is shown ``weight_decay=0`` during the step;
    - any other is shown :math:`\theta' - s\theta_0` in the place of the parameters during the step. What it
      keeps of them, such as the averages of ASGD, is of these.

    **Half precision.** A pull is far less than a rounding step of a bfloat16 or float16 weight. The hooks
    then keep the weights in float32 and let the optimizer, which must be one of the first two kinds, step
    from zero; the parameters are these weights, rounded. So nothing of the decay is lost, nor of the update
    beyond the optimizer's own precision; coupled decay reaches the moments in the precision of the gradient.
    What rounding took off the parameters is in no checkpoint: a resumed run has lost it, at most half a
    rounding step of each weight.

    **Cost.** Offsets are drawn the first time they are needed and kept, in one more copy of the decayed
    parameters, since to draw them from the seed at every step would take longer than the step; a metric takes
    another. Half precision takes float32 for each of these, and for the weights. A coupled step holds a
    second copy of the gradients for its duration.

    At each step the offset applies to parameters that have a gradient and whose group has a nonzero
    ``weight_decay`` at that moment: without decay the offset cancels, and with optimizers of the third kind
    it is left out all the same. Parameters that are unfrozen later get theirs too. A step that raises leaves
    the parameters as far as it got; what the optimizer was only lent is given back by :meth:`restore`,
    :meth:`remove` or the next step.

    Reference: Ziyin, Xu, Chuang, arXiv 2408.15495, in the form :math:`g \leftarrow g + 2\gamma(\theta' -
        \theta_0)`.

    Args:
        optimizer: Any torch optimizer with ``weight_decay`` in its groups.
        names: Name of each parameter that may get an offset; a parameter shared by several modules appears
            once.
        draw: Called once with the name of a parameter, returns its frozen offset, of the same shape.
        metric: Likewise returns :math:`d - 1`, by which the decay of each entry differs from the others. None
            is :math:`d = 1`.

    Attributes:
        strength: Share :math:`s` of the offset towards which steps decay, 1 at first. It may be set between
            steps, to any number: 0 is plain weight decay (by :math:`d`).

    Raises:
        TypeError: If an argument is of another type.
        ValueError: If the optimizer has no ``weight_decay``, updates no trainable parameter of ``names`` or
            one of another precision, or if it is not known to use the weights for their decay alone and there
            is a ``metric`` or a parameter of half precision.
        RuntimeError: If the optimizer has an offset already.

    Example:
        >>> weight = torch.nn.Parameter(torch.tensor([1.0]))
        >>> weight.grad = torch.zeros(1)
        >>> optimizer = torch.optim.SGD([weight], lr=0.5, weight_decay=1.0)
        >>> hooks = OffsetDecay(optimizer, {weight: "weight"}, draw=lambda name: torch.tensor([3.0]))
        >>> for _ in range(20):
        ...     optimizer.step()
        >>> weight.detach().round(decimals=3)
        tensor([3.])
        >>> hooks.remove()
    """

    def __init__(
        self,
        optimizer: Optimizer,
        names: Mapping[Tensor, str],
        draw: Draw,
        metric: Draw | None = None,
    ) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"`optimizer` must be a torch.optim.Optimizer, found {type(optimizer).__name__}")
        if not isinstance(names, Mapping):
            raise TypeError(f"`names` must be a mapping of parameters to names, found {type(names).__name__}")
        for name, each in (("draw", draw), ("metric", metric)):
            if not (callable(each) or (each is None and name == "metric")):
                raise TypeError(f"`{name}` must be a function of a name, found {each!r}")
        if not has_weight_decay(optimizer):
            raise ValueError(
                f"`optimizer` must have `weight_decay` in its parameter groups, found "
                f"{type(optimizer).__name__} with {sorted(set(optimizer.param_groups[0]) - {'params'})}"
            )
        if optimizer in _ATTACHED:
            raise RuntimeError(
                f"`optimizer` must not have an offset already, found one on {type(optimizer).__name__}"
            )
        matched = matching(optimizer, names)
        if not matched:
            total = sum(len(group["params"]) for group in optimizer.param_groups)
            raise ValueError(
                "`optimizer` must update at least one trainable parameter of `names`, found none among its "
                f"{total} parameters and {len(names)} names"
            )
        self.strength = 1.0
        self._optimizer = optimizer
        self._towards = Towards(optimizer, names, draw, metric)
        self._opened: list[Opened] = []
        self._towards.check()
        self._hooks = UpdateHooks(optimizer, self._open, self.restore)
        _ATTACHED.add(optimizer)

    @torch.no_grad()
    def restore(self) -> None:
        """Take back from the optimizer what a step that raised was lent."""
        while self._opened:
            self._opened.pop().close()

    def remove(self) -> None:
        """Detach from the optimizer, leaving the model as it is; a second call does nothing."""
        self._hooks.remove()
        _ATTACHED.discard(self._optimizer)

    @torch.no_grad()
    def _open(self) -> None:
        self._towards.open(self.strength, self._opened)


def has_weight_decay(optimizer: Optimizer) -> bool:
    """Tell whether every parameter group of an optimizer has a ``weight_decay``, be it zero.

    Args:
        optimizer: Any torch optimizer.

    Returns:
        False for optimizers without the option, such as LBFGS.
    """
    return all("weight_decay" in group for group in optimizer.param_groups)


def matching(optimizer: Optimizer, names: Mapping[Tensor, str]) -> list[tuple[Tensor, float]]:
    """List the named parameters that an optimizer trains.

    Args:
        optimizer: An optimizer with ``weight_decay`` in its groups.
        names: Name of each parameter that may match.

    Returns:
        Pairs of a parameter that requires a gradient and its present weight decay.
    """
    return [
        (parameter, group["weight_decay"])
        for group in optimizer.param_groups
        for parameter in group["params"]
        if parameter.requires_grad and parameter in names
    ]
