"""What is put into a model comes out again, exactly."""

import copy
import pickle

import pytest
import torch
from torch import nn

from lightning_symmetry import (
    ActivationAsymmetry,
    fold,
    remove_symmetry,
    undo,
)
from lightning_symmetry.layers import AsymmetricActivation

from .steered import CASES, CONFIGS, FOLDABLE, MODELS, batch, mlp, output


def one_step(model: nn.Module, x: torch.Tensor) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=0.1)
    output(model, x).square().mean().backward()
    optimizer.step()


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_undo_gives_the_very_same_objects_in_order(name, kind):
    model, plain = MODELS[name][0](), MODELS[name][0]()
    parameters, modules = list(model.named_parameters()), list(model.named_modules())
    assert remove_symmetry(model, CONFIGS[kind]) is model
    steered = output(model.eval(), batch(name))
    if kind == "syre":
        torch.testing.assert_close(steered, output(plain.eval(), batch(name)), rtol=1e-5, atol=1e-6)
    else:
        assert (steered - output(plain.eval(), batch(name))).abs().max() > 1e-3
    undo(model)
    for found, expected in ((model.named_parameters(), parameters), (model.named_modules(), modules)):
        assert all(a == b and x is y for (a, x), (b, y) in zip(found, expected, strict=True))
    assert [type(module) for module in model.modules()] == [type(module) for module in plain.modules()]
    for (_, found), expected in zip(model.named_parameters(), plain.parameters(), strict=True):
        # The offset is subtracted and added again: one rounding each.
        tolerance = {"rtol": 1e-6, "atol": 1e-7} if kind == "syre" else {"rtol": 0, "atol": 0}
        torch.testing.assert_close(found, expected, **tolerance)
    pickle.loads(pickle.dumps(model))


@pytest.mark.parametrize(("name", "kind"), FOLDABLE)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_fold_keeps_the_outputs_and_the_plain_checkpoint_loads(name, kind, dtype):
    model = MODELS[name][0]().to(dtype)
    remove_symmetry(model, CONFIGS[kind])
    one_step(model, batch(name))
    expected = output(model.eval(), batch(name))
    fold(model)
    assert torch.equal(output(model, batch(name)), expected)
    plain = MODELS[name][0]().to(dtype).eval()
    plain.load_state_dict(model.state_dict())
    assert torch.equal(output(plain, batch(name)), expected)


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_checkpoints_load_strictly_and_plain_ones_too(name, kind):
    model = remove_symmetry(MODELS[name][0](), CONFIGS[kind])
    one_step(model, batch(name))
    fresh = remove_symmetry(MODELS[name][0](), CONFIGS[kind])
    fresh.load_state_dict(model.state_dict())
    assert torch.equal(output(fresh.eval(), batch(name)), output(model.eval(), batch(name)))

    plain = MODELS[name][0]()
    one_step(plain, batch(name))
    fresh.load_state_dict(plain.state_dict())
    expected = output(remove_symmetry(plain, CONFIGS[kind]).eval(), batch(name))
    torch.testing.assert_close(output(fresh.eval(), batch(name)), expected, rtol=0, atol=0)


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_a_copy_is_a_model_of_its_own(name, kind):
    model = remove_symmetry(MODELS[name][0](), CONFIGS[kind])
    expected = output(model.eval(), batch(name))
    copied = copy.deepcopy(model)
    assert torch.equal(output(copied, batch(name)), expected)
    undo(copied)
    assert torch.equal(output(model, batch(name)), expected)
    undo(model)


@pytest.mark.parametrize(("name", "kind"), [case for case in CASES if case[0] == "mlp"])
def test_one_graph_under_compile(name, kind):
    model = remove_symmetry(MODELS[name][0](), CONFIGS[kind])
    # What other tests compiled counts towards the same limits.
    torch.compiler.reset()
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(batch(name)), model(batch(name)))


def test_activations_are_not_folded():
    model = remove_symmetry(mlp(), ActivationAsymmetry())
    with pytest.raises(
        ValueError, match=r"found `1`, an activation x·sigmoid\(Cx\) that no plain one equals"
    ):
        fold(model)
    assert isinstance(model[1], AsymmetricActivation)


@pytest.mark.parametrize("take_back", [undo, fold])
def test_a_plain_model_has_nothing_to_take_back(take_back):
    with pytest.raises(
        ValueError, match="`model` must have an added symmetry, found none, nor a removed one"
    ):
        take_back(mlp())
