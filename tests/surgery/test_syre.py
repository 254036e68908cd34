import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn

from lightning_symmetry.surgery import (
    OffsetDecay,
    Syre,
    initial_std,
    remove_symmetry,
    syre_metric,
    syre_offset,
)


@pytest.mark.parametrize("std", [0, 0.0, -1.0, float("nan"), float("inf"), True, "0.1"])
def test_std_is_checked(std):
    with pytest.raises(ValueError, match=f"`std` must be a finite number above 0, found {std!r}"):
        Syre(std=std)


def test_units_are_checked():
    with pytest.raises(ValueError, match=r"`units` must be one of \('init', 'absolute'\), found 'fan_in'"):
        Syre(units="fan_in")


def test_absolute_units_have_no_default():
    with pytest.raises(ValueError, match="`std` must be given in absolute units, found None"):
        Syre(units="absolute")


@pytest.mark.parametrize("spread", [-0.1, 0.58, float("nan"), True, None])
def test_spread_is_checked(spread):
    with pytest.raises(ValueError, match=rf"`spread` must be a number from 0 .* found {spread}"):
        Syre(spread=spread)


@pytest.mark.parametrize(
    ("make", "options", "std"),
    [
        (torch.optim.SGD, {}, 0.01),
        (torch.optim.Adam, {}, 0.01),
        (torch.optim.AdamW, {}, 0.1),
        (torch.optim.Adafactor, {}, 0.1),
        (torch.optim.NAdam, {"decoupled_weight_decay": True}, 0.1),
    ],
)
def test_open_size_depends_on_the_decay_of_the_optimizer(make, options, std):
    model = nn.Linear(3, 2)
    optimizer = make(model.parameters(), **options)
    sized = Syre(seed=4).sized(optimizer)
    assert sized == Syre(std=std, seed=4)
    assert Syre(std=0.07).sized(optimizer) == Syre(std=0.07)
    expected = syre_offset(model, "weight", Syre(std=0.01, seed=4))
    assert torch.equal(syre_offset(model, "weight", Syre(seed=4)), expected)


def test_metric_has_the_configured_spread_and_different_entries_that_leave_it_positive():
    model = nn.Linear(400, 300)
    metric = syre_metric(model, "weight", Syre(spread=0.5)).double()
    # 120,000 draws of a uniform distribution.
    assert float(metric.std()) == pytest.approx(0.5, rel=0.01)
    assert abs(float(metric.mean())) < 0.01
    assert float(metric.abs().max()) <= 0.5 * 3**0.5
    assert len(metric.unique()) > 0.99 * metric.numel()
    offset = syre_offset(model, "weight", Syre(std=1.0)).double()
    assert abs(float(torch.corrcoef(torch.stack([metric.flatten(), offset.flatten()]))[0, 1])) < 0.02
    assert torch.equal(syre_metric(model, "weight", Syre()), torch.zeros(300, 400))


def test_spread_is_refused_in_layers():
    model = nn.Linear(3, 2)
    with pytest.raises(
        ValueError, match=r"`spread` must be 0 in layers, .* found 0\.1; use `RemoveSymmetry`"
    ):
        remove_symmetry(model, Syre(spread=0.1))
    assert type(model) is nn.Linear


@pytest.mark.parametrize("seed", [-1, 0.5, True, "0"])
def test_seed_is_checked(seed):
    with pytest.raises(ValueError, match=f"`seed` must be an integer of at least 0, found {seed!r}"):
        Syre(seed=seed)


def test_config_is_frozen():
    with pytest.raises(AttributeError):
        Syre().std = 1.0


def test_initial_std_by_kind_of_parameter():
    model = nn.ModuleDict(
        {
            "linear": nn.Linear(16, 3),
            "grouped": nn.Conv2d(8, 4, (3, 1), groups=2),
            "norm": nn.LayerNorm(7),
            "embedding": nn.Embedding(100, 25),
            "recurrent": nn.LSTM(4, 9),
            "attention": nn.MultiheadAttention(64, 2),
        }
    )
    model.register_parameter("alone", nn.Parameter(torch.zeros(5)))
    variances = {name: round(initial_std(model, name) ** -2, 6) for name, _ in model.named_parameters()}
    assert variances == {
        "alone": 1,
        "linear.weight": 16,
        "linear.bias": 16,
        "grouped.weight": 12,
        "grouped.bias": 12,
        "norm.weight": 1,
        "norm.bias": 1,
        "embedding.weight": 25,
        "recurrent.weight_ih_l0": 4,
        "recurrent.weight_hh_l0": 9,
        "recurrent.bias_ih_l0": 4,
        "recurrent.bias_hh_l0": 9,
        "attention.in_proj_weight": 64,
        "attention.in_proj_bias": 64,
        "attention.out_proj.weight": 64,
        "attention.out_proj.bias": 64,
    }


@pytest.mark.parametrize(
    ("config", "std"), [(Syre(0.05), 0.05 / 20), (Syre(0.05, units="absolute"), 0.05), (Syre(2), 0.1)]
)
def test_offset_has_the_configured_scale(config, std):
    offset = syre_offset(nn.Linear(400, 300), "weight", config)
    # 120,000 draws: the sample deviation is within 1 % with a margin of five standard errors.
    assert abs(float(offset.std()) / std - 1) < 0.01
    assert abs(float(offset.mean())) < 0.02 * std


