"""Models and inputs of every shape, good and bad."""

import pytest
import torch
from torch import Tensor, nn

from lightning_symmetry.discovery import TraceError, find_symmetries

from .claims import assert_exactly, assert_proved

EXPECTED = """
    permutation 6: 0.weight 0.bias 2.weight
    positive_scaling 6: 0.weight 0.bias 2.weight^-1
    """


def mlp() -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3))


class Wrapped(nn.Sequential):
    """The same network, its output or input wrapped."""

    def __init__(self, wrap=lambda y: y, unwrap=lambda x: x) -> None:
        super().__init__(*mlp())
        self.wrap, self.unwrap = wrap, unwrap

    def forward(self, *args, **kwargs):
        return self.wrap(super().forward(self.unwrap(*args, **kwargs)))


def test_what_is_no_module_is_refused():
    with pytest.raises(TypeError, match=r"model must be a torch\.nn\.Module; found function"):
        find_symmetries(lambda x: x, torch.zeros(1))


def test_a_model_without_parameters_is_refused():
    with pytest.raises(ValueError, match="model must have parameters; found none in ReLU"):
        find_symmetries(nn.ReLU(), torch.zeros(1))


class Branches(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = self.linear(x)
        return y if y.sum() > 0 else -y


@pytest.mark.parametrize(
    ("model", "inputs", "message"),
    [
        (mlp(), (torch.zeros(1, 5),), "RuntimeError: .*"),
        (mlp(), (), "TypeError: .*forward"),
        (mlp(), (torch.zeros(1, 4), 3), "TypeError: .*forward"),
        (
            nn.Sequential(nn.LazyLinear(3)),
            (torch.zeros(1, 4),),
            r"parameter '0\.weight' is not initialised: run the",
        ),
        (Wrapped(lambda y: "text"), (torch.zeros(1, 4),), "the output holds no tensor: it is a str"),
        (Wrapped(lambda y: None), (torch.zeros(1, 4),), "the output holds no tensor: it is a NoneType"),
        (
            mlp(),
            (torch.nested.nested_tensor([torch.zeros(2, 4), torch.zeros(1, 4)], layout=torch.jagged),),
            "nested tensors are not understood: pad them",
        ),
    ],
)
def test_what_does_not_run_is_refused_in_one_line(model, inputs, message):
    with pytest.raises(TraceError, match=f"^{message}") as caught:
        find_symmetries(model, *inputs)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("model", "operation"),
    [(Branches(), "aten._local_scalar"), (Wrapped(lambda y: y[y > 0]), "aten.nonzero")],
    ids=["path", "shape"],
)
def test_what_needs_numbers_is_refused_where_there_are_none(model, operation):
    message = f"^control flow or shapes that depend on data: {operation}"
    with pytest.raises(TraceError, match=message):
        find_symmetries(model.to("meta"), torch.zeros(1, 4, device="meta"))


def test_a_lazy_module_that_has_run_is_fine():
    model, x = nn.Sequential(nn.LazyLinear(6), nn.ReLU(), nn.LazyLinear(3)), torch.zeros(2, 4)
    model(x)
    assert_exactly(find_symmetries(model, x), EXPECTED)


def test_a_model_on_the_meta_device():
    with torch.device("meta"):
        model = mlp()
    assert_exactly(find_symmetries(model, torch.zeros(2, 4, device="meta")), EXPECTED)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_any_precision(dtype):
    model, x = mlp().to(dtype), torch.randn(5, 4).to(dtype)
    symmetries = find_symmetries(model, x)
    assert_exactly(symmetries, EXPECTED)
    assert_proved(symmetries, model, x)


@pytest.mark.parametrize("batch", [1, 2])
def test_any_batch(batch):
    assert_exactly(find_symmetries(mlp(), torch.zeros(batch, 4)), EXPECTED)


def test_without_a_batch():
    assert_exactly(find_symmetries(mlp(), torch.zeros(4)), EXPECTED)


