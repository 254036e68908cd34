"""Small versions of the published results on feature learning and on Boltzmann machines."""

import pytest
import torch

from benchmarks.reproductions.boltzmann import modes
from benchmarks.reproductions.boltzmann._machine import BoltzmannMachine, binary_digits
from benchmarks.reproductions.mechanisms import deep_network, kernel_phase


@pytest.mark.parametrize("std", [0.05, 0.5])
def test_the_order_parameter_is_that_of_the_closed_form(std):
    measured, expected = kernel_phase.order_parameters(32, std, (1.0, 0.1), seed=0)
    assert measured == pytest.approx(expected, abs=5e-3)


def test_a_lazy_network_moves_less():
    features, lazy = (deep_network.learned(scale, 0, 20) for scale in (0.3, 30.0))
    assert lazy[0] < 0.1 * features[0]
    assert lazy[1] < 0.1 * features[1]


def test_the_gradient_of_the_free_energy_is_that_of_the_likelihood():
    images = binary_digits()[:64]
    machine = BoltzmannMachine(images, 3, 0.1).double()
    images = images.double()
    data, model = images, machine.sample()
    (machine.free_energy(data).mean() - machine.free_energy(model).mean()).backward()
    up = [(machine.hidden + x @ machine.weight).sigmoid() for x in (data, model)]
    expected = model.T @ up[1] / len(model) - data.T @ up[0] / len(data)
    torch.testing.assert_close(machine.weight.grad, expected)


def test_a_machine_begins_without_modes_and_learns_some():
    watch = modes.watched(32, seed=0, steps=500)
    assert watch.learned[0] == 0 and watch.learned[-1] >= 1
    assert watch.steps == list(range(0, 500, modes.EVERY))