def test_offsets_differ_by_name_and_seed():
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    a = syre_offset(model, "0.weight", Syre())
    assert not torch.equal(a, syre_offset(model, "1.weight", Syre()))
    assert not torch.equal(a, syre_offset(model, "0.weight", Syre(seed=1)))


def test_offset_is_the_same_in_every_precision_and_under_wrappers():
    model = nn.Sequential(nn.Linear(7, 5))
    offset = syre_offset(model, "0.weight", Syre())
    assert torch.equal(syre_offset(model.double(), "0.weight", Syre()), offset.double())
    compiled = torch.compile(model.float(), backend="eager")
    assert torch.equal(syre_offset(compiled, "_orig_mod.0.weight", Syre()), offset)


def test_offset_is_the_same_in_a_fresh_process():
    code = (
        "import torch; from lightning_symmetry.surgery import Syre, syre_offset\n"
        "torch.manual_seed(99); model = torch.nn.Sequential(torch.nn.Linear(7, 5))\n"
        "print([value.hex() for value in syre_offset(model, '0.weight', Syre(seed=3)).flatten().tolist()])"
    )
    fresh = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONHASHSEED": "7"},
    )
    offset = syre_offset(nn.Sequential(nn.Linear(7, 5)), "0.weight", Syre(seed=3))
    assert fresh.stdout.strip() == str([value.hex() for value in offset.flatten().tolist()])


def test_offset_is_the_same_in_every_release():
    # Runs resume with the offset they began with, so these numbers must never change.
    offset = syre_offset(nn.Linear(4, 1), "weight", Syre(std=2.0, seed=5))
    expected = torch.tensor([[-0.743421, 0.763072, -0.4673, 0.982385]])
    torch.testing.assert_close(offset, expected, rtol=0, atol=1e-6)


SHARDED = """
import sys
from functools import partial
import torch
from torch import nn
from torch.distributed import destroy_process_group, init_process_group
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import Shard, distribute_tensor
from lightning_symmetry.surgery import OffsetDecay, Syre, syre_offset

def step(model):
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.5, weight_decay=0.5)
    names = {parameter: name for name, parameter in model.named_parameters()}
    OffsetDecay(optimizer, names, partial(syre_offset, model, config=Syre()))
    optimizer.step()
    return model

init_process_group("gloo", init_method="file://" + sys.argv[1], rank=int(sys.argv[2]), world_size=2)
mesh = init_device_mesh("cpu", (2,))
torch.manual_seed(0)
model = nn.Linear(4, 5)
sharded = nn.Linear(4, 5)
for name, parameter in model.named_parameters():
    shards = distribute_tensor(parameter.detach().clone(), mesh, [Shard(0)])
    sharded.register_parameter(name, nn.Parameter(shards))
before = model.weight.detach().clone()
step(model), step(sharded)
assert not torch.equal(model.weight, 0.75 * before)
for name, parameter in sharded.named_parameters():
    torch.testing.assert_close(parameter.full_tensor(), model.get_parameter(name), rtol=0, atol=0)
destroy_process_group()
"""


def test_sharded_parameters_get_their_shard_of_the_offset(tmp_path):
    command = [sys.executable, "-c", SHARDED, str(tmp_path / "store")]
    ranks = [
        subprocess.Popen(
            [*command, str(rank)], cwd=Path(__file__).parents[2], stderr=subprocess.PIPE, text=True
        )
        for rank in range(2)
    ]
    errors = [rank.communicate(timeout=120)[1] for rank in ranks]
    assert [rank.returncode for rank in ranks] == [0, 0], errors


def test_global_random_state_is_untouched():
    before = torch.random.get_rng_state()
    syre_offset(nn.utils.skip_init(nn.Linear, 7, 5), "weight", Syre())
    assert torch.equal(torch.random.get_rng_state(), before)


def spread_after_training(config: Syre | None) -> float:
    """Train 32 hidden units that begin equal, return their relative distance from their mean."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(64, 8, generator=generator)
    y = x[:, :1] * x[:, 1:2] + x[:, 2:3].sin()
    model = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 1))
    with torch.no_grad():
        first = torch.randn(8, generator=generator) / 8**0.5
        model[0].weight.copy_(first)
        model[0].bias.fill_(0.1)
        model[2].weight.fill_(0.1)
        model[2].bias.zero_()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=0.01)
    if config is not None:
        names = {parameter: name for name, parameter in model.named_parameters()}
        OffsetDecay(optimizer, names, partial(syre_offset, model, config=config))
    for _ in range(1000):
        optimizer.zero_grad()
        (model(x) - y).square().mean().backward()
        optimizer.step()
    units = torch.cat([model[0].weight, model[0].bias[:, None], model[2].weight.T], 1).detach()
    return float((units - units.mean(0)).norm() / units.norm())


def test_equal_units_stay_equal_without_and_separate_with_it():
    assert spread_after_training(None) < 1e-6
    assert spread_after_training(Syre()) > 0.1
