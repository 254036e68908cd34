"""Layer form against optimizer form, and what either does to units that begin equal."""

from functools import partial

import pytest
import torch
from torch import nn

from lightning_symmetry.surgery import OffsetDecay, Syre, remove_symmetry, syre_offset, undo

OPTIMIZERS = {
    "sgd": partial(torch.optim.SGD, lr=0.05, momentum=0.9, weight_decay=0.01),
    "adam": partial(torch.optim.Adam, lr=0.003, weight_decay=0.01),
    "adamw": partial(torch.optim.AdamW, lr=0.003, weight_decay=0.01),
}


def data(dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    """What one hidden unit can do, so that nothing but rounding pulls equal units apart."""
    x = torch.randn(64, 8, generator=torch.Generator().manual_seed(0))
    return x.to(dtype), x[:, :1].tanh().to(dtype)


def mlp(dtype: torch.dtype) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 1)).to(dtype)


def train(model: nn.Module, optimizer: torch.optim.Optimizer, steps: int) -> None:
    x, y = data(next(model.parameters()).dtype)
    for _ in range(steps):
        optimizer.zero_grad()
        (model(x) - y).square().mean().backward()
        optimizer.step()


def trained(name: str, form: str, config: Syre, steps: int = 300) -> dict[str, torch.Tensor]:
    model = mlp(torch.float64)
    if form == "layer":
        remove_symmetry(model, config)
    optimizer = OPTIMIZERS[name](model.parameters())
    if form == "optimizer":
        names = {parameter: name for name, parameter in model.named_parameters()}
        OffsetDecay(optimizer, names, partial(syre_offset, model, config=config))
    train(model, optimizer, steps)
    if form == "layer":
        undo(model)
    return {name: parameter.detach() for name, parameter in model.named_parameters()}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_layer_form_equals_optimizer_form(name):
    config = Syre(std=0.5)
    layer, optimizer, without = (trained(name, form, config) for form in ("layer", "optimizer", "none"))
    assert max(float((layer[key] - optimizer[key]).abs().max()) for key in layer) <= 1e-12
    # The offset has an effect that this tolerance would see.
    assert max(float((layer[key] - without[key]).abs().max()) for key in layer) > 1e-4


def spread(optimizer: str, config: Syre | None, weight_decay: float) -> float:
    """Train 32 hidden units that begin equal, return their relative distance from their mean."""
    model = mlp(torch.float32)
    with torch.no_grad():
        model[0].weight.copy_(model[0].weight[:1].clone())
        model[0].bias.fill_(0.1)
        model[2].weight.fill_(0.1)
    if config is not None:
        remove_symmetry(model, config)
    train(model, OPTIMIZERS[optimizer](model.parameters(), weight_decay=weight_decay), 500)
    units = torch.cat([model[0].weight, model[0].bias[:, None], model[2].weight.T], 1).detach()
    return float((units - units.mean(0)).norm() / units.norm())


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_equal_units_stay_equal_without_and_separate_with_it(optimizer):
    assert spread(optimizer, None, weight_decay=0.1) <= 1e-6
    separated = spread(optimizer, Syre(), weight_decay=0.1)
    assert separated > 0.01
    # Rounding while the offset is put in makes units unequal too. It is the decay that separates them.
    assert separated > 100 * spread(optimizer, Syre(), weight_decay=0.0)
