"""A share of the weight decay is that of a group of its own, whatever the optimizer."""

import pytest
import torch

from lightning_symmetry.callbacks._steering.decay_share import DecayShare
from lightning_symmetry.surgery import OffsetDecay

OPTIMIZERS = [
    (torch.optim.SGD, {"momentum": 0.9, "nesterov": True}),
    (torch.optim.SGD, {"maximize": True}),
    (torch.optim.Adam, {}),
    (torch.optim.AdamW, {}),
    (torch.optim.RMSprop, {}),
    (torch.optim.ASGD, {}),
]


def parameters():
    generator = torch.Generator().manual_seed(0)
    return [torch.nn.Parameter(torch.randn(3, generator=generator, dtype=torch.float64)) for _ in range(3)]


def train(optimizer, tensors, strengths, share=None, by_closure=False):
    for strength in strengths:
        if share is not None:
            share.strength = strength

        def loss():
            optimizer.zero_grad()
            sum((tensor - 1).pow(4).sum() for tensor in tensors).backward()

        if by_closure:
            optimizer.step(loss)
        else:
            loss()
            optimizer.step()


@pytest.mark.parametrize("by_closure", [False, True])
@pytest.mark.parametrize(("kind", "options"), OPTIMIZERS)
def test_equals_groups_with_their_own_decay(kind, options, by_closure):
    tensors, others = parameters(), parameters()
    optimizer = kind(tensors, lr=0.01, weight_decay=0.5, **options)
    share = DecayShare(optimizer, lambda: tensors[1:2])
    train(optimizer, tensors, [0.25] * 3 + [0.0, 1.0], share, by_closure)
    groups = [{"params": others[::2], "weight_decay": 0.5}, {"params": others[1:2], "weight_decay": 0.125}]
    reference = kind(groups, lr=0.01, **options)
    for decay, count in ((0.125, 3), (0.0, 1), (0.5, 1)):
        reference.param_groups[1]["weight_decay"] = decay
        train(reference, others, [None] * count)
    assert all(torch.equal(one, other) for one, other in zip(tensors, others, strict=True))
    (group,) = optimizer.param_groups
    assert [id(tensor) for tensor in group["params"]] == [id(tensor) for tensor in tensors]
    assert group["weight_decay"] == 0.5


def test_a_step_that_fails_leaves_the_groups_whole_once_it_is_removed():
    class Broken(torch.optim.SGD):
        def step(self, closure=None):
            raise ArithmeticError("update")

    tensors = parameters()
    optimizer = Broken(tensors, lr=0.1, weight_decay=0.5)
    share = DecayShare(optimizer, lambda: tensors[1:])
    with pytest.raises(ArithmeticError, match="update"):
        train(optimizer, tensors, [0.5], share)
    share.remove()
    (group,) = optimizer.param_groups
    assert [id(tensor) for tensor in group["params"]] == [id(tensor) for tensor in tensors]
    assert not optimizer._optimizer_step_pre_hooks and not optimizer._optimizer_step_post_hooks


@pytest.mark.parametrize("kind", [torch.optim.Adam, torch.optim.AdamW])
@pytest.mark.parametrize("first", [True, False])
def test_an_offset_of_other_parameters_does_not_change_it(kind, first):
    tensors, others = parameters(), parameters()

    def attach(optimizer, of):
        return OffsetDecay(optimizer, {of[0]: "0"}, lambda name: torch.ones(3, dtype=torch.float64))

    optimizer = kind(tensors, lr=0.01, weight_decay=0.5)
    if first:
        attach(optimizer, tensors)
    share = DecayShare(optimizer, lambda: tensors[1:])
    if not first:
        attach(optimizer, tensors)
    train(optimizer, tensors, [0.5] * 4, share)
    groups = [{"params": others[:1], "weight_decay": 0.5}, {"params": others[1:], "weight_decay": 0.25}]
    reference = kind(groups, lr=0.01)
    attach(reference, others)
    train(reference, others, [None] * 4)
    assert all(torch.equal(one, other) for one, other in zip(tensors, others, strict=True))
