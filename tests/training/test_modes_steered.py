"""Ways to train beside the matrix: the offset in the optimizer step does what the one in the layers does."""

import lightning.pytorch
import pytest
import torch

from lightning_symmetry import RemoveSymmetry, Syre, remove_symmetry

from ..callbacks.runs import fit
from .test_modes import Checkpointed, Endless
from .watching import Small

SYRE = Syre(std=1.0)
AVERAGES = hasattr(lightning.pytorch.callbacks, "EMAWeightAveraging")


class Infinite(Small):
    def train_dataloader(self):
        return torch.utils.data.DataLoader(Endless(), batch_size=None)


def quietly(build):
    """A module that logs nothing, as a bare Trainer wants it."""
    module = build()
    module.log = lambda *args, **kwargs: None
    return module


BARE = {"barebones": True, "accelerator": "cpu", "devices": 1, "max_steps": 8}
MODES = {
    "checkpointed": (lambda: Checkpointed(False), {}, list),
    "infinite": (Infinite, {}, list),
    "overfit": (Small, {"overfit_batches": 2, "max_epochs": 3}, list),
    "fast_dev_run": (Small, {"fast_dev_run": 4}, list),
    "averaged": (
        Small,
        {},
        lambda: [lightning.pytorch.callbacks.EMAWeightAveraging(decay=0.5)] if AVERAGES else [],
    ),
    "stochastically averaged": (
        Small,
        {"max_epochs": 3, "max_steps": -1, "limit_train_batches": 4},
        lambda: [lightning.pytorch.callbacks.StochasticWeightAveraging(0.1, 1, 1)],
    ),
}


def effective(module) -> dict[str, torch.Tensor]:
    """Weights as the layers use them, under the names of the plain model."""
    names = [name for name, _ in Small().named_parameters()]
    owners = ((name, *name.rpartition(".")[::2]) for name in names)
    return {name: getattr(module.get_submodule(owner), leaf).detach() for name, owner, leaf in owners}


def same_offsets(trained, layered, plain) -> None:
    """Check that two forms of steering agree, and that they steer."""
    for name, value in effective(plain).items():
        steered = effective(trained)[name]
        assert (steered - value).abs().max() > 1e-2, name
        torch.testing.assert_close(steered, effective(layered)[name], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("build, options, others", MODES.values(), ids=MODES)
def test_the_offset_is_that_of_the_layers(build, options, others, quiet):
    trained, layered, plain = build(), remove_symmetry(build(), SYRE), build()
    options = {"max_steps": 8, **options}
    fit(trained, [*others(), RemoveSymmetry(SYRE)], quiet, **options)
    fit(layered, others(), quiet, **options)
    fit(plain, others(), quiet, **options)
    same_offsets(trained, layered, plain)


def test_a_bare_trainer_is_steered():
    trained, layered, plain = quietly(Small), quietly(lambda: remove_symmetry(Small(), SYRE)), quietly(Small)
    for module, used in ((trained, [RemoveSymmetry(SYRE)]), (layered, []), (plain, [])):
        torch.manual_seed(3)
        lightning.pytorch.Trainer(callbacks=used, **BARE).fit(module)
    same_offsets(trained, layered, plain)
