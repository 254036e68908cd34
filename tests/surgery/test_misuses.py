"""What changes of a model commonly get wrong, once each.

Two more have files of their own: what cannot be steered is refused with the reason (``test_add_refusals``,
``test_remove_symmetry_choice``, ``test_untrained``), and an offset without weight decay does nothing
(``test_remove_symmetry_training``).
"""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import WeightAveraging
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader

from lightning_symmetry import (
    AttentionBias,
    GroupGate,
    Hadamard,
    Mirror,
    Syre,
    WeightAsymmetry,
    add_symmetry,
    fold,
    remove_symmetry,
)
from lightning_symmetry.surgery import syre_offset

from .added import built, distance, perceptron, step
from .steered import CASES, removed
from .steering import STEERINGS, steer

every_steering = pytest.mark.parametrize("steering", STEERINGS)

DRAWS = """
import torch
from torch import nn
from lightning_symmetry import ActivationAsymmetry, AttentionBias, Hadamard, Syre, WeightAsymmetry
from lightning_symmetry import add_symmetry, remove_symmetry
def drawn():
    layers = {"up": nn.Linear(4, 3), "act": nn.ReLU(), "attention": nn.MultiheadAttention(4, 2)}
    model = nn.ModuleDict({**layers, "lstm": nn.LSTM(4, 3), "factors": nn.Linear(2, 2)})
    nn.init.ones_(model["factors"].weight)
    configs = {"up.weight": WeightAsymmetry(fixed=1, seed=3), "act": ActivationAsymmetry()}
    remove_symmetry(model, {**configs, "attention": AttentionBias(redraw=False), "lstm.*": Syre()})
    add_symmetry(model, {"factors.weight": Hadamard()})
    values = [*model["up"].buffers(), model["act"].mixing, *model["lstm"].buffers()]
    values = [*values, model["attention"].in_proj_bias[[0, 1]], *model["factors"].weight_factors.parameters()]
    return [value.hex() for tensor in values for value in tensor.flatten().tolist()]
"""


def test_draws_do_not_depend_on_the_salt_of_a_process():
    fresh = subprocess.run(
        [sys.executable, "-c", f"{DRAWS}\ntorch.manual_seed(99)\nprint(drawn())"],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONHASHSEED": "7"},
    )
    space: dict = {}
    exec(DRAWS, space)
    assert fresh.stdout.strip() == str(space["drawn"]())


@every_steering
def test_a_forward_pass_writes_into_no_weight(steering):
    model, x = built("recurrent")
    steer(model, steering)
    tensors = [*model.parameters(), *model.buffers()]
    before = [(tensor._version, tensor.data_ptr(), tensor.detach().clone()) for tensor in tensors]
    model(x).sum().backward()
    for tensor, (version, place, value) in zip(tensors, before, strict=True):
        assert (tensor._version, tensor.data_ptr()) == (version, place) and torch.equal(tensor, value)


@every_steering
def test_checkpoints_hold_nothing_but_tensors_and_load_safely(steering):
    model = steer(built("perceptron")[0], steering)
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    state = torch.load(file, weights_only=True)
    assert all(isinstance(value, torch.Tensor) for value in state.values())
    model.load_state_dict(state)


@pytest.mark.parametrize(
    ("function", "written", "present"),
    [
        (remove_symmetry, Syre(), Syre(seed=1)),
        (remove_symmetry, Syre(std=0.1), Syre(std=0.2)),
        (remove_symmetry, WeightAsymmetry(fixed=1), Syre()),
        (add_symmetry, Mirror(indices=[[0, 1]]), Mirror(indices=[[0, 2]])),
        (add_symmetry, Mirror(torch.eye(6), dim=0), Mirror(torch.diag(torch.tensor([1.0] * 5 + [0])), dim=0)),
    ],
)
def test_what_is_not_in_a_checkpoint_is_compared_with_it(function, written, present):
    # Draws and constants are made again: those of another config would give another function, silently.
    model, other = (
        function(perceptron(), {"0.weight": written}),
        function(perceptron(), {"0.weight": present}),
    )
    before = other[0].weight.detach().clone()
    with pytest.raises(RuntimeError, match=r"parameter `0.weight` must have been steered by .*, found .* in"):
        other.load_state_dict(model.state_dict())
    assert torch.equal(other[0].weight, before)


