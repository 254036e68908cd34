"""Steps of every optimizer with weight decay, against a separately trained theta."""

from functools import partial

import pytest
import torch
from torch.func import functional_call
from torch.optim.lr_scheduler import CosineAnnealingLR

from lightning_symmetry.surgery import OffsetDecay
from tests.surgery.offset_training import (
    DECAY,
    Lion,
    assert_equals_explicit,
    batches,
    distance,
    explicit,
    groups,
    names_of,
    some_offsets,
    through_hooks,
    tied_model,
)

SGD, Adam, AdamW = torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW
COUPLED = {
    "sgd": partial(SGD, lr=0.1),
    "sgd-momentum": partial(SGD, lr=0.05, momentum=0.9, dampening=0.1),
    "sgd-nesterov": partial(SGD, lr=0.05, momentum=0.9, nesterov=True),
    "sgd-maximize": partial(SGD, lr=0.05, momentum=0.9, maximize=True),
    "adam": partial(Adam, lr=0.003),
    "adam-amsgrad-maximize": partial(Adam, lr=0.003, amsgrad=True, maximize=True),
    "nadam": partial(torch.optim.NAdam, lr=0.003),
    "radam": partial(torch.optim.RAdam, lr=0.003),
    "adamax": partial(torch.optim.Adamax, lr=0.003),
    "adagrad": partial(torch.optim.Adagrad, lr=0.01),
    "adadelta": partial(torch.optim.Adadelta, lr=1.0),
    "rmsprop": partial(torch.optim.RMSprop, lr=0.003, momentum=0.5, centered=True),
}
DECOUPLED = {
    "adam-decoupled": partial(Adam, lr=0.003, decoupled_weight_decay=True),
    "adamw": partial(AdamW, lr=0.003),
    "adamw-maximize": partial(AdamW, lr=0.003, amsgrad=True, maximize=True),
    "nadam-decoupled": partial(torch.optim.NAdam, lr=0.003, decoupled_weight_decay=True),
    "radam-decoupled": partial(torch.optim.RAdam, lr=0.003, decoupled_weight_decay=True),
}
# These see the weights in another way too, or may.
OTHERS = {
    "asgd": partial(torch.optim.ASGD, lr=0.05, lambd=0.1, t0=5),
    "adafactor": partial(torch.optim.Adafactor, lr=0.05),
}
FOREACH = {**COUPLED, **DECOUPLED, **OTHERS}
MUON = partial(torch.optim.Muon, lr=0.01) if hasattr(torch.optim, "Muon") else None


@pytest.mark.parametrize("kernels", [{"foreach": False}, {"foreach": True}], ids=["loop", "foreach"])
@pytest.mark.parametrize("name", FOREACH)
def test_equals_explicit_offset(name, kernels):
    assert_equals_explicit(partial(FOREACH[name], **kernels))


@pytest.mark.parametrize("name", ["sgd-nesterov", "adam", "adagrad", "adamw"])
def test_equals_explicit_offset_with_fused_kernels(name):
    assert_equals_explicit(partial(FOREACH[name], fused=True))


@pytest.mark.skipif(MUON is None, reason="this release of torch has no Muon")
def test_equals_explicit_offset_with_muon():
    assert_equals_explicit(MUON, weights_only=True)


def test_equals_explicit_offset_with_an_optimizer_that_is_not_of_torch():
    assert_equals_explicit(Lion)


@pytest.mark.parametrize("make", [SGD, Adam, AdamW])
def test_equals_explicit_offset_with_a_tensor_as_learning_rate(make):
    assert_equals_explicit(partial(make, lr=torch.tensor(0.003, dtype=torch.float64), foreach=False))


WAYS = {
    "clipped": {"clip": 0.1},
    "closure": {"closure": "positional", "clip": 0.1},
    "closure-by-keyword": {"closure": "keyword"},
    "accumulated": {"accumulate": 4},
    "decay-schedule": {"decay": lambda step: 1e-2 * (1 + step % 10)},
    "rate-schedule": {"scheduler": partial(CosineAnnealingLR, T_max=20)},
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["sgd-nesterov", "adamw", "adafactor"])
def test_equals_explicit_offset_however_it_is_trained(name, way):
    assert_equals_explicit(FOREACH[name], **WAYS[way])


@pytest.mark.parametrize("name", ["sgd-nesterov", "adamw"])
def test_equals_explicit_offset_where_decay_is_off_for_some_steps(name):
    assert_equals_explicit(FOREACH[name], decay=lambda step: 1e-2 * (step % 5))


