import pytest
import torch
from torch import nn

from lightning_symmetry import Symmetries, SymmetryMonitor, find_symmetries

from .runs import Classifier, fit, monitored, network


def trains_as_without(module, reference, monitor, quiet, match, **options):
    """Assert that the monitor warns once and that training ends where it would have ended without it."""
    with pytest.warns(UserWarning, match=match) as warnings:
        trainer = fit(module, [monitor], quiet, **options)
    assert sum("SymmetryMonitor" in str(w.message) for w in warnings) == 1
    fit(reference, [], quiet, **options)
    for name, value in reference.state_dict().items():
        assert torch.equal(value.nan_to_num(), module.state_dict()[name].nan_to_num()), name
    return trainer


class Shy(nn.Sequential):
    """Does not run while anybody watches."""

    def forward(self, x):
        if torch.utils._python_dispatch._get_current_dispatch_mode() is not None:
            raise RuntimeError("not now")
        return super().forward(x)


def shy():
    return Classifier(Shy(*network()))


def test_step_that_cannot_be_traced_is_named_and_switches_the_monitor_off(quiet):
    match = (
        r"switches itself off.*nothing that Classifier computes can be traced \(training_step: RuntimeError: "
        r"not now; the modules called in the first step: RuntimeError: not now; .* on copies of the real "
        r"tensors: RuntimeError: not now\)\. Set example_input_array, or pass"
    )
    trainer = trains_as_without(shy(), shy(), SymmetryMonitor(), quiet, match)
    assert not monitored(trainer)


def test_weights_that_are_not_finite_are_named_once_and_never_logged(quiet):
    def broken():
        module = Classifier()
        with torch.no_grad():
            module.model[4].weight[0, 0] = float("nan")
        return module

    match = "not finite at step 0.*not logged"
    trainer = trains_as_without(
        broken(), broken(), SymmetryMonitor(every_n_steps=5, max_overhead=None), quiet, match
    )
    assert monitored(trainer) == {k: v for k, v in monitored(trainer).items() if v == v}


def test_model_without_parameters_is_refused_and_training_goes_on(quiet):
    class Empty(Classifier):
        def __init__(self) -> None:
            super().__init__(nn.Identity())
            self.unregistered = [nn.Parameter(torch.ones(()))]

        def training_step(self, batch, batch_idx):
            return self.unregistered[0] ** 2

        def configure_optimizers(self):
            return torch.optim.SGD(self.unregistered, lr=0.1)

    with pytest.warns(UserWarning, match="must have parameters") as warnings:
        fit(Empty(), [SymmetryMonitor()], quiet)
    assert sum("SymmetryMonitor" in str(w.message) for w in warnings) == 1


def test_model_without_symmetric_spaces_says_so(quiet):
    def plain():
        class Regression(Classifier):
            def training_step(self, batch, batch_idx):
                return (self.model(batch[0]) - batch[0][:, :3]).square().mean()

        with torch.random.fork_rng():
            torch.manual_seed(0)
            return Regression(nn.Linear(6, 3))

    trains_as_without(plain(), plain(), SymmetryMonitor(), quiet, "found no symmetry in Regression")


def test_frozen_layers_shrink_what_is_watched(quiet):
    module = Classifier()
    module.model[4].requires_grad_(False)
    monitor = SymmetryMonitor(strict=True)
    fit(module, [monitor], quiet, max_steps=1)
    moved = {leg.parameter for s in monitor.symmetries for leg in s.legs}
    assert moved
    assert not any(name.startswith("model.4") for name in moved)


def test_step_that_raises_raises_its_own_error(quiet):
    class Fails(Classifier):
        def training_step(self, batch, batch_idx):
            raise ArithmeticError("the user's own")

    module = Fails()
    with pytest.raises(ArithmeticError, match="own"):
        fit(module, [SymmetryMonitor()], quiet)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in module.modules())


def test_strict_raises(quiet):
    with pytest.raises(RuntimeError, match="nothing that Classifier computes can be traced"):
        fit(shy(), [SymmetryMonitor(strict=True)], quiet)


def test_symmetries_of_another_model_are_refused(quiet):
    foreign = find_symmetries(nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 3)), torch.zeros(2, 6))
    with pytest.warns(UserWarning, match="must name parameters of Classifier, found '0.bias'"):
        fit(Classifier(), [SymmetryMonitor(symmetries=foreign)], quiet, max_steps=1)


def test_given_symmetries_are_watched(quiet):
    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = network()

        def forward(self, x):
            return self.model(x)

    given = Symmetries(s for s in find_symmetries(Outer(), torch.zeros(2, 6)) if s.group == "permutation")
    monitor = SymmetryMonitor(symmetries=given, strict=True)
    trainer = fit(Classifier(), [monitor], quiet, max_steps=1)
    assert monitor.symmetries is given
    assert "symmetry/dead_units/model.0.permutation" in monitored(trainer)


@pytest.mark.parametrize("value", [0, -3, 2.5, "often", True])
def test_interval_must_be_a_positive_integer(value):
    with pytest.raises(
        ValueError, match=f"`every_n_steps` must be an integer of at least 1, found {value!r}"
    ):
        SymmetryMonitor(every_n_steps=value, max_overhead=None)
