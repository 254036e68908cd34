import numpy as np
import pytest
import torch
from torch import nn

from lightning_symmetry import find_symmetries
from lightning_symmetry.metrics import OrderParameters
from lightning_symmetry.metrics._model.space import spaces


def measure(model: nn.Module, x: torch.Tensor, params=None) -> dict[str, float]:
    observe = OrderParameters(find_symmetries(model, x.double()))
    return {k: v.item() for k, v in observe(params or dict(model.named_parameters())).items()}


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def two_layer(activation: nn.Module, width: int = 6) -> tuple[nn.Sequential, torch.Tensor]:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, width), activation, nn.Linear(width, 3)).double(), torch.zeros(2, 5)


def entropy_rank(matrix: torch.Tensor) -> float:
    s = np.linalg.svd(matrix.detach().numpy(), compute_uv=False)
    p = s / s.sum()
    p = p[p > 0]
    return float(np.exp(-(p * np.log(p)).sum()))


def test_each_quantity_against_its_definition_written_out():
    model, x = two_layer(nn.GELU())
    values = measure(model, x)
    units = [
        torch.cat([model[0].weight[i], model[0].bias[i : i + 1], model[2].weight[:, i]]).detach()
        for i in range(6)
    ]
    mean = sum(units) / 6
    name = "0.permutation"
    distance = sum(float((u - mean).square().sum()) for u in units) ** 0.5
    assert values[f"symmetry/breaking_distance/{name}"] == pytest.approx(distance, rel=1e-12)
    s = np.linalg.svd(model[0].weight.detach().numpy(), compute_uv=False)
    ratio = (s**2).sum() ** 2 / (s**4).sum()
    assert values[f"symmetry/participation_ratio/{name}"] == pytest.approx(ratio, rel=1e-9)
    assert values[f"symmetry/effective_rank/{name}"] == pytest.approx(entropy_rank(model[0].weight), rel=1e-9)
    assert values[f"symmetry/distinct_units/{name}"] == 6
    assert values[f"symmetry/dead_units/{name}"] == 0
    assert not any("noether" in key for key in values)  # GELU units cannot be rescaled


def test_relu_units_are_told_apart_modulo_rescaling():
    model, x = two_layer(nn.ReLU())
    with torch.no_grad():
        model[0].weight[1], model[0].bias[1] = 7 * model[0].weight[0], 7 * model[0].bias[0]  # a rescaled twin
        model[2].weight[:, 1] = torch.randn(3)
        model[0].weight[2], model[0].bias[2] = -model[0].weight[0], -model[0].bias[0]  # not a twin
        model[0].weight[3] *= 1e-3  # dead: small going in and coming out
        model[0].bias[3] *= 1e-3
        model[2].weight[:, 3] *= 1e-3
    values = measure(model, x)
    assert values["symmetry/distinct_units"] == pytest.approx(4)
    assert values["symmetry/dead_units"] == 1


def test_tanh_units_are_told_apart_modulo_sign():
    model, x = two_layer(nn.Tanh())
    with torch.no_grad():
        model[0].weight[1], model[0].bias[1] = -model[0].weight[0], -model[0].bias[0]
    assert measure(model, x)["symmetry/distinct_units"] == pytest.approx(5)


def test_batch_normalised_channels_are_told_apart_modulo_scale_and_sign():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 6, 3, bias=False), nn.BatchNorm2d(6), nn.ReLU(), nn.Flatten(), nn.Linear(24, 2)
    ).double()
    with torch.no_grad():
        model[0].weight[4] = -3 * model[0].weight[5]
    values = measure(model, torch.zeros(2, 3, 4, 4))
    assert values["symmetry/distinct_units/0.permutation"] == pytest.approx(5)
    imbalances = {k.removeprefix("symmetry/noether_imbalance/") for k in values if "noether_imbalance/" in k}
    assert imbalances == {
        "1.positive_scaling"
    }  # one-sided scalings in front of a norm have nothing to balance