def test_an_offset_drawn_for_another_name_is_not_taken_for_this_one():
    model = remove_symmetry(nn.ModuleDict({"model": nn.Linear(3, 2)}), Syre())
    state = {key.removeprefix("model."): value for key, value in model.state_dict().items()}
    with pytest.raises(RuntimeError, match=r"by Syre\(.*\) of weight, found Syre\(.*\) of model.weight in"):
        remove_symmetry(nn.Linear(3, 2), Syre()).load_state_dict(state)


@every_steering
def test_a_plain_model_does_not_take_the_checkpoint_of_a_steered_one(steering):
    with pytest.raises(RuntimeError, match=r"Unexpected key.*0.weight_(asymmetry|factors)._extra_state"):
        perceptron().load_state_dict(steer(perceptron(), steering).state_dict())


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_averages_of_weights_keep_what_is_frozen(name, kind):
    model, _ = removed(name, kind)
    averages = [
        AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9), use_buffers=True),
        AveragedModel(model, use_buffers=True),
    ]
    for average in averages:
        for _ in range(3):
            average.update_parameters(model)
        frozen = [
            (buffer, averaged)
            for (key, buffer), averaged in zip(model.named_buffers(), average.module.buffers(), strict=True)
            if key.endswith((".offset", ".trained", ".frozen", ".mixing", ".mean", ".unlearned"))
        ]
        assert frozen and all(torch.equal(buffer, averaged) for buffer, averaged in frozen)


def test_an_average_that_rounds_is_made_exact_by_its_checkpoint():
    model = remove_symmetry(perceptron(), Syre(std=0.1))
    average = AveragedModel(model, avg_fn=lambda a, b, _: 0.9 * a + 0.1 * b, use_buffers=True)
    for _ in range(200):
        average.update_parameters(model)
    offsets = [value for name, value in model.named_buffers() if name.endswith("offset")]
    drifted = [value for name, value in average.module.named_buffers() if name.endswith("offset")]
    drift = max(float(((a - b) / b).abs().max()) for a, b in zip(drifted, offsets, strict=True))
    assert 0 < drift < 1e-6
    fresh = remove_symmetry(perceptron(), Syre(std=0.1))
    fresh.load_state_dict(average.module.state_dict())
    drawn = [value for name, value in fresh.named_buffers() if name.endswith("offset")]
    assert all(torch.equal(a, b) for a, b in zip(drawn, offsets, strict=True))


@every_steering
def test_weight_averaging_of_lightning_averages_what_is_trained(steering, quiet):
    class Regression(LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model = steer(built("perceptron", torch.float32)[0], steering)

        def training_step(self, batch, batch_idx):
            return self.model(batch).square().mean()

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.1, weight_decay=0.1)

    module, data = Regression(), torch.randn(4, 3, 5, generator=torch.Generator().manual_seed(0))
    before = [buffer.clone() for buffer in module.buffers()]
    start = [parameter.detach().clone() for parameter in module.parameters()]
    trainer = Trainer(
        **quiet, max_epochs=1, callbacks=[WeightAveraging(multi_avg_fn=get_ema_multi_avg_fn(0.5))]
    )
    trainer.fit(module, DataLoader(data, batch_size=None))
    assert all(torch.equal(a, b) for a, b in zip(module.buffers(), before, strict=True))
    assert all(distance(a, b) > 0 for a, b in zip(module.parameters(), start, strict=True))
    expected = module.model(data[0])
    assert distance(fold(module).model(data[0]), expected) < 1e-6


