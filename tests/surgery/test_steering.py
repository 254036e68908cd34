"""What holds of every steered model, whether its symmetries are added or removed."""

import copy
import pickle

import pytest
import torch

from lightning_symmetry import AttentionBias, Hadamard, Syre, add_symmetry, fold, remove_symmetry, undo
from lightning_symmetry.surgery import plain_state_dict

from .added import MODELS, built, distance, step
from .steering import STEERINGS, steer

every_model = pytest.mark.parametrize("name", MODELS)
every_steering = pytest.mark.parametrize("steering", STEERINGS)


def trained(name, steering):
    model, x = built(name)
    steer(model, steering)
    step(model, x)
    return model.eval(), x


@every_model
@every_steering
def test_a_run_is_resumed_strictly_and_exactly(name, steering):
    model, _ = trained(name, steering)
    fresh = steer(built(name)[0], steering)
    fresh.load_state_dict(model.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(fresh.parameters(), model.parameters(), strict=True))
    x = built(name)[1]
    assert torch.equal(fresh.eval()(x), model(x))


@every_model
@every_steering
def test_plain_checkpoints_load_and_come_back(name, steering):
    model, x = trained(name, steering)
    expected = model(x)
    before = copy.deepcopy(model.state_dict())
    plain = plain_state_dict(model)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())

    other = built(name)[0].eval()
    assert list(plain) == list(other.state_dict())
    other.load_state_dict(plain)
    assert distance(other(x), expected) < 1e-12
    folded = fold(copy.deepcopy(model)).state_dict()
    assert all(torch.equal(value, folded[key]) for key, value in plain.items())

    fresh = steer(built(name)[0], steering).eval()
    fresh.load_state_dict(plain)
    assert distance(fresh(x), expected) < 1e-12
    assert list(fresh.state_dict()) == list(before)


@every_model
@every_steering
def test_pickles_and_copies_train_on_their_own(name, steering):
    model, x = trained(name, steering)
    expected = model(x).detach()
    names = [name for name, _ in built(name)[0].named_parameters()]
    for twin in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert torch.equal(twin(x), expected)
        step(twin, x)
        assert distance(twin(x), expected) > 1e-6
        assert torch.equal(model(x), expected)
        assert [name for name, _ in fold(twin).named_parameters()] == names
    undo(model)


@every_model
@pytest.mark.parametrize("steering", ["syre", "hadamard"])
def test_compiles_to_one_graph(name, steering):
    model, x = built(name)
    steer(model.eval(), steering)
    torch.compiler.reset()  # of what other tests have compiled, of which torch counts the versions
    with torch._dynamo.config.patch(allow_rnn=True):
        compiled = torch.compile(model, fullgraph=True, backend="eager")
        torch.testing.assert_close(compiled(x), model(x), rtol=1e-12, atol=1e-12)


def test_a_state_dict_of_another_moment_is_made_plain():
    model, x = built("decoder")
    steer(model, "hadamard")
    state = copy.deepcopy(model.state_dict())
    expected = copy.deepcopy(plain_state_dict(model))
    step(model, x)
    found = plain_state_dict(model, state)
    assert all(torch.equal(found[key], value) for key, value in expected.items())
    assert found["head.weight"] is found["embedding.weight"]
    assert plain_state_dict(built("decoder")[0]).keys() == found.keys()


def test_a_state_dict_of_something_else_is_refused():
    model = steer(built("perceptron")[0], "hadamard")
    with pytest.raises(ValueError, match=r"of a model steered like `model`, found no 0.weight_factors"):
        plain_state_dict(model, built("perceptron")[0].state_dict())
    other = steer(built("perceptron")[0], "low rank").state_dict()
    with pytest.raises(ValueError, match=r"found no 0.weight_factors.factor0, 0.weight_factors.factor1$"):
        plain_state_dict(model, other)


def test_both_kinds_on_one_model():
    model, x = built("recurrent")
    expected = model(x)
    remove_symmetry(
        add_symmetry(model, {"lstm.weight*": Hadamard()}), {"*bias*": Syre(std=0.1), "cell.*": Syre()}
    )
    assert distance(model(x), expected) < 1e-12
    step(model, x)
    plain = plain_state_dict(model)
    assert list(plain) == list(built("recurrent")[0].state_dict())
    assert torch.equal(pickle.loads(pickle.dumps(model))(x), model(x))
    assert distance(fold(copy.deepcopy(model))(x), model(x)) < 1e-12
    types = [type(module) for module in built("recurrent")[0].modules()]
    assert [type(module) for module in undo(model).modules()] == types


@pytest.mark.parametrize("assign", [False, True])
@every_steering
def test_checkpoints_may_be_assigned(assign, steering):
    model, x = trained("recurrent", steering)
    fresh = steer(built("recurrent")[0], steering).eval()
    fresh.load_state_dict(model.state_dict(), assign=assign)
    assert torch.equal(fresh(x), model(x))


def test_functional_calls_reach_what_is_stored():
    model, x = built("recurrent")
    remove_symmetry(model, Syre(std=0.1))
    doubled = {name: 2 * parameter for name, parameter in model.named_parameters()}
    called = torch.func.functional_call(model, doubled, x)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(2)
    assert torch.equal(model(x), called)


def test_the_plain_weight_of_attention_is_that_of_evaluation():
    model, x = built("vision")
    remove_symmetry(model, AttentionBias(redraw=True))
    model(x), model(x)
    plain = plain_state_dict(model)
    assert not any("step" in key for key in plain)
    other = built("vision")[0].eval()
    other.load_state_dict(plain)
    assert distance(other(x), model.eval()(x)) < 1e-12
