"""Training through the hooks, and training a separate theta that the forward uses as theta + theta_0."""

import torch
from torch import nn
from torch.func import functional_call
from torch.optim.swa_utils import AveragedModel, get_ema_avg_fn

from lightning_symmetry.surgery import OffsetDecay

STEPS = 20
DECAY = 0.05


class Lion(torch.optim.Optimizer):
    """Steps by signs (Chen et al., arXiv 2302.06675), with decoupled decay; not one of torch's."""

    def __init__(self, parameters, lr=1e-3, betas=(0.9, 0.99), weight_decay=0.0):
        super().__init__(parameters, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for parameter in group["params"]:
                momentum = self.state[parameter].setdefault("momentum", torch.zeros_like(parameter))
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                step = momentum.lerp(parameter.grad, 1 - group["betas"][0]).sign_()
                parameter.sub_(step, alpha=group["lr"])
                momentum.lerp_(parameter.grad, 1 - group["betas"][1])


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


def groups(named):
    """Biases in a group of their own, with another decay."""
    named = list(named)
    return [
        {"params": [p for name, p in named if not name.endswith("bias")], "weight_decay": DECAY},
        {"params": [p for name, p in named if name.endswith("bias")], "weight_decay": DECAY / 3},
    ]


def names_of(model: nn.Module) -> dict[torch.Tensor, str]:
    return {parameter: name for name, parameter in model.named_parameters()}


def some_offsets(scale: float = 0.3, seed: int = 2) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        name: scale * torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        for name, parameter in tied_model().named_parameters()
    }


def train(
    forward, optimizer, *, closure=None, clip=None, decay=None, scheduler=None, accumulate=1, averaged=False
):
    """Train, in a way that the options say, and leave the last weights, or their moving average."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    weights = nn.ParameterList(parameters)
    average = AveragedModel(weights, avg_fn=get_ema_avg_fn(0.9)) if averaged else None
    sign = -1 if optimizer.param_groups[0].get("maximize") else 1
    scheduler = None if scheduler is None else scheduler(optimizer)
    for step, (x, y) in enumerate(batches()):
        if decay is not None:
            optimizer.param_groups[0]["weight_decay"] = decay(step)

        def compute(x=x, y=y, step=step):
            if step % accumulate == 0:
                optimizer.zero_grad(set_to_none=False)
            loss = (forward(x) - y).square().mean()
            (sign * loss).backward()
            if clip is not None:
                nn.utils.clip_grad_norm_(parameters, clip)
            return loss

        if closure == "keyword":
            optimizer.step(closure=compute)
        elif closure == "positional":
            optimizer.step(compute)
        else:
            compute()
            if (step + 1) % accumulate == 0:
                optimizer.step()
        if scheduler is not None:
            scheduler.step()
        if average is not None:
            average.update_parameters(weights)
    if average is not None:
        torch._foreach_copy_([parameter.data for parameter in weights], list(average.module.parameters()))


def explicit(make, offsets, *, weights_only=False, around=None, **options) -> dict[str, torch.Tensor]:
    """Train theta for the loss at theta + theta_0 and return theta + theta_0."""
    model = tied_model()
    theta = {
        name: (parameter.detach() - offsets[name]).requires_grad_()
        for name, parameter in model.named_parameters()
    }

    def forward(x):
        return functional_call(model, {name: theta[name] + offsets[name] for name in theta}, (x,))

    optimizer = make(groups(theta.items())[: 1 if weights_only else 2])
    if around is not None:
        around(optimizer, theta)
    train(forward, optimizer, **options)
    return {name: (theta[name] + offsets[name]).detach() for name in theta}


def through_hooks(
    make, offsets, *, weights_only=False, metric=None, strength=1.0, excluded=(), **options
) -> dict[str, torch.Tensor]:
    model = tied_model()
    optimizer = make(groups(model.named_parameters())[: 1 if weights_only else 2])
    names = {parameter: name for parameter, name in names_of(model).items() if name not in excluded}
    hooks = OffsetDecay(optimizer, names, offsets.__getitem__, metric)
    hooks.strength = strength
    train(model, optimizer, **options)
    hooks.remove()
    return {name: parameter.detach() for name, parameter in model.named_parameters()}


def distance(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> float:
    return max(float((a[name] - b[name]).abs().max()) for name in a)


def assert_equals_explicit(make, **options) -> None:
    offsets = some_offsets()
    found = through_hooks(make, offsets, **options)
    assert distance(found, explicit(make, offsets, **options)) <= 1e-12
    # The offset has an effect that this tolerance would see.
    nothing = {name: torch.zeros_like(offset) for name, offset in offsets.items()}
    assert distance(found, explicit(make, nothing, **options)) > 1e-6
