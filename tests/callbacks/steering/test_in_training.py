"""What is steered by a schedule does what it says, in every kind of training."""

import copy
import json
import sys

import lightning.pytorch
import pytest
import pytorch_lightning
import torch
from lightning.pytorch.cli import LightningCLI
from pytorch_lightning.cli import LightningCLI as StandaloneCLI

from lightning_symmetry import (
    ActivationAsymmetry,
    AddSymmetry,
    Hadamard,
    LowRank,
    OnMetric,
    OnTransition,
    RemoveSymmetry,
    Schedule,
    StageDetector,
    Syre,
    WeightAsymmetry,
    fold,
)

from .small import Small, assert_equal, fit, small_class

PACKAGES = [lightning.pytorch, pytorch_lightning]


class ByHand(Small):
    """Two optimizers, each with half of the layers, that step in every batch."""

    def __init__(self, **options):
        super().__init__(**options)
        self.automatic_optimization = False
        self.strengths = []

    def training_step(self, batch, batch_idx):
        for optimizer in self.optimizers():
            optimizer.zero_grad()
            self.manual_backward(super().training_step(batch, batch_idx))
            optimizer.step()

    def configure_optimizers(self):
        return [torch.optim.SGD(self.model[i].parameters(), lr=0.1, weight_decay=0.1) for i in (0, 2)]


def hooks(trainer):
    return sum(
        len(each._optimizer_step_pre_hooks) + len(each._optimizer_step_post_hooks)
        for each in trainer.optimizers
    )


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_before_it_goes_on_nothing_is_different(package, quiet):
    kind = small_class(package)
    plain, removed, added = kind(), kind(), kind()
    fit(plain, [], quiet, package, max_steps=4)
    later = Schedule(on=4, ramp=2)
    fit(removed, [RemoveSymmetry(Syre(std=0.5), schedule=later)], quiet, package, max_steps=4)
    fit(added, [AddSymmetry(LowRank(), schedule=later)], quiet, package, max_steps=4)
    assert_equal(removed, plain)
    assert_equal(added, plain)


def test_an_offset_acts_from_the_step_that_the_schedule_says_to_the_one_that_it_says(quiet):
    class Still(Small):
        """Its gradients are zero, so that only decay moves it."""

        def training_step(self, batch, batch_idx):
            self.track.append(self.model[0].bias.detach().clone())
            return 0 * self.model(batch[0].double()).sum()

    module = Still(torch.optim.SGD, lr=1.0, weight_decay=0.5)
    module.track = []
    callback = RemoveSymmetry(Syre(std=0.5), schedule=Schedule(on=2, off=4, ramp=2))
    trainer, rows = fit(module, [callback], quiet, max_steps=9)
    shares = [rows[step]["symmetry/removal_strength"] for step in sorted(rows) if step < 9]
    offset = (module.track[5] - 0.5 * module.track[4]) / 0.5  # the step at full strength
    strengths = [0, 0, 0, 0.5, 1, 1, 1, 0.5]
    for step, strength in enumerate(strengths):
        moved = 2 * (module.track[step + 1] - 0.5 * module.track[step])
        torch.testing.assert_close(moved, strength * offset, rtol=0, atol=1e-12)
    assert offset.abs().min() > 0
    assert callback.history == ((2, "on", "on=2"), (6, "off", "off=4"))
    assert shares == [*strengths, 0]
    assert hooks(trainer) == 0


def test_the_very_same_parameters_come_back(quiet):
    module = Small()
    before = dict(module.named_parameters())
    seen = []

    def on_train_batch_end(*_):
        (optimizer,) = module.trainer.optimizers
        seen.append([len(group["params"]) for group in optimizer.param_groups] + [len(optimizer.state)])

    module.on_train_batch_end = on_train_batch_end
    callback = AddSymmetry({"*.0.weight": Hadamard(depth=3)}, schedule=Schedule(on=2, off=3))
    trainer, _ = fit(module, [callback], quiet, max_steps=7)
    assert seen == [[4, 4]] * 2 + [[6, 6]] * 3 + [[4, 4]] * 2
    assert all(parameter is before[name] for name, parameter in module.named_parameters())
    (group,) = trainer.optimizers[0].param_groups
    assert [id(p) for p in group["params"]] == [id(p) for p in before.values()]
    steps = [int(trainer.optimizers[0].state[parameter]["step"]) for parameter in group["params"]]
    assert steps == [2, 7, 7, 7]
    assert group["lr"] == pytest.approx(0.02 * 0.9**0)


def test_factors_are_pruned_only_if_asked(quiet):
    options = {"lr": 0.5, "weight_decay": 0.2}
    zeros = []
    for threshold in (None, 0.05):
        module = Small(torch.optim.SGD, **options)
        schedule = Schedule(on=0, off=15)
        fit(module, [AddSymmetry(Hadamard(), schedule=schedule, threshold=threshold)], quiet)
        zeros.append(sum(int((p == 0).sum()) for p in module.parameters()))
    assert zeros[0] == 0 < zeros[1]