def test_a_unit_with_one_input_is_compared_with_its_bias():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(1, 4), nn.ReLU(), nn.Linear(4, 1)).double()
    with torch.no_grad():
        model[0].weight[1], model[0].bias[1] = 5 * model[0].weight[0], 5 * model[0].bias[0]
        model[2].weight.fill_(1.0)
        model[0].weight[2:] = torch.tensor([[1.0], [-1.0]])
        model[0].bias[:] = torch.tensor([0.9, 4.5, -0.5, 0.1])
        model[0].weight[:2] = torch.tensor([[0.2], [1.0]])
    assert measure(model, torch.zeros(2, 1))["symmetry/distinct_units"] == pytest.approx(3)


def test_a_change_of_basis_is_measured_by_the_product_it_leaves_alone():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 5, bias=False), nn.Linear(5, 7, bias=False)).double()
    with torch.no_grad():
        model[0].weight[:] = torch.randn(5, 2) @ torch.randn(2, 8)
    values = measure(model, torch.zeros(2, 8))
    product = model[1].weight @ model[0].weight
    assert values["symmetry/effective_rank"] == pytest.approx(entropy_rank(product), rel=1e-6)
    assert values["symmetry/participation_ratio"] <= 2
    charge = model[0].weight @ model[0].weight.T - model[1].weight.T @ model[1].weight
    sums = (model[0].weight @ model[0].weight.T).norm() + (model[1].weight.T @ model[1].weight).norm()
    assert values["symmetry/noether_imbalance"] == pytest.approx((charge.norm() / sums).item(), rel=1e-9)


