"""What the hooks do around a step, whatever becomes of it."""

import copy
from functools import partial

import pytest
import torch
from torch import nn

from lightning_symmetry.surgery import OffsetDecay, Syre, syre_offset
from tests.surgery.offset_training import (
    assert_equals_explicit,
    distance,
    explicit,
    names_of,
    some_offsets,
    through_hooks,
    tied_model,
)


class ThreeMoves(torch.optim.Optimizer):
    """Calls the closure three times a step and moves the parameters after each call."""

    def __init__(self, groups, lr=0.02, weight_decay=0.0):
        super().__init__(groups, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure):
        for _ in range(3):
            with torch.enable_grad():
                loss = closure()
            for group in self.param_groups:
                for parameter in group["params"]:
                    direction = parameter.grad + group["weight_decay"] * parameter
                    parameter.sub_(direction, alpha=group["lr"])
        return loss


def test_equals_explicit_offset_when_the_closure_is_called_several_times():
    assert_equals_explicit(ThreeMoves, closure="positional")


def test_without_decay_nothing_changes_at_all():
    offsets = some_offsets()
    nothing = {name: torch.zeros_like(offset) for name, offset in offsets.items()}

    def make(groups):
        return torch.optim.AdamW([{**group, "weight_decay": 0.0} for group in groups], lr=0.003)

    assert distance(through_hooks(make, offsets), explicit(make, nothing)) == 0.0


def test_parameters_without_gradient_or_decay_or_name_stay_bit_for_bit():
    model = tied_model()
    before = copy.deepcopy(model.state_dict())
    weights, biases = (
        [p for name, p in model.named_parameters() if name.endswith(kind)] for kind in ("weight", "bias")
    )
    groups = [{"params": weights, "weight_decay": 0.1}, {"params": biases, "weight_decay": 0.0}]
    optimizer = torch.optim.SGD(groups, lr=1.0)
    names = names_of(model)
    del names[model[4].weight]
    hooks = OffsetDecay(optimizer, names, draw=lambda name: torch.full_like(before[name], 0.3))
    for parameter in (model[0].weight, model[4].weight, model[4].bias):
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    after = model.state_dict()
    torch.testing.assert_close(after["0.weight"], 0.9 * before["0.weight"] + 0.03, rtol=0, atol=1e-15)
    torch.testing.assert_close(after["4.weight"], 0.9 * before["4.weight"], rtol=0, atol=1e-15)
    for name in ("0.bias", "2.bias", "4.bias"):
        assert torch.equal(after[name], before[name])
    hooks.remove()


def test_offset_of_a_parameter_that_is_unfrozen_or_added_later():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2), nn.Linear(2, 2))
    model[1].requires_grad_(False)
    optimizer = torch.optim.SGD([*model[0].parameters(), *model[1].parameters()], lr=1.0, weight_decay=1.0)
    drawn = []

    def draw(name):
        drawn.append(name)
        return torch.ones(model.get_parameter(name).shape)

    OffsetDecay(optimizer, names_of(model), draw)
    for _ in range(2):
        model[0](torch.zeros(1, 2)).sum().backward()
        optimizer.step()
    assert drawn == ["0.weight", "0.bias"]
    model[1].requires_grad_(True)
    optimizer.add_param_group({"params": list(model[2].parameters())})
    for parameter in [*model[1].parameters(), *model[2].parameters()]:
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    # With unit rate and decay, one step lands on the offset.
    for parameter in [*model[1].parameters(), *model[2].parameters()]:
        torch.testing.assert_close(parameter, torch.ones_like(parameter), rtol=0, atol=1e-6)


def test_offset_follows_the_precision_of_its_parameter():
    model = nn.Linear(2, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0, weight_decay=1.0)
    OffsetDecay(optimizer, names_of(model), draw=lambda name: torch.full_like(model.get_parameter(name), 0.1))
    for dtype in (torch.float32, torch.float64, torch.bfloat16, torch.float16):
        model.to(dtype).zero_grad()
        for parameter in model.parameters():
            parameter.grad = torch.zeros_like(parameter)
        optimizer.step()
        for parameter in model.parameters():
            offset = torch.full_like(parameter, 0.1)
            torch.testing.assert_close(parameter, offset, rtol=0, atol=2 * torch.finfo(dtype).eps)


def test_other_precisions_are_refused_also_during_training():
    weight = nn.Parameter(torch.ones(2))
    optimizer = torch.optim.SGD([weight], lr=1.0, weight_decay=1.0)
    OffsetDecay(optimizer, {weight: "weight"}, draw=lambda name: torch.zeros(2))
    weight.data = weight.data.to(torch.complex64)
    weight.grad = torch.zeros_like(weight)
    with pytest.raises(ValueError, match=r"`weight` must be float32 or float64, .* found torch\.complex64"):
        optimizer.step()
    assert torch.equal(weight, torch.ones_like(weight))


