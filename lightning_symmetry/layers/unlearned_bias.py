"""A bias some of whose entries are not learned but drawn anew for every batch."""

from typing import Any

import torch
from torch import Tensor, nn

from lightning_symmetry._torch_compat import in_backward
from lightning_symmetry.functional._check import check, check_integer, check_number
from lightning_symmetry.layers._alike import check_alike
from lightning_symmetry.layers.counter_normal import counter_normal
from lightning_symmetry.surgery._asymmetry import Asymmetry
from lightning_symmetry.surgery._installed import Installed


def _count(module: nn.Module, args: Any) -> None:
    # A pass that gradient checkpointing repeats in the backward has to see the same draw again.
    if module.training and (torch.compiler.is_compiling() or not in_backward()):
        for child in module.children():
            if isinstance(child, Asymmetry):
                for bias in child.children():
                    if isinstance(bias, UnlearnedBias):
                        bias.step += 1


class UnlearnedBias(Installed):
    r"""Computes a bias: the chosen entries are :math:`\mu + \sigma z`, the rest are learned.

    While the module trains, :math:`z` is standard normal noise that is new in every forward pass of the
    module; it is a function of a key and of a count of these passes (the buffer ``step``, which is in the
    ``state_dict``, so that a resumed run goes on with the same draws). In evaluation :math:`z = 0`. Without
    ``redraw`` there is one :math:`z`, in training and evaluation alike.

    The chosen entries of the parameter itself are neither used nor given a gradient, but weight decay shrinks
    them: undo leaves them as they are, fold overwrites them by what evaluation uses.

    Gradient checkpointing repeats the last draw: a module that is called twice before the backward must not
    be checkpointed.

    Reference: Silverstein, Kunin, Shyam, *Symmetry Breaking in Transformers for Efficient and Interpretable
    Training*, arXiv 2601.22257.

    Args:
        mean: :math:`\mu` for every entry of the bias, of its device and precision.
        unlearned: 1 where the bias is not learned, 0 elsewhere, in floating point.
        std: :math:`\sigma`.
        key: Integer from 0 up to 2³² - 1 that tells the draws of this bias from others.
        redraw: Whether the noise is new in every pass.

    Raises:
        ValueError: If ``mean`` and ``unlearned`` are no two vectors of one length with a point, or another
            argument is no such number.

    Example:
        >>> bias = UnlearnedBias(torch.full((3,), 0.5), torch.tensor([1.0, 1.0, 0.0]), std=0.1, key=0)
        >>> bias.eval()(torch.zeros(3)).tolist()
        [0.5, 0.5, 0.0]
    """

    mean: Tensor
    unlearned: Tensor
    step: Tensor

    def __init__(self, mean: Tensor, unlearned: Tensor, std: float, key: int, redraw: bool = True) -> None:
        super().__init__()
        check_alike(mean=mean, unlearned=unlearned)
        check(mean.ndim == 1, "mean", "have one dimension", tuple(mean.shape))
        check_number(std, "std")
        check_integer(key, "key")
        check(0 <= key < 2**32, "key", "be from 0 up to 2³² - 1", key)
        self.std = std
        self.key = key
        self.redraw = redraw
        self.register_buffer("mean", mean, persistent=False)
        self.register_buffer("unlearned", unlearned, persistent=False)
        self.register_buffer("step", torch.zeros((), dtype=torch.int64, device=mean.device))

    def forward(self, bias: Tensor) -> Tensor:
        """Put the unlearned entries in.

        Args:
            bias: The trained parameter.

        Returns:
            The bias as the module uses it.
        """
        return self._biased(bias, noisy=self.training or not self.redraw)

    def settled(self, stored: Tensor) -> Tensor:
        """Return what the module uses in evaluation.

        Args:
            stored: The trained parameter.

        Returns:
            A bias.
        """
        return self._biased(stored, noisy=not self.redraw)

    def attach(self, module: nn.Module) -> None:
        """Count the forward passes of a module.

        Args:
            module: The module that owns the bias.
        """
        super().attach(module)
        if self.redraw and _count not in module._forward_pre_hooks.values():
            module.register_forward_pre_hook(_count)

    def detach(self, module: nn.Module) -> None:
        """Count them no longer.

        Args:
            module: The module that owns the bias.
        """
        super().detach(module)
        for number, hook in list(module._forward_pre_hooks.items()):
            if hook is _count:
                del module._forward_pre_hooks[number]

    def _biased(self, bias: Tensor, noisy: bool) -> Tensor:
        unlearned = self.mean
        if noisy:
            noise = counter_normal(len(self.mean), self.key, self.step)
            unlearned = unlearned + self.std * noise.to(self.mean.dtype)
        return (1 - self.unlearned) * bias + self.unlearned * unlearned
