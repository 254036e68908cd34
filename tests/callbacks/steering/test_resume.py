"""A run that is interrupted in any phase of a schedule goes on as if it had not been."""

import pytest
import torch

from lightning_symmetry import (
    AddSymmetry,
    Hadamard,
    LowRank,
    OnMetric,
    RemoveSymmetry,
    Schedule,
    Syre,
    WeightAsymmetry,
)

from .small import Small, assert_equal, fit

RAMP = Schedule(on=3, off=7, ramp=3)  # active from 3 up to 13
SWITCHED = Schedule(on=3, off=6)
CASES = {
    "offset": lambda: RemoveSymmetry(Syre(std=0.5), schedule=RAMP),
    "layers": lambda: RemoveSymmetry(
        {"*.0.weight": WeightAsymmetry(fixed=2), "*": Syre()}, schedule=SWITCHED
    ),
    "factors": lambda: AddSymmetry({"*.0.weight": Hadamard(), "*.weight": LowRank()}, schedule=RAMP),
    "at first": lambda: AddSymmetry(LowRank(), schedule=Schedule(on=0, off=5)),
    "from the start": lambda: AddSymmetry(LowRank()),
    "by events": lambda: RemoveSymmetry(
        Syre(std=0.5),
        schedule=Schedule(
            on=OnMetric("risk", above=0.5, every_n_steps=3), off=OnMetric("risk", below=0.5, every_n_steps=4)
        ),
    ),
}
RISKS = {1: 0.8, 2: float("nan"), 3: 0.8, 8: 0.2, 12: 0.9}


def run(quiet, case, **options):
    module, callback = Small(), CASES[case]()
    module.risks = RISKS
    _, rows = fit(module, [callback], quiet, **options)
    return module, callback, rows


def without_risk(rows):
    """Lightning repeats it until the end of an epoch, and does not know it any more in a resumed run."""
    return {step: {k: v for k, v in row.items() if k != "risk"} for step, row in rows.items()}


@pytest.fixture(scope="module")
def straight():
    """The runs that nothing interrupts, made once each."""
    return {}


@pytest.mark.parametrize(
    ("case", "stop"),
    [("factors", stop) for stop in (2, 3, 4, 8, 11, 14)]
    + [("offset", stop) for stop in (2, 4, 8, 14)]
    + [("by events", stop) for stop in (2, 4, 7, 11)]
    + [(case, stop) for case in ("layers", "at first") for stop in (4, 11)]
    + [("from the start", 4)],
)
def test_weights_and_logs_are_the_same(case, stop, quiet, tmp_path, straight):
    if case not in straight:
        straight[case] = run(quiet, case)
    whole, callback, rows = straight[case]
    module, first = Small(), CASES[case]()
    module.risks = RISKS
    trainer, before = fit(module, [first], quiet, max_steps=stop)
    path = tmp_path / "middle.ckpt"
    trainer.save_checkpoint(path)
    resumed, second, after = run(quiet, case, ckpt_path=path)
    assert_equal(resumed, whole)
    assert without_risk(before) | without_risk(after) == without_risk(rows)
    assert second.history == callback.history and len(second.history) > (case != "from the start")

    content = torch.load(path, weights_only=True)
    plain = Small()
    plain.load_state_dict(content["state_dict"], strict=True)
    x = torch.ones(2, 6, dtype=torch.float64)
    assert torch.equal(plain.model(x), module.model(x))


@pytest.mark.parametrize("case", ["offset", "layers", "factors"])
def test_a_plain_run_goes_on_from_the_middle(case, quiet, tmp_path):
    path = tmp_path / "middle.ckpt"
    trainer, _ = fit(Small(), [CASES[case]()], quiet, max_steps=5)
    trainer.save_checkpoint(path)
    with pytest.warns(UserWarning, match="callbacks used to create the checkpoint"):
        trainer, _ = fit(Small(), [], quiet, ckpt_path=path, max_steps=8)
    assert trainer.global_step == 8


@pytest.mark.parametrize("case", ["factors", "at first", "from the start"])
def test_the_checkpoint_of_a_plain_run_is_taken_up(case, quiet, tmp_path):
    path = tmp_path / "plain.ckpt"
    trainer, _ = fit(Small(), [], quiet, max_steps=4)
    trainer.save_checkpoint(path)
    module, callback, _ = run(quiet, case, ckpt_path=path, max_steps=5)
    assert callback.history[0][:2] == (4, "on")
    assert any("_factors" in name for name, _ in module.named_parameters())


def test_a_run_that_took_up_a_plain_one_resumes_exactly(quiet, tmp_path):
    plain, middle = tmp_path / "plain.ckpt", tmp_path / "middle.ckpt"
    fit(Small(), [], quiet, max_steps=4)[0].save_checkpoint(plain)
    whole, _, _ = run(quiet, "from the start", ckpt_path=plain)
    module = Small()
    fit(module, [CASES["from the start"]()], quiet, ckpt_path=plain, max_steps=9)[0].save_checkpoint(middle)
    resumed, _, _ = run(quiet, "from the start", ckpt_path=middle)
    assert_equal(resumed, whole)


@pytest.mark.parametrize("stop", [4, 11])
def test_a_second_fit_of_the_same_trainer_goes_on(stop, quiet):
    module, callback = Small(torch.optim.SGD), CASES["factors"]()
    trainer, _ = fit(module, [callback], quiet, max_steps=stop)
    before = {name: parameter.detach().clone() for name, parameter in module.named_parameters()}
    seen = {}

    def on_train_start():
        seen.update({name: parameter.detach().clone() for name, parameter in module.named_parameters()})

    module.on_train_start = on_train_start
    trainer.fit_loop.epoch_loop.max_steps = 16
    trainer.fit(module)
    assert any("_factors" in name for name in before)
    assert seen.keys() == before.keys() and all(torch.equal(seen[name], before[name]) for name in before)
    assert [step for step, _, _ in callback.history] == [3, 10]


def test_a_new_trainer_begins_the_schedule_anew(quiet):
    module, callback = Small(), CASES["factors"]()
    for _ in range(2):
        fit(module, [callback], quiet, max_steps=5)
        assert callback.history == ((3, "on", "on=3"),)
        assert any("_factors" in name for name, _ in module.named_parameters())


def test_a_checkpoint_whose_optimizers_had_factors_needs_them_from_the_start(quiet, tmp_path):
    path = tmp_path / "middle.ckpt"
    fit(Small(), [CASES["from the start"]()], quiet, max_steps=3)[0].save_checkpoint(path)
    with pytest.raises(ValueError, match="`schedule` must be on from the start to the end to go on"):
        run(quiet, "at first", ckpt_path=path)