def test_error_in_the_closure_leaves_the_model_as_it_is():
    offsets = some_offsets()
    model = tied_model()
    before = copy.deepcopy(model.state_dict())
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.1)
    OffsetDecay(optimizer, names_of(model), draw=offsets.__getitem__)

    def closure():
        model(torch.ones(1, 6, dtype=torch.float64)).sum().backward()
        raise ArithmeticError("loss")

    with pytest.raises(ArithmeticError, match="loss"):
        optimizer.step(closure)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_error_in_a_later_call_of_the_closure_keeps_the_moves_made():
    offsets = some_offsets()
    model, reference = tied_model(), tied_model()
    optimizer = ThreeMoves(model.parameters(), lr=0.5, weight_decay=0.1)
    OffsetDecay(optimizer, names_of(model), draw=offsets.__getitem__)
    calls = []

    def closure():
        calls.append(None)
        if len(calls) == 2:
            raise ArithmeticError("loss")
        for parameter in model.parameters():
            parameter.grad = torch.ones_like(parameter)

    with pytest.raises(ArithmeticError, match="loss"):
        optimizer.step(closure)
    for name, parameter in reference.named_parameters():
        expected = parameter - 0.5 * (1 + 0.1 * (parameter - offsets[name]))
        torch.testing.assert_close(model.get_parameter(name), expected, rtol=0, atol=1e-15)


class BreaksOnce(torch.optim.Optimizer):
    """Raises in the first update, then moves all the way to the point that it decays to."""

    broken = True

    @torch.no_grad()
    def step(self, closure=None):
        if self.broken:
            self.broken = False
            raise ArithmeticError("update")
        for parameter in self.param_groups[0]["params"]:
            parameter.zero_()


def after_broken_update(offsets) -> tuple[nn.Module, torch.optim.Optimizer, OffsetDecay]:
    model = tied_model()
    optimizer = BreaksOnce(model.parameters(), {"weight_decay": 0.1})
    hooks = OffsetDecay(optimizer, names_of(model), draw=offsets.__getitem__)
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    with pytest.raises(ArithmeticError, match="update"):
        optimizer.step()
    return model, optimizer, hooks


@pytest.mark.parametrize("recover", [OffsetDecay.restore, OffsetDecay.remove])
def test_error_in_the_update_is_undone(recover):
    model, _, hooks = after_broken_update(some_offsets())
    recover(hooks)
    for name, value in tied_model().state_dict().items():
        torch.testing.assert_close(model.state_dict()[name], value, rtol=0, atol=1e-15)


def test_step_after_an_error_in_the_update_subtracts_the_offset_once():
    offsets = some_offsets()
    model, optimizer, _ = after_broken_update(offsets)
    optimizer.step()
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, offsets[name])


def test_remove_leaves_no_hook_and_allows_another_offset():
    model = nn.Linear(2, 2)
    optimizer = torch.optim.SGD(model.parameters(), weight_decay=0.1)
    for _ in range(2):
        hooks = OffsetDecay(optimizer, names_of(model), partial(syre_offset, model, config=Syre()))
        assert len(optimizer._optimizer_step_pre_hooks) == len(optimizer._optimizer_step_post_hooks) == 1
        hooks.remove()
        hooks.remove()
        assert not optimizer._optimizer_step_pre_hooks and not optimizer._optimizer_step_post_hooks


def refused(error, match, optimizer, names):
    with pytest.raises(error, match=match):
        OffsetDecay(optimizer, names, draw=lambda name: torch.zeros(()))


def test_refusals_change_nothing():
    model = nn.Linear(2, 2)
    names = names_of(model)
    lbfgs = torch.optim.LBFGS(model.parameters())
    refused(ValueError, r"must have `weight_decay` .* found LBFGS with \['history_size'", lbfgs, names)
    sgd = torch.optim.SGD(model.parameters(), weight_decay=0.1)
    refused(ValueError, r"at least one trainable parameter .* 2 parameters and 0 names", sgd, {})
    half = nn.Linear(2, 2, dtype=torch.bfloat16)
    optimizer = torch.optim.ASGD(half.parameters(), weight_decay=0.1)
    refused(
        ValueError, "`weight` must be float32 .* ASGD, .* found torch.bfloat16", optimizer, names_of(half)
    )
    frozen = nn.Linear(2, 2).requires_grad_(False)
    optimizer = torch.optim.SGD(frozen.parameters(), weight_decay=0.1)
    refused(ValueError, "at least one trainable parameter", optimizer, names_of(frozen))
    for clean in (lbfgs, sgd, optimizer):
        assert not clean._optimizer_step_pre_hooks
    OffsetDecay(sgd, names, draw=lambda name: torch.zeros(()))
    refused(RuntimeError, "must not have an offset already, found one on SGD", sgd, names)
    assert len(sgd._optimizer_step_pre_hooks) == 1