class Factored(nn.Module):
    """A layer whose weight is a product: both factors are contracted, and neither comes first."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Parameter(torch.randn(7, 5)), nn.Parameter(torch.randn(5, 8))

    def forward(self, x):
        return nn.functional.linear(x, self.left @ self.right)


def test_the_factors_of_a_weight_are_measured_by_the_weight():
    torch.manual_seed(0)
    model = Factored().double()
    with torch.no_grad():
        model.left[:, 3:] = 0
    values = measure(model, torch.zeros(2, 8))
    weight = model.left @ model.right
    assert values["symmetry/effective_rank"] == pytest.approx(entropy_rank(weight), rel=1e-6)
    assert values["symmetry/numerical_rank"] == 3
    (name,) = [key.split("/")[2] for key in values if key.startswith("symmetry/unbroken/")]
    assert values[f"symmetry/unbroken/{name}"] == pytest.approx((2 / 5) ** 2)


GAUGE_FREE = {
    "dead_units",
    "duplicate_units",
    "distinct_units",
    "unbroken",
    "effective_rank",
    "participation_ratio",
    "stable_rank",
    "numerical_rank",
}


@pytest.mark.parametrize("activation", [nn.ReLU(), nn.Tanh(), nn.GELU(), nn.Identity()])
def test_counts_and_ranks_do_not_depend_on_the_gauge(activation):
    model, x = two_layer(activation)
    moved = find_symmetries(model, x).transform(dict(model.named_parameters()), generator(1))
    before, after = measure(model, x), measure(model, x, moved)
    checked = [key for key in before if key.split("/")[1] in GAUGE_FREE]
    assert {key.split("/")[1] for key in checked} >= GAUGE_FREE - (
        {"dead_units", "duplicate_units", "distinct_units", "unbroken"}
        if isinstance(activation, nn.Identity)
        else set()
    )
    for key in checked:
        assert after[key] == pytest.approx(before[key], rel=1e-10), key


def test_a_unit_may_be_rescaled_in_several_ways():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 4, 3), nn.BatchNorm2d(4), nn.ReLU()
    ).double()
    with torch.no_grad():
        for norm in (model[1], model[4]):
            norm.weight.normal_()
            norm.bias.normal_()
        model[1].weight[2] = model[1].bias[2] = 1e-3  # dead, whatever the convolution before it says
        model[3].weight[:, 2] *= 1e-3
    x = torch.zeros(2, 3, 8, 8)
    symmetries = find_symmetries(model, x.double())
    own = [s for s in symmetries if s.name.startswith(("0.", "1."))]
    observe = OrderParameters(own)
    params = dict(model.named_parameters())
    before = observe(params)
    assert before["symmetry/dead_units/0.permutation"] == 1
    for symmetry in own:
        after = observe(symmetry.act(params, symmetry.sample(generator(2))))
        for key, value in before.items():
            if key.split("/")[1] in GAUGE_FREE:
                torch.testing.assert_close(
                    after[key], value, rtol=1e-10, atol=0, msg=f"{key} {symmetry.name}"
                )


def test_equal_shapes_are_measured_together_as_if_alone():
    torch.manual_seed(0)
    layers = []
    for _ in range(4):
        layers += [nn.Linear(6, 6), nn.ReLU()]
    model = nn.Sequential(*layers, nn.Linear(6, 2)).double()
    symmetries = find_symmetries(model, torch.zeros(1, 6))
    params = dict(model.named_parameters())
    together = OrderParameters(symmetries)(params)
    for symmetry in symmetries:
        alone = OrderParameters([s for s in symmetries if s.space == symmetry.space])(params)
        for key, value in alone.items():
            if key.endswith(symmetry.name):
                assert torch.allclose(value, together[key], rtol=1e-12, atol=0)
    for quantity, total in {"dead_units": sum, "distinct_units": sum}.items():
        each = [v.item() for k, v in together.items() if k.startswith(f"symmetry/{quantity}/")]
        assert together[f"symmetry/{quantity}"].item() == pytest.approx(total(each))


def test_copies_are_counted_together():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(4, 8, 3, groups=2),
        nn.GELU(),
        nn.Conv2d(8, 4, 3, groups=2),
        nn.GELU(),
        nn.Flatten(),
        nn.Linear(16, 2),
    ).double()
    values = measure(model, torch.zeros(1, 4, 6, 6))
    found = find_symmetries(model, torch.zeros(1, 4, 6, 6, dtype=torch.float64))
    (inner,) = [s for s in found if s.size == 4 and s.copies == 2]
    assert values[f"symmetry/distinct_units/{inner.name}"] == 8


def test_a_shared_stream_compares_the_directions_of_all_its_writers():
    class Stream(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second, self.last = nn.Linear(5, 6), nn.Linear(6, 6), nn.Linear(6, 2)

        def forward(self, x):
            hidden = torch.relu(self.first(x))
            return self.last(torch.relu(hidden + torch.relu(self.second(hidden))))

    torch.manual_seed(0)
    model = Stream().double()
    with torch.no_grad():
        for layer in (model.first, model.second):
            layer.weight[3], layer.bias[3] = 4 * layer.weight[2], 4 * layer.bias[2]
        model.second.weight[5] = model.second.weight[4]  # alike in one writer only
    (space,) = [
        s for s in spaces(find_symmetries(model, torch.zeros(1, 5).double())) if len(s.writers()) == 2
    ]
    values = measure(model, torch.zeros(1, 5))
    assert values[f"symmetry/distinct_units/{space.mover.name}"] == pytest.approx(5)


def test_a_space_written_by_one_number_a_unit_is_compared_by_it():
    class Shift(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.shift = nn.Parameter(torch.tensor([1.0, 1.0, 3.0]))
            self.last = nn.Linear(3, 2)

        def forward(self, x):
            return self.last(torch.relu(x.mean(1, keepdim=True) * self.shift))

    torch.manual_seed(0)
    values = measure(Shift().double(), torch.zeros(2, 4))
    # with one number each, units of the same sign have the same direction
    assert values["symmetry/distinct_units/shift.permutation"] == pytest.approx(1)


def test_scalings_join_the_space_whose_units_they_scale():
    model, x = two_layer(nn.ReLU())
    (space,) = spaces(find_symmetries(model, x))
    assert [s.group for s in space.diagonal] == ["positive_scaling"]
    assert [leg.parameter for leg, _ in space.writers()] == ["0.weight"]
    assert [leg.parameter for leg, _ in space.readers()] == ["2.weight"]
    pieces, modulo = space.incoming()
    assert ([leg.parameter for leg, _ in pieces], modulo) == (["0.weight", "0.bias"], "positive_scaling")


def test_gradients_and_weights_are_left_alone():
    model, x = two_layer(nn.ReLU())
    before = {k: v.clone() for k, v in model.state_dict().items()}
    values = OrderParameters(find_symmetries(model, x))(dict(model.named_parameters()))
    assert not any(value.requires_grad for value in values.values())
    assert all(p.grad is None for p in model.parameters())
    assert all(torch.equal(v, model.state_dict()[k]) for k, v in before.items())
