"""What acting on parameters does, checked without the package's own proofs."""

import copy
import json

import pytest
import torch
from torch import nn

from lightning_symmetry.discovery import Symmetries, find_symmetries

from . import test_convolution, test_dense, test_normalisation, test_products
from .claims import run, without_eps

CASES = {
    **test_dense.CASES,
    **test_products.CASES,
    **test_convolution.CASES,
    **test_normalisation.CASES,
}
RANDOM = {"dropout", "vae", "vae, reconstruction alone", "vae, training loss"}
FIXED = {name: case for name, case in CASES.items() if name not in RANDOM}
# in evaluation, running statistics have to move along
TRAINED = {name: case for name, case in FIXED.items() if "evaluation" not in name}


@pytest.mark.parametrize("case", TRAINED.values(), ids=TRAINED)
def test_a_transformed_model_computes_the_same(case):
    model, inputs = without_eps(case.model()), case.data(case.batch)
    params = {name: p.detach() for name, p in model.named_parameters()}
    moved = case.find(model).transform(params, torch.Generator().manual_seed(3))
    before, after = run(model, params, *inputs), run(model, moved, *inputs)
    assert len(before) == len(after) > 0
    for one, other in zip(before, after, strict=True):
        torch.testing.assert_close(other, one, rtol=1e-9, atol=1e-9 * float(one.abs().max()))


def test_running_statistics_move_along_in_evaluation():
    case = FIXED["batch norm in evaluation"]
    model, inputs = without_eps(case.model()), case.data(case.batch)
    state = model.state_dict()
    moved = case.find(model).transform(state, torch.Generator().manual_seed(3))
    assert not torch.equal(moved["1.running_mean"], state["1.running_mean"])
    assert not torch.equal(moved["1.running_var"], state["1.running_var"])
    (before,), (after,) = run(model, state, *inputs), run(model, moved, *inputs)
    torch.testing.assert_close(after, before, rtol=1e-9, atol=1e-9)


def test_a_model_loaded_with_transformed_weights_computes_the_same():
    case = FIXED["relu"]
    model, (x,) = case.model(), case.data(7)
    twin = copy.deepcopy(model)
    twin.load_state_dict(case.find(model).transform(model.state_dict()))
    assert not torch.equal(twin[0].weight, model[0].weight)
    torch.testing.assert_close(twin(x), model(x), rtol=1e-9, atol=1e-9)


def test_generators_of_a_rectified_unit_are_those_of_the_textbook():
    case = FIXED["leaky relu"]
    model = case.model()
    w, b, v, c = (p.detach() for p in model.parameters())
    rows = []
    for i in range(5):
        dw, db, dv = torch.zeros_like(w), torch.zeros_like(b), torch.zeros_like(v)
        dw[i], db[i], dv[:, i] = w[i], b[i], -v[:, i]
        rows.append(torch.cat([dw.flatten(), db, dv.flatten(), torch.zeros_like(c)]))
    generators = case.find(model).generators(dict(model.named_parameters()))
    torch.testing.assert_close(generators, torch.stack(rows))


def test_generators_of_a_linear_pair_are_those_of_the_textbook():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 3, bias=False), nn.Linear(3, 2, bias=False)).double()
    w, v = (p.detach() for p in model.parameters())
    rows = []
    for i in range(3):
        for j in range(3):
            g = torch.zeros(3, 3, dtype=torch.float64)
            g[i, j] = 1
            rows.append(torch.cat([(g @ w).flatten(), (-v @ g).flatten()]))
    symmetries = find_symmetries(model, torch.zeros(1, 4, dtype=torch.float64))
    torch.testing.assert_close(symmetries.generators(dict(model.named_parameters())), torch.stack(rows))


def test_generators_of_two_biases_are_those_of_the_textbook():
    case = FIXED["linear-linear-relu"]
    model = case.model()
    params = dict(model.named_parameters())
    shifts = Symmetries([s for s in case.find(model) if s.group == "translation"])
    parts = dict(
        zip(params, shifts.generators(params).split([p.numel() for p in params.values()], 1), strict=True)
    )
    torch.testing.assert_close(parts["0.bias"], torch.eye(3, dtype=torch.float64))
    torch.testing.assert_close(parts["1.bias"], -params["1.weight"].detach().T)
    assert all(part.count_nonzero() == 0 for name, part in parts.items() if name not in ("0.bias", "1.bias"))


