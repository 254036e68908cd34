import copy

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from torch import nn
from torch.utils.data import DataLoader

from lightning_symmetry import (
    GroupGate,
    Hadamard,
    LowRank,
    add_symmetry,
    fold,
    undo,
)

from .added import CONFIGS, built, distance, perceptron, step


def test_a_checkpoint_of_another_shape_fails_as_usual():
    model = add_symmetry(perceptron(), Hadamard())
    state = perceptron().state_dict() | {"0.weight": torch.zeros(2, 2)}
    with pytest.raises(RuntimeError, match=r"Missing key.*0.weight_factors.factor0"):
        model.load_state_dict(state)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_compiles_to_one_graph(config):
    torch.compiler.reset()  # of what other tests have compiled, of which torch counts the versions
    model, x = built("perceptron")
    add_symmetry(model, config)
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    assert distance(compiled(x), model(x)) < 1e-12
    step(model, x)
    assert distance(compiled(x), model(x)) < 1e-12


def test_follows_the_precision_of_the_model():
    model, x = built("perceptron")
    weight = model[0].weight
    add_symmetry(model, LowRank()).float()
    undo(model)
    assert model[0].weight is weight
    assert weight.dtype == torch.float32
    assert model(x.float()).dtype == torch.float32


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_mixed_precision_sees_the_same_weight(config):
    model, x = built("perceptron", torch.float32)
    add_symmetry(model, {"*.weight": config})
    with torch.autocast("cpu", torch.bfloat16):
        computed = model[0].weight
        output = model(x)
        expected = fold(copy.deepcopy(model))(x)
    assert computed.dtype == torch.float32
    assert torch.equal(output, expected)


def test_sparse_embeddings_keep_sparse_gradients():
    model = add_symmetry(nn.Embedding(9, 4, sparse=True), Hadamard())
    model(torch.tensor([1, 2])).sum().backward()
    assert all(parameter.grad.layout == torch.sparse_coo for parameter in model.parameters())


def test_on_top_of_weight_norm():
    model, x = nn.utils.parametrizations.weight_norm(nn.Linear(4, 3)), torch.randn(2, 4)
    expected = model(x)
    add_symmetry(model, {"*original1": GroupGate()})
    assert distance(model(x), expected) < 1e-6
    assert distance(fold(model)(x), expected) < 1e-6


def test_nested_names_of_wrappers_are_those_of_the_plain_model():
    model = torch.compile(perceptron(), backend="eager")
    x = torch.randn(3, 5)
    expected = model(x)
    add_symmetry(model, {"0.weight": Hadamard()})
    assert distance(model(x), expected) < 1e-6
    step(model, x)
    assert torch.equal(model(x), fold(model)(x))


def test_a_resumed_run_is_the_same_run(quiet, tmp_path):
    class Regression(LightningModule):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.model = add_symmetry(perceptron(), {"0.*": Hadamard(), "2.weight": LowRank()})

        def training_step(self, batch, batch_idx):
            return self.model(batch).square().mean()

        def configure_optimizers(self):
            return torch.optim.AdamW(self.parameters(), lr=0.1, weight_decay=0.1)

    def run(steps, checkpoint=None):
        module, data = Regression(), torch.randn(4, 3, 5, generator=torch.Generator().manual_seed(0))
        trainer = Trainer(**quiet, max_epochs=steps)
        trainer.fit(module, DataLoader(data, batch_size=None), ckpt_path=checkpoint)
        trainer.save_checkpoint(tmp_path / f"{steps}.ckpt")
        return module

    run(1)
    resumed, whole = run(2, tmp_path / "1.ckpt"), run(2)
    assert len(list(whole.parameters())) == 7
    for a, b in zip(resumed.parameters(), whole.parameters(), strict=True):
        assert torch.equal(a, b)