@pytest.mark.parametrize("name", ["sgd", "adamw", "asgd"])
def test_strength_is_a_share_of_the_offset(name):
    offsets = some_offsets()
    share = {name: 0.3 * offset for name, offset in offsets.items()}
    found = through_hooks(FOREACH[name], offsets, strength=0.3)
    assert distance(found, explicit(FOREACH[name], share)) <= 1e-12


@pytest.mark.parametrize("name", ["sgd", "adamw", "asgd"])
def test_a_parameter_without_name_decays_to_zero_beside_one_that_has_an_offset(name):
    offsets = some_offsets()
    found = through_hooks(FOREACH[name], offsets, excluded=("0.weight", "4.bias"))
    plain = {**offsets, **{key: torch.zeros_like(offsets[key]) for key in ("0.weight", "4.bias")}}
    assert distance(found, explicit(FOREACH[name], plain)) <= 1e-12


def with_metric(metrics, decoupled, optimizer, theta):
    """Decay by hand, by another rate for each entry, in the place of the optimizer."""
    named = {id(value): name for name, value in theta.items()}
    decays = [group["weight_decay"] for group in optimizer.param_groups]
    for group in optimizer.param_groups:
        group["weight_decay"] = 0.0

    @torch.no_grad()
    def before(optimizer, args, kwargs):
        for group, decay in zip(optimizer.param_groups, decays, strict=True):
            for parameter in group["params"]:
                rate = decay * (1 + metrics[named[id(parameter)]])
                if decoupled:
                    parameter.mul_(1 - group["lr"] * rate)
                else:
                    parameter.grad += (-1 if group.get("maximize") else 1) * rate * parameter

    optimizer.register_step_pre_hook(before)


@pytest.mark.parametrize("name", [*COUPLED, *DECOUPLED])
def test_each_entry_has_its_own_decay_with_a_metric(name):
    offsets, metrics = some_offsets(), some_offsets(0.5, seed=3)
    found = through_hooks(FOREACH[name], offsets, metric=metrics.__getitem__)
    around = partial(with_metric, metrics, name in DECOUPLED)
    assert distance(found, explicit(FOREACH[name], offsets, around=around)) <= 1e-12
    assert distance(found, explicit(FOREACH[name], offsets)) > 1e-6


@pytest.mark.parametrize("name", ["asgd", "lion"])
def test_a_metric_is_refused_where_it_is_not_known_what_the_weights_are_used_for(name):
    optimizer = {**OTHERS, "lion": Lion}[name](groups(tied_model().named_parameters()))
    names = {p: "p" for group in optimizer.param_groups for p in group["params"]}
    with pytest.raises(
        ValueError, match=rf"a metric \(`spread`\) must have .* found {type(optimizer).__name__}"
    ):
        OffsetDecay(optimizer, names, torch.zeros, torch.zeros)
    assert not optimizer._optimizer_step_pre_hooks


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_gradients_and_decay_are_the_same_objects_and_values_after_the_step(name):
    model = tied_model()
    optimizer = FOREACH[name](groups(model.named_parameters()))
    OffsetDecay(optimizer, names_of(model), some_offsets().__getitem__)
    model(batches()[0][0]).sum().backward()
    before = [(p.grad, p.grad.clone()) for p in model.parameters()]
    optimizer.step()
    for parameter, (gradient, value) in zip(model.parameters(), before, strict=True):
        assert parameter.grad is gradient
        assert torch.equal(gradient, value)
    assert [group["weight_decay"] for group in optimizer.param_groups] == [DECAY, DECAY / 3]


def scaled(make, hooks, offsets):
    """Three steps with a gradient scaler, the second of which overflows."""
    model = tied_model()
    shift = {} if hooks else offsets
    theta = {
        name: (parameter.detach() - shift.get(name, 0.0)).requires_grad_()
        for name, parameter in model.named_parameters()
    }
    optimizer = make(groups(theta.items()))
    if hooks:
        OffsetDecay(optimizer, {value: name for name, value in theta.items()}, offsets.__getitem__)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    history = []
    for step, (x, y) in enumerate(batches()[:3]):
        optimizer.zero_grad()
        weights = {name: value + shift.get(name, 0.0) for name, value in theta.items()}
        loss = (functional_call(model, weights, (x,)) - y).square().mean()
        scaler.scale(loss).backward()
        if step == 1:
            theta["4.bias"].grad.fill_(torch.inf)
        scaler.step(optimizer)
        scaler.update()
        history.append({name: value.detach() + shift.get(name, 0.0) for name, value in theta.items()})
    return history