def test_an_empty_batch_gives_nothing_false():
    model, x = mlp(), torch.randn(5, 4)
    assert_proved(find_symmetries(model, torch.zeros(0, 4)), model, x)


def test_inputs_by_name_and_in_containers():
    model, x = Wrapped(unwrap=lambda batch, *, scale: batch["x"][0] * scale), torch.randn(5, 4)
    symmetries = find_symmetries(model, {"x": [x]}, scale=torch.tensor(2.0))
    assert_exactly(symmetries, EXPECTED)
    assert_proved(symmetries, model, {"x": [x]}, scale=torch.tensor(2.0))
    many = {"batch": {"x": [torch.randn(60, 4)]}, "scale": torch.tensor(2.0)}
    assert symmetries.completeness(model, many).rank == 6
    assert find_symmetries(mlp(), input=x)[0].size == 6


def test_completeness_refuses_frozen_models_and_weights_that_are_not_finite():
    model, x = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)), torch.randn(50, 3)
    symmetries = find_symmetries(model, x)
    with torch.no_grad():
        model[0].weight[0, 0] = float("nan")
    with pytest.raises(ValueError, match="finite outputs and gradients at these inputs; found NaN"):
        symmetries.completeness(model, x)
    with pytest.raises(ValueError, match="model must have trained parameters; all"):
        symmetries.completeness(model.requires_grad_(False), x)


def test_too_few_outputs_prove_nothing():
    model, x = mlp(), torch.randn(5, 4)
    with pytest.raises(
        ValueError, match="at least as many outputs as there are trained parameters, 51; they give 15"
    ):
        find_symmetries(model, x).completeness(model, x)


def test_nothing_to_find_is_complete():
    model, x = nn.Linear(3, 2), torch.randn(9, 3)
    symmetries = find_symmetries(model, x)
    result = symmetries.completeness(model, x)
    assert (len(symmetries), result.rank, result.nullity, result.ratio, result.leak) == (0, 0, 0, 1.0, 0.0)
    assert symmetries.errors(model, x) == {"all together": 0.0}


def test_what_is_missing_is_returned():
    model, x = mlp().double(), torch.randn(60, 4, dtype=torch.float64)
    symmetries = find_symmetries(model, x)
    result = symmetries[:1].completeness(model, x)
    assert (result.rank, result.nullity, result.ratio) == (0, 6, 0.0)
    gap = symmetries.generators(dict(model.named_parameters()))
    gap = gap - gap @ result.missing.mT @ result.missing
    assert gap.abs().max() < 1e-9


def test_shared_memory_under_two_names_is_left_alone():
    model = mlp()
    model[2].weight = nn.Parameter(model[0].weight.data.view(-1)[:18].view(3, 6))
    symmetries = find_symmetries(model, torch.zeros(2, 4))
    assert {leg.parameter for s in symmetries for leg in s.legs} <= {"0.bias", "2.bias"}


def test_neighbours_in_one_memory_are_not_shared():
    flat, model = torch.randn(24 + 18), mlp()
    model[0].weight = nn.Parameter(flat[:24].view(6, 4))
    model[2].weight = nn.Parameter(flat[24:].view(3, 6))
    assert_exactly(find_symmetries(model, torch.zeros(2, 4)), EXPECTED)


def test_one_parameter_under_two_names_has_two_legs():
    model = nn.Sequential(
        nn.Linear(4, 4, bias=False), nn.Tanh(), nn.Linear(4, 4, bias=False), nn.Tanh(), nn.Linear(4, 2)
    )
    model[2].weight = model[0].weight
    x = torch.randn(5, 4)
    symmetries = find_symmetries(model, x)
    assert_exactly(symmetries, "sign 1: 0.weight")  # of both at once
    assert_proved(symmetries, model, x)
    model[2].weight = nn.Parameter(torch.randn(4, 4))
    assert [s.group for s in find_symmetries(model, x)].count("permutation") == 2