def test_named_parameters_of_an_optimizer_keep_their_names_beside_them(quiet):
    class Named(Small):
        def configure_optimizers(self):
            return torch.optim.SGD(self.named_parameters(), lr=0.1, weight_decay=0.1)

    try:
        torch.optim.SGD(Named().named_parameters(), lr=0.1)
    except TypeError:
        pytest.skip("optimizers of this torch have no names")
    module = Named()
    trainer, _ = fit(module, [AddSymmetry(LowRank(), schedule=Schedule(on=1))], quiet, max_steps=2)
    (group,) = trainer.optimizers[0].param_groups
    named = dict(module.named_parameters())
    pairs = zip(group["param_names"], group["params"], strict=True)
    assert all(named[name] is parameter for name, parameter in pairs)
    assert len(named) == 6


def test_accumulated_gradients_are_whole(quiet):
    class Watching(Small):
        def on_train_batch_start(self, batch, batch_idx):
            if batch_idx == 2:
                self.copy = copy.deepcopy(self.model)

        def on_before_optimizer_step(self, optimizer):
            self.found = [parameter.grad.clone() for parameter in self.model.parameters()]

    module = Watching(torch.optim.SGD)
    callback = AddSymmetry(LowRank(), schedule=Schedule(on=1))
    fit(module, [callback], quiet, accumulate_grad_batches=2, max_steps=2)
    assert callback.history == ((1, "on", "on=1"),)
    for x, y in module.train_dataloader().batches[2:4]:
        (torch.nn.functional.cross_entropy(module.copy(x.double()), y) / 2).backward()
    expected = [parameter.grad for parameter in module.copy.parameters()]
    assert len(expected) == len(module.found) == 6
    torch.testing.assert_close(module.found, expected, rtol=0, atol=1e-14)


def test_several_optimizers_by_hand(quiet):
    module, plain = ByHand(), ByHand()
    callback = AddSymmetry(LowRank(), schedule=Schedule(on=3, off=4, ramp=2))
    trainer, _ = fit(module, [callback], quiet)
    assert [step for step, _, _ in callback.history] == [4, 8]
    assert [name for name, _ in module.named_parameters()] == [name for name, _ in plain.named_parameters()]
    assert hooks(trainer) == 0
    removed = RemoveSymmetry({"*.0.*": Syre(std=0.1), "*": Syre(std=0.5, seed=1)}, schedule=Schedule(on=3))
    fit(ByHand(), [removed], quiet)
    assert removed.history == ((4, "on", "on=3"),)


def test_each_parameter_has_the_offset_of_its_pattern(quiet):
    config = {"*.bias": None, "*.0.*": Syre(std=0.5), "*": Syre(std=0.5, seed=1)}
    module, plain = Small(torch.optim.SGD), Small(torch.optim.SGD)
    one, other = Small(torch.optim.SGD), Small(torch.optim.SGD)
    fit(module, [RemoveSymmetry(config)], quiet, max_steps=1)
    fit(plain, [], quiet, max_steps=1)
    fit(one, [RemoveSymmetry(Syre(std=0.5))], quiet, max_steps=1)
    fit(other, [RemoveSymmetry(Syre(std=0.5, seed=1))], quiet, max_steps=1)
    assert torch.equal(module.model[0].weight, one.model[0].weight)
    assert torch.equal(module.model[2].weight, other.model[2].weight)
    torch.testing.assert_close(module.model[0].bias, plain.model[0].bias, rtol=0, atol=1e-15)
    assert not torch.equal(one.model[2].weight, other.model[2].weight)


def test_layers_are_installed_and_folded_and_the_rest_is_left_to_the_optimizer(quiet):
    module = Small()
    seen = []
    module.on_train_batch_end = lambda *_: seen.append(
        [type(layer).__name__ for layer in (module.model[0], module.model[2])]
    )
    config = {"*.0.weight": WeightAsymmetry(fixed=2), "*": Syre()}
    fit(module, [RemoveSymmetry(config, schedule=Schedule(on=2, off=2))], quiet, max_steps=6)
    kept = ["Linear", "Linear"]
    assert seen[:2] == [kept] * 2 and seen[4:] == [kept] * 2
    assert seen[2] != kept and seen[2][1] == "Linear"


def test_activations_come_back(quiet):
    module = Small()
    tanh = module.model[1]
    fit(module, [RemoveSymmetry(ActivationAsymmetry(), schedule=Schedule(on=1, off=2))], quiet, max_steps=4)
    assert module.model[1] is tanh


@pytest.mark.parametrize("first", ["monitor", "steering"])
def test_a_transition_turns_it_on_wherever_the_detector_stands(first, quiet):
    class Falling(Small):
        def training_step(self, batch, batch_idx):
            return super().training_step(batch, batch_idx) * 0 + (2.0 if self.global_step < 20 else 1.0)

    detector = StageDetector(every_n_steps=1, strict=True)
    callback = RemoveSymmetry(
        Syre(), schedule=Schedule(on=OnTransition("loss", "fell", every_n_steps=5), off=4)
    )
    callbacks = [detector, callback] if first == "monitor" else [callback, detector]
    fit(Falling(), callbacks, quiet, max_steps=45)
    (on, off) = callback.history
    assert on == (30, "on", "loss of loss fell at step 21")
    assert off == (34, "off", "off=4")