@pytest.mark.parametrize("fused", [False, True], ids=["foreach", "fused"])
@pytest.mark.parametrize("name", ["sgd-nesterov", "adam", "adamw"])
def test_a_step_that_the_gradient_scaler_skips_moves_nothing(name, fused):
    offsets = some_offsets()
    make = partial(FOREACH[name], fused=True) if fused else FOREACH[name]
    found, expected = (scaled(make, hooks, offsets) for hooks in (True, False))
    assert distance(found[0], found[1]) == 0.0
    assert distance(found[1], found[2]) > 1e-4
    assert distance(found[2], expected[2]) <= 1e-12


@pytest.mark.parametrize("name", ["sgd-nesterov", "adamw", "adafactor"])
def test_a_moving_average_of_the_weights_is_that_of_theta_plus_the_offset(name):
    assert_equals_explicit(FOREACH[name], averaged=True)


# torch.compile uses what torch has deprecated.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_compiled_step_does_the_same():
    offsets = some_offsets()

    def compiled(groups):
        optimizer = FOREACH["sgd-nesterov"](groups)
        optimizer.step = torch.compile(optimizer.step, backend="eager")
        return optimizer

    assert (
        distance(through_hooks(compiled, offsets), through_hooks(FOREACH["sgd-nesterov"], offsets)) <= 1e-15
    )


@pytest.mark.parametrize("make", [SGD, AdamW])
def test_an_offset_far_below_the_rounding_step_of_float32_acts_on_the_average(make):
    """Weights move with and without an offset; the difference must grow as decay of the offset says."""
    weight, offset = torch.randn(2, 20000, generator=torch.Generator().manual_seed(0))
    offset = 0.01 * offset
    rate, decay, steps = 1e-3, 1e-3, 200

    def trained(hooks):
        parameter = torch.nn.Parameter(weight.clone())
        optimizer = make([parameter], lr=rate, weight_decay=decay)
        if hooks:
            OffsetDecay(optimizer, {parameter: "weight"}, lambda name: offset)
        generator = torch.Generator().manual_seed(1)
        for _ in range(steps):
            parameter.grad = torch.randn(weight.shape, generator=generator)
            optimizer.step()
        return parameter.detach().double()

    difference = (trained(True) - trained(False)) @ offset.double() / offset.double().square().sum()
    # One step moves a weight by a hundredth of a millionth, a sixth of its rounding step.
    assert float(difference) == pytest.approx(steps * rate * decay, rel=0.3)


def turned(values, turn):
    """Rotate the hidden space of two linear layers."""
    return {"0.weight": turn @ values["0.weight"], "1.weight": values["1.weight"] @ turn.T}


@pytest.mark.parametrize("has_metric", [False, True])
@pytest.mark.parametrize("name", ["sgd", "sgd-nesterov"])
def test_only_a_metric_removes_rotations_that_leave_the_offset_as_it_is(name, has_metric):
    """Training commutes with a rotation exactly if the regularised loss is invariant under it."""
    generator = torch.Generator().manual_seed(0)
    shapes = {"0.weight": (8, 2), "1.weight": (1, 8)}

    def random(*shape):
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    offsets, metrics, weights = ({key: random(*shape) for key, shape in shapes.items()} for _ in range(3))
    x, y = random(16, 2), random(16, 1)
    # The offset reaches 3 of the 8 directions: what turns the others does not move it.
    reached = torch.cat([offsets["0.weight"], offsets["1.weight"].T], 1)
    basis = torch.linalg.qr(torch.cat([reached, random(8, 5)], 1))[0]
    inner = torch.block_diag(torch.eye(3, dtype=torch.float64), torch.linalg.qr(random(5, 5))[0])
    turn = basis @ inner @ basis.T
    assert all(torch.allclose(turned(offsets, turn)[key], offsets[key], atol=1e-14) for key in offsets)

    def trained(values):
        model = torch.nn.Sequential(
            torch.nn.Linear(2, 8, bias=False), torch.nn.Linear(8, 1, bias=False)
        ).double()
        model.load_state_dict(values)
        optimizer = FOREACH[name](model.parameters(), lr=0.002, weight_decay=0.5)
        metric = {key: 0.1 * value for key, value in metrics.items()}.__getitem__ if has_metric else None
        OffsetDecay(optimizer, names_of(model), offsets.__getitem__, metric)
        for _ in range(30):
            optimizer.zero_grad()
            (model(x) - y).square().mean().backward()
            optimizer.step()
        return {key: value.detach() for key, value in model.state_dict().items()}

    difference = distance(turned(trained(weights), turn), trained(turned(weights, turn)))
    assert difference > 1e-4 if has_metric else difference <= 1e-12
