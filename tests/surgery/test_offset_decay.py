"""The optimizer-side form against a separately trained theta, used in the forward as theta + theta_0."""

import copy
from functools import partial

import pytest
import torch
from torch import nn
from torch.func import functional_call

from lightning_symmetry.surgery import OffsetDecay, Syre, syre_offset

STEPS = 300


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


OPTIMIZERS = {
    "sgd": partial(torch.optim.SGD, lr=0.05, momentum=0.9),
    "sgd-nesterov": partial(torch.optim.SGD, lr=0.05, momentum=0.9, nesterov=True),
    "adam": partial(torch.optim.Adam, lr=0.003),
    "adamw": partial(torch.optim.AdamW, lr=0.003),
    "rmsprop": partial(torch.optim.RMSprop, lr=0.003),
    "nadam": partial(torch.optim.NAdam, lr=0.003),
    "nadam-decoupled": partial(torch.optim.NAdam, lr=0.003, decoupled_weight_decay=True),
}


def tied_model() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(
            nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 3)
        ).double()
    model[2].weight = model[0].weight
    return model


def batches() -> list[tuple[torch.Tensor, torch.Tensor]]:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(STEPS, 16, 6, generator=generator, dtype=torch.float64)
    return [
        (batch, torch.stack([batch.sum(1).sin(), batch[:, 0] * batch[:, 1], batch[:, 2]], 1)) for batch in x
    ]


def groups(named, weight_decay):
    """Biases in a group of their own, without decay."""
    named = list(named)
    return [
        {"params": [p for name, p in named if not name.endswith("bias")], "weight_decay": weight_decay},
        {"params": [p for name, p in named if name.endswith("bias")], "weight_decay": 0.0},
    ]


def train(forward, parameters, optimizer, *, closure=False, clip=None, schedule=None) -> None:
    for step, (x, y) in enumerate(batches()):
        if schedule is not None:
            optimizer.param_groups[0]["weight_decay"] = schedule(step)

        def compute(x=x, y=y):
            optimizer.zero_grad()
            loss = (forward(x) - y).square().mean()
            loss.backward()
            if clip is not None:
                nn.utils.clip_grad_norm_(parameters, clip)
            return loss

        if closure == "keyword":
            optimizer.step(closure=compute)
        elif closure:
            optimizer.step(compute)
        else:
            compute()
            optimizer.step()


def explicit(make, offsets, weight_decay, **options) -> dict[str, torch.Tensor]:
    """Train theta for the loss at theta + theta_0 and return theta + theta_0."""
    model = tied_model()
    theta = {
        name: (parameter.detach() - offsets[name]).requires_grad_()
        for name, parameter in model.named_parameters()
    }

    def forward(x):
        return functional_call(model, {name: theta[name] + offsets[name] for name in theta}, (x,))

    train(forward, list(theta.values()), make(groups(theta.items(), weight_decay)), **options)
    return {name: (theta[name] + offsets[name]).detach() for name in theta}


def through_hooks(make, offsets, weight_decay, **options) -> dict[str, torch.Tensor]:
    model = tied_model()
    optimizer = make(groups(model.named_parameters(), weight_decay))
    hooks = OffsetDecay(optimizer, names_of(model), draw=offsets.__getitem__)
    train(model, list(model.parameters()), optimizer, **options)
    hooks.remove()
    return {name: parameter.detach() for name, parameter in model.named_parameters()}


def names_of(model: nn.Module) -> dict[torch.Tensor, str]:
    return {parameter: name for name, parameter in model.named_parameters()}


def some_offsets(scale: float = 0.1) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(2)
    return {
        name: scale * torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        for name, parameter in tied_model().named_parameters()
    }


def distance(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> float:
    return max(float((a[name] - b[name]).abs().max()) for name in a)


def assert_equals_explicit(make, **options) -> None:
    offsets = some_offsets()
    found = through_hooks(make, offsets, 0.05, **options)
    assert distance(found, explicit(make, offsets, 0.05, **options)) <= 1e-12
    # The offset has an effect that this tolerance would see.
    nothing = {name: torch.zeros_like(offset) for name, offset in offsets.items()}
    assert distance(found, explicit(make, nothing, 0.05, **options)) > 1e-3


@pytest.mark.parametrize("kernels", [{"foreach": False}, {"foreach": True}], ids=["loop", "foreach"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_equals_explicit_offset(name, kernels):
    assert_equals_explicit(partial(OPTIMIZERS[name], **kernels))


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw"])
def test_equals_explicit_offset_with_fused_kernels(name):
    assert_equals_explicit(partial(OPTIMIZERS[name], fused=True))


@pytest.mark.parametrize("closure", ["positional", "keyword"])
@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_equals_explicit_offset_with_closure_and_clipping(name, closure):
    assert_equals_explicit(OPTIMIZERS[name], closure=closure, clip=0.1)


def test_equals_explicit_offset_when_the_closure_is_called_several_times():
    assert_equals_explicit(ThreeMoves, closure="positional")


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_equals_explicit_offset_under_a_weight_decay_schedule(name):
    assert_equals_explicit(OPTIMIZERS[name], schedule=lambda step: 0.0 if step < 50 else 1e-3 * (step % 100))


def test_without_decay_nothing_changes_at_all():
    offsets = some_offsets()
    nothing = {name: torch.zeros_like(offset) for name, offset in offsets.items()}
    make = OPTIMIZERS["adamw"]
    assert distance(through_hooks(make, offsets, 0.0), explicit(make, nothing, 0.0)) == 0.0


def test_parameters_without_gradient_or_decay_or_name_stay_bit_for_bit():
    model = tied_model()
    before = copy.deepcopy(model.state_dict())
    optimizer = torch.optim.SGD(groups(model.named_parameters(), 0.1), lr=1.0)
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
        assert torch.equal(parameter, torch.ones_like(parameter))


def test_offset_follows_the_precision_of_its_parameter():
    model = nn.Linear(2, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0, weight_decay=1.0)
    OffsetDecay(optimizer, names_of(model), draw=lambda name: torch.full_like(model.get_parameter(name), 0.5))
    for dtype in (torch.float32, torch.float64):
        model.to(dtype).zero_grad()
        for parameter in model.parameters():
            parameter.grad = torch.zeros_like(parameter)
        optimizer.step()
        assert all(torch.equal(p, torch.full_like(p, 0.5)) and p.dtype == dtype for p in model.parameters())
    model.to(torch.bfloat16)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    with pytest.raises(ValueError, match=r"`weight` must be float32 or float64 .* found torch\.bfloat16"):
        optimizer.step()


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
    optimizer = torch.optim.SGD(half.parameters(), weight_decay=0.1)
    refused(ValueError, "`weight` must be float32 .* found torch.bfloat16", optimizer, names_of(half))
    frozen = nn.Linear(2, 2).requires_grad_(False)
    optimizer = torch.optim.SGD(frozen.parameters(), weight_decay=0.1)
    refused(ValueError, "at least one trainable parameter", optimizer, names_of(frozen))
    for clean in (lbfgs, sgd, optimizer):
        assert not clean._optimizer_step_pre_hooks
    OffsetDecay(sgd, names, draw=lambda name: torch.zeros(()))
    refused(RuntimeError, "must not have an offset already, found one on SGD", sgd, names)
    assert len(sgd._optimizer_step_pre_hooks) == 1