@pytest.mark.parametrize("case", FIXED.values(), ids=FIXED)
def test_a_leg_is_a_view_of_its_parameter(case):
    model = case.model()
    state = model.state_dict()
    for leg in (leg for symmetry in case.find(model) for leg in symmetry.legs):
        tensor = state[leg.parameter]
        # the same numbers in another layout
        other = tensor.mT.contiguous().mT if tensor.ndim > 1 else tensor.expand(2, *tensor.shape)[1]
        expected = tensor.reshape(-1)[leg.places(tensor.shape)]
        assert expected.shape == leg.sizes
        assert torch.equal(leg.of(tensor), expected)
        assert torch.equal(leg.of(other), expected)
        assert leg.of(tensor).untyped_storage().data_ptr() == tensor.untyped_storage().data_ptr()


def test_discrete_groups_have_no_generators():
    case = FIXED["tanh"]
    model = case.model()
    params = dict(model.named_parameters())
    assert case.find(model).generators(params).shape == (0, 43)


def test_the_same_seed_gives_the_same_element_and_another_one_another():
    case = FIXED["relu"]
    model = case.model()
    symmetries, params = case.find(model), dict(model.named_parameters())
    one, same, other = (
        symmetries.transform(params, torch.Generator().manual_seed(seed))["0.weight"] for seed in (1, 1, 2)
    )
    assert torch.equal(one, same)
    assert not torch.allclose(one, other)


def test_acting_keeps_dtype_and_leaves_the_given_parameters_alone():
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    params = dict(model.named_parameters())
    before = {name: p.detach().clone() for name, p in params.items()}
    moved = find_symmetries(model, torch.zeros(1, 4)).transform(params)
    assert {p.dtype for p in moved.values()} == {torch.float32}
    assert moved["2.bias"] is params["2.bias"]
    assert all(torch.equal(params[name], before[name]) for name in params)


def test_a_parameter_that_is_absent_is_named():
    case = FIXED["linear-linear-relu"]
    model = case.model()
    symmetries = case.find(model)
    params = dict(model.named_parameters())
    del params["0.weight"]
    with pytest.raises(ValueError, match=r"params must hold '0\.weight', which '0\.general_linear' moves"):
        symmetries.transform(params)
    shift = next(s for s in symmetries if s.group == "translation")
    del params["1.weight"]
    with pytest.raises(
        ValueError, match=r"params must hold '1\.weight', through which '0\.bias\.translation' passes"
    ):
        shift.act(params, shift.sample())


@pytest.mark.parametrize("case", FIXED.values(), ids=FIXED)
def test_symmetries_survive_json(case):
    symmetries = case.find(case.model())
    plain = json.loads(json.dumps(symmetries.to_dict()))
    again = Symmetries.from_dict(plain)
    assert again == symmetries
    assert again.to_dict() == symmetries.to_dict()
    assert [hash(s) for s in again] == [hash(s) for s in symmetries]


def test_another_version_of_the_format_is_refused():
    with pytest.raises(ValueError, match=r"version.* must be 1; found 2"):
        Symmetries.from_dict({"version": 2, "symmetries": []})


def test_the_table_and_the_names():
    case = FIXED["linear-linear-relu"]
    symmetries = case.find(case.model())
    assert symmetries.table().splitlines() == [
        "name                group             size  copies  dimension  holds    legs",
        "0.general_linear    general_linear    3     1       9          exactly  0.weight 0.bias 1.weight",
        "0.bias.translation  translation       3     1       3          exactly  0.bias 1.bias",
        "1.permutation       permutation       5     1       0          exactly  1.weight 1.bias 3.weight",
        "1.positive_scaling  positive_scaling  5     1       5          exactly  1.weight 1.bias 3.weight",
    ]
    assert repr(symmetries) == "<Symmetries: 4 (general_linear, translation, permutation, positive_scaling)>"
    assert [s.space for s in symmetries] == ["0", "0.bias", "1", "1"]
    assert len(symmetries[:2]) == 2
    assert symmetries[:2] != symmetries
    assert symmetries != list(symmetries)


@pytest.mark.parametrize("case", FIXED.values(), ids=FIXED)
def test_names_are_unique_and_end_in_the_group(case):
    symmetries = case.find(case.model())
    assert len({s.name for s in symmetries}) == len(symmetries)
    assert all(s.name == f"{s.space}.{s.group}" for s in symmetries)


def test_how_exactly_it_holds():
    by_group = {s.group: s.holds for s in CASES["layer norm"].find(CASES["layer norm"].model())}
    assert by_group == {
        "permutation": "exactly",
        "sign": "exactly",
        "scale_invariance": "at eps = 0",
        "translation": "exactly",
    }
    assert {s.holds for s in CASES["dropout"].find(CASES["dropout"].model())} == {
        "in distribution",
        "exactly",
    }
