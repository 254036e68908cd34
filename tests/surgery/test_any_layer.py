"""Any parameter of any layer can be steered, by its name."""

import copy

import pytest
import torch
from torch import nn

from lightning_symmetry import Hadamard, Syre, WeightAsymmetry, add_symmetry, fold, remove_symmetry, undo

from .added import distance

LAYERS = {
    "linear": (nn.Linear(6, 5), (3, 6)),
    "bilinear": (nn.Bilinear(4, 6, 5), (3, 4), (3, 6)),
    "conv1d": (nn.Conv1d(4, 6, 3, groups=2), (2, 4, 7)),
    "conv2d": (nn.Conv2d(4, 6, 3, padding=1), (2, 4, 5, 5)),
    "conv3d": (nn.Conv3d(2, 3, 2), (2, 2, 3, 3, 3)),
    "transposed conv1d": (nn.ConvTranspose1d(4, 6, 3), (2, 4, 5)),
    "transposed conv2d": (nn.ConvTranspose2d(4, 6, 2, stride=2), (2, 4, 3, 3)),
    "transposed conv3d": (nn.ConvTranspose3d(2, 3, 2), (2, 2, 3, 3, 3)),
    "embedding": (nn.Embedding(7, 4), None),
    "attention": (nn.MultiheadAttention(8, 2, batch_first=True), (2, 3, 8), (2, 3, 8), (2, 3, 8)),
    "attention of other keys": (
        nn.MultiheadAttention(8, 2, kdim=4, vdim=6, batch_first=True),
        (2, 3, 8),
        (2, 5, 4),
        (2, 5, 6),
    ),
    "layer norm": (nn.LayerNorm(6), (3, 6)),
    "batch norm": (nn.BatchNorm1d(6), (8, 6)),
    "group norm": (nn.GroupNorm(2, 6), (3, 6, 4)),
    "rms norm": (nn.RMSNorm(6), (3, 6)),
    "prelu": (nn.PReLU(5), (3, 5)),
    "rnn cell": (nn.RNNCell(4, 5), (3, 4)),
    "lstm cell": (nn.LSTMCell(4, 5), (3, 4)),
    "gru cell": (nn.GRUCell(4, 5), (3, 4)),
    "rnn": (nn.RNN(4, 5, num_layers=2), (6, 2, 4)),
    "lstm": (nn.LSTM(4, 5, num_layers=2, bidirectional=True), (6, 2, 4)),
    "projected lstm": (nn.LSTM(4, 5, proj_size=3), (6, 2, 4)),
    "gru": (nn.GRU(4, 5, batch_first=True), (2, 6, 4)),
}
# A gain is no matrix: it has an offset or factors, and no row to freeze entries of.
MATRICES = [name for name, (layer, *_) in LAYERS.items() if any(p.ndim > 1 for p in layer.parameters())]
CASES = [
    *((name, remove_symmetry, Syre(std=0.1)) for name in LAYERS),
    *((name, remove_symmetry, WeightAsymmetry(fixed=1, scale=0.5)) for name in MATRICES),
    *((name, add_symmetry, {"*": Hadamard()}) for name in LAYERS),
]


def output(layer, inputs):
    found = layer(*inputs)
    return found[0] if isinstance(found, tuple) else found


@pytest.mark.parametrize(("name", "function", "config"), CASES)
def test_a_layer_is_steered_trained_folded_and_given_back(name, function, config):
    kind, *shapes = LAYERS[name]
    layer = copy.deepcopy(kind).double()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        # Gains of one and shifts of zero would hide what is not used.
        for parameter in layer.parameters():
            nn.init.normal_(parameter, std=0.5)
        inputs = [torch.randn(shape, dtype=torch.float64) if shape else torch.arange(6) for shape in shapes]
    objects = list(layer.parameters())
    expected = output(layer, inputs)

    assert isinstance(function(layer, config), type(kind))
    if isinstance(config, WeightAsymmetry):
        assert distance(output(layer, inputs), expected) > 1e-3
    else:
        assert distance(output(layer, inputs), expected) < 1e-12
    output(layer, inputs).square().sum().backward()
    with torch.no_grad():
        for parameter in layer.parameters():
            assert parameter.grad is not None
            parameter.sub_(parameter.grad, alpha=1e-2)
    trained = output(layer, inputs)
    assert distance(trained, expected) > 1e-5
    assert distance(output(fold(copy.deepcopy(layer)), inputs), trained) < 1e-12
    assert type(undo(layer)) is type(kind)
    assert all(a is b for a, b in zip(layer.parameters(), objects, strict=True))


class Named(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.own = nn.Parameter(torch.randn(3, 3))
        self.many = nn.ParameterList([torch.randn(3, 3), torch.randn(3, 3)])
        self.by_name = nn.ParameterDict({"scale": torch.randn(3)})

    def forward(self, x):
        return x @ self.own @ self.many[0] @ self.many[1] * self.by_name["scale"]


@pytest.mark.parametrize("function", [remove_symmetry, add_symmetry])
@pytest.mark.parametrize("name", ["own", "many.1", "by_name.scale"])
def test_parameters_of_no_layer_have_names_too(function, name):
    model, x = Named().double(), torch.randn(2, 3, dtype=torch.float64)
    expected, objects = model(x), list(model.parameters())
    function(model, {name: Syre(std=0.1) if function is remove_symmetry else Hadamard()})
    assert distance(model(x), expected) < 1e-12
    assert distance(undo(model)(x), expected) < 1e-12
    assert all(a is b for a, b in zip(model.parameters(), objects, strict=True))
    assert [type(module) for module in model.modules()] == [type(module) for module in Named().modules()]