def test_weight_averaging_averages_the_factors():
    model, x = built("perceptron")
    add_symmetry(model, {"0.weight": GroupGate()})
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.5), use_buffers=True)
    average.update_parameters(model)
    before = model[0].weight_factors.gate1.detach().clone()
    step(model, x)
    average.update_parameters(model)
    after = model[0].weight_factors.gate1.detach()
    torch.testing.assert_close(average.module[0].weight_factors.gate1.detach(), (before + after) / 2)
    torch.testing.assert_close(fold(average.module)(x), average(x))


@pytest.mark.parametrize("config", [Syre(std=0.1), WeightAsymmetry(fixed=1)])
def test_an_optimizer_that_is_there_already_keeps_its_parameters(config):
    model, x = built("recurrent")
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=0.01)
    step(model, x, optimizer)
    remove_symmetry(model, config)
    held = {parameter for group in optimizer.param_groups for parameter in group["params"]}
    assert held == set(model.parameters())
    before = model(x).detach()
    step(model, x, optimizer)
    assert distance(model(x), before) > 1e-4


def test_the_optimizer_form_draws_for_what_layers_store():
    model = remove_symmetry(perceptron(), Syre(std=0.1))
    for name, parameter in model.named_parameters():
        offset = syre_offset(model, name, Syre(std=0.1))
        assert offset.shape == parameter.shape
        assert torch.equal(offset, syre_offset(perceptron(), name, Syre(std=0.1)))


@pytest.mark.parametrize("again", ["syre", "weight asymmetry"])
@pytest.mark.parametrize("first", ["syre", "weight asymmetry"])
def test_removing_twice_is_an_error(first, again):
    model = steer(perceptron(), first)
    with pytest.raises(ValueError, match=r"parameter `0.weight` must not be steered already, found that"):
        steer(model, again)


def test_adding_twice_is_an_error():
    model = add_symmetry(perceptron(), {"0.weight": Hadamard()})
    with pytest.raises(RuntimeError, match="`model` must not have an added symmetry already"):
        add_symmetry(model, {"2.weight": Hadamard()})


@every_steering
def test_a_pattern_that_matches_nothing_is_an_error(steering):
    function, config = STEERINGS[steering]
    with pytest.raises(ValueError, match=r"found none for 'layers.\*': .* among 0.weight, 0.bias, 2.weight"):
        function(perceptron(), {"layers.*": config, "*.weight": config})


@every_steering
def test_tied_weights_are_steered_once(steering):
    model, x = built("decoder")
    weight = model.head.weight
    steer(model, steering)
    (child,) = [name for name, _ in model.head.named_children()]
    assert getattr(model.head, child) is getattr(model.embedding, child)
    assert torch.equal(model.head.weight, model.embedding.weight)
    assert sum(name.startswith(("head.", "embedding.")) for name, _ in model.named_parameters()) <= 2
    step(model, x)
    assert torch.equal(model.head.weight, model.embedding.weight)
    fold(model)
    assert model.head.weight is model.embedding.weight is weight


@pytest.mark.parametrize("shared", [1, 2])
def test_thirds_of_a_projection_with_fewer_keys_than_queries_are_refused(shared):
    # Queries, keys and values of 4 heads in one projection, of which some share a key.
    model = nn.ModuleDict({"qkv": nn.Linear(8, 8 + 2 * shared * 2)})
    with pytest.raises(ValueError, match="`part` must say what the bias of `qkv` belongs to"):
        remove_symmetry(model, {"qkv": AttentionBias()})


def test_gates_of_heads_do_not_cross_heads():
    model = nn.MultiheadAttention(8, 2, batch_first=True).double()
    add_symmetry(model, {"in_proj_weight": GroupGate(size=4)})
    with torch.no_grad():
        model.in_proj_weight_factors.gate1[4] = 0
    # The fifth group of four rows is the first head's values, and nothing else.
    zero = (model.in_proj_weight == 0).all(1)
    assert zero.tolist() == [False] * 16 + [True] * 4 + [False] * 4
