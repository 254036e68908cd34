"""Independently trained networks come to represent handwritten digits alike."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from lightning_symmetry import functional as F
from lightning_symmetry.demo.data import digits

MEASURES = {
    "linear_cka": F.linear_cka,
    "unbiased_linear_cka": F.unbiased_linear_cka,
    "unbiased_rbf_cka": F.unbiased_rbf_cka,
    "mutual_nearest_neighbours": F.mutual_nearest_neighbours,
    "procrustes_similarity": F.procrustes_similarity,
    "procrustes_closeness": lambda a, b: 1 - F.procrustes_distance(a, b),
    "inner_product_correlation": F.inner_product_correlation,
    "inner_product_closeness": lambda a, b: 1 - F.inner_product_error(a, b),
}
every_measure = pytest.mark.parametrize("name", MEASURES)


def centred_digits():
    """Images with the mean of those to train with subtracted, so that features have no large common mean."""
    train, test = digits()
    images, labels = train.tensors
    return images - images.mean(dim=0), labels, test.tensors[0] - images.mean(dim=0), test.tensors[1]


def network(seed):
    generator = torch.Generator().manual_seed(seed)
    layers = []
    for inner, outer in pairwise([64, 32, 32, 32]):
        layers += [nn.Linear(inner, outer, bias=False), nn.Tanh()]
        nn.init.normal_(layers[-2].weight, std=inner**-0.5, generator=generator)
    layers.append(nn.Linear(32, 10, bias=False))
    nn.init.normal_(layers[-1].weight, std=32**-0.5, generator=generator)
    return nn.Sequential(*layers)


@pytest.fixture(scope="module")
def pairs():
    """The last hidden layers of two networks for images that they were not trained with, before and after."""
    images, labels, others, truth = centred_digits()
    networks = [network(seed) for seed in (1, 2)]
    with torch.no_grad():
        untrained = [net[:-1](others) for net in networks]
    for net in networks:
        optimizer = torch.optim.AdamW(net.parameters(), 5e-3, weight_decay=0.1)
        for _ in range(120):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(images), labels).backward()
            optimizer.step()
        assert (net(others).argmax(dim=1) == truth).float().mean() > 0.9
    with torch.no_grad():
        return untrained, [net[:-1](others) for net in networks]


@every_measure
def test_trained_networks_agree_more_than_untrained_ones(name, pairs):
    untrained, trained = (MEASURES[name](*pair) for pair in pairs)
    assert trained > untrained + 0.15


def linear_layers(seed):
    generator = torch.Generator().manual_seed(seed)
    return [
        (torch.randn(outer, inner, generator=generator, dtype=torch.float64) / inner**0.5).requires_grad_()
        for inner, outer in pairwise([64, 32, 32, 10])
    ]


def fitted(layers, images, targets):
    """Regression of the classes by gradient descent with momentum and decay, on moments of the data."""
    second, crossed = images.mT @ images / len(images), targets.mT @ images / len(images)
    optimizer = torch.optim.SGD(layers, 0.1, momentum=0.9)
    for _ in range(400):
        optimizer.zero_grad()
        product = layers[2] @ layers[1] @ layers[0]
        decay = sum(layer.square().sum() for layer in layers)
        loss = ((product @ second) * product).sum() / 2 - (product * crossed).sum() + 5e-3 * decay
        loss.backward()
        optimizer.step()
    return layers


@pytest.fixture(scope="module")
def rotated_pairs():
    """Both hidden layers of two deep linear networks, of which one sees all images rotated."""
    images, labels = (tensor.double() for tensor in centred_digits()[:2])
    targets = nn.functional.one_hot(labels.long(), 10).double() - 0.1
    rotation = torch.linalg.qr(torch.randn(64, 64, generator=torch.Generator().manual_seed(0)).double()).Q
    sides = [(linear_layers(1), images), (linear_layers(2), images @ rotation)]

    def hidden():
        with torch.no_grad():
            first = [x @ layers[0].mT for layers, x in sides]
            return first, [x @ layers[1].mT for x, (layers, _) in zip(first, sides, strict=True)]

    untrained = hidden()
    for layers, x in sides:
        fitted(layers, x, targets)
        accuracy = ((x @ (layers[2] @ layers[1] @ layers[0]).mT).argmax(dim=1) == labels).double().mean()
        assert accuracy > 0.85  # the decay leaves something to learn
    return untrained, hidden()


@every_measure
@pytest.mark.parametrize("layer", [0, 1])
def test_deep_linear_networks_agree_also_when_one_sees_rotated_inputs(name, layer, rotated_pairs):
    untrained, trained = (MEASURES[name](*stage[layer]) for stage in rotated_pairs)
    assert trained > 1 - 1e-2
    assert untrained < 0.9