def refused(quiet, match, callback, module=None, error=ValueError):
    module = Small() if module is None else module
    trainer = lightning.pytorch.Trainer(**{**quiet, "max_steps": 1}, callbacks=callback)
    with pytest.raises(error, match=match):
        trainer.fit(module)
    assert hooks(trainer) == 0
    assert_equal(module, Small())


def test_what_would_fail_later_is_refused_at_the_start(quiet):
    later = Schedule(on=5)
    refused(
        quiet, "must have a StageDetector", [RemoveSymmetry(Syre(), schedule=Schedule(on=OnTransition()))]
    )
    refused(quiet, "pattern", [AddSymmetry({"nothing": LowRank()}, schedule=later)])
    refused(quiet, "`fixed`", [RemoveSymmetry(WeightAsymmetry(fixed=99), schedule=later)])
    both = [AddSymmetry(LowRank(), schedule=later), RemoveSymmetry(WeightAsymmetry(fixed=1), schedule=later)]
    refused(quiet, r"at most one callback .* found AddSymmetry, RemoveSymmetry", both)
    with pytest.raises(ValueError, match=r"`schedule` must have no ramp for WeightAsymmetry.*, found 3"):
        RemoveSymmetry(WeightAsymmetry(fixed=1), schedule=Schedule(ramp=3))
    with pytest.raises(ValueError, match="activations together with weights"):
        RemoveSymmetry({"*.1": ActivationAsymmetry(), "*": WeightAsymmetry(fixed=1)}, schedule=later)
    with pytest.raises(ValueError, match="`threshold` must be a finite number of at least 0, found -1"):
        AddSymmetry(LowRank(), threshold=-1)


def test_a_key_that_never_came_is_named(quiet):
    callback = RemoveSymmetry(Syre(), schedule=Schedule(on=OnMetric("nothing", above=1, every_n_steps=1)))
    with pytest.warns(UserWarning, match="waited for `nothing`, which was never logged"):
        fit(Small(), [callback], quiet, max_steps=2)
    assert callback.history == ()


def test_parameters_without_decay_are_named_before_they_have_factors(quiet):
    with pytest.warns(UserWarning, match=r"favours nothing in model\.0\.weight, model\.2\.weight:"):
        callback = AddSymmetry(LowRank(), schedule=Schedule(on=5))
        fit(Small(weight_decay=0.0), [callback], quiet, max_steps=1)


def test_a_step_that_fails_leaves_whole_groups_and_no_hooks(quiet):
    class Failing(Small):
        def training_step(self, batch, batch_idx):
            if self.global_step == 3:
                raise ArithmeticError("batch")
            return super().training_step(batch, batch_idx)

    module = Failing()
    callbacks = [AddSymmetry(LowRank(), schedule=Schedule(on=1, ramp=9)), RemoveSymmetry(Syre())]
    trainer = lightning.pytorch.Trainer(**quiet, max_steps=9, callbacks=callbacks)
    with pytest.raises(ArithmeticError, match="batch"):
        trainer.fit(module)
    (group,) = trainer.optimizers[0].param_groups
    assert hooks(trainer) == 0
    assert {id(p) for p in group["params"]} == {id(p) for p in module.parameters()}
    fold(module)


@pytest.mark.parametrize(
    ("package", "cli_class"),
    [(PACKAGES[0], LightningCLI), (PACKAGES[1], StandaloneCLI)],
    ids=["one", "other"],
)
def test_schedules_are_read_from_yaml(package, cli_class, quiet, tmp_path, monkeypatch):
    event = {"class_path": "lightning_symmetry.OnMetric", "init_args": {"above": 0.5}}
    callbacks = [
        {
            "class_path": "lightning_symmetry.RemoveSymmetry",
            "init_args": {"config": {"std": 0.25}, "schedule": {"on": event, "off": 100, "ramp": 3}},
        },
        {
            "class_path": "lightning_symmetry.AddSymmetry",
            "init_args": {
                "config": {"class_path": "lightning_symmetry.LowRank"},
                "schedule": {"on": 1, "off": {**event, "init_args": {"below": 0.1}}},
            },
        },
    ]
    config = tmp_path / "config.yaml"
    config.write_text(json.dumps({"trainer": {"callbacks": callbacks, "max_steps": 1, **quiet}}))
    monkeypatch.setattr(sys, "argv", ["program", "--config", str(config)])
    cli = cli_class(small_class(package), save_config_callback=None, seed_everything_default=False, run=False)
    removing, adding = (
        next(each for each in cli.trainer.callbacks if isinstance(each, kind))
        for kind in (RemoveSymmetry, AddSymmetry)
    )
    assert removing.schedule == Schedule(on=OnMetric(above=0.5), off=100, ramp=3)
    assert removing.config == Syre(std=0.25)
    assert adding.schedule == Schedule(on=1, off=OnMetric(below=0.1))
