"""From a checkpoint with damaged states a run goes on, if they are those of monitors, and else it stops."""

import pytest
import torch

from lightning_symmetry import AddSymmetry, Hadamard, RemoveSymmetry, Schedule, Syre

from ..callbacks.runs import fit
from ..training.watching import Small, monitors, same_weights


def damage(folder, trainer, change) -> str:
    """Save what a Trainer has, with every state of a callback changed."""
    trainer.save_checkpoint(folder / "good.ckpt")
    checkpoint = torch.load(folder / "good.ckpt", weights_only=True)
    checkpoint["callbacks"] = {key: change(state) for key, state in checkpoint["callbacks"].items()}
    torch.save(checkpoint, folder / "bad.ckpt")
    return str(folder / "bad.ckpt")


def of_later_steps(state):
    """Well-formed, and of a run that has gone on for longer."""
    return {key: 10**15 if key in {"last_step", "last_reading"} else value for key, value in state.items()}


@pytest.mark.filterwarnings("ignore:Be aware that when using `ckpt_path`")  # without monitors
@pytest.mark.parametrize(
    "change",
    [lambda state: dict(list(state.items())[1:]), lambda state: dict.fromkeys(state, -1.5), of_later_steps],
    ids=["missing", "wrong", "later"],
)
def test_monitors_begin_anew(change, quiet, tmp_path):
    path = damage(tmp_path, fit(Small(), monitors(), quiet, max_steps=4), change)
    used, resumed, plain = monitors(), Small(), Small()
    for one in used:
        one.strict = False
    with pytest.warns(UserWarning, match=r"begins anew, its state is damaged: `(state|last)_") as warnings:
        fit(resumed, used, quiet, max_steps=8, ckpt_path=path)
    assert sum("begins anew" in str(w.message) for w in warnings) == 3
    assert used[0].last_step == 7 and [step for step, _ in used[0].state_dict()["looks"]] == [4, 7]
    fit(plain, [], quiet, max_steps=8, ckpt_path=path)
    same_weights(resumed, plain)
    with pytest.raises(ValueError, match=r"`(state_dict|last_step).* must"):
        fit(Small(), monitors(), quiet, max_steps=8, ckpt_path=path)


STEERING = {
    "removal": lambda: RemoveSymmetry(Syre(std=1.0), schedule=Schedule(on=2)),
    "addition": lambda: AddSymmetry(Hadamard(), schedule=Schedule(on=2)),
}


def without_a_tensor(state):
    change = state.get("change")
    if change is None:
        return {**state, "schedule": None}
    return {**state, "change": {**change, "exact": {"model.0.weight": torch.ones(())}}}


@pytest.mark.parametrize("change", [lambda state: dict.fromkeys(state, -1.5), without_a_tensor])
@pytest.mark.parametrize("make", STEERING.values(), ids=STEERING)
def test_steering_stops_before_the_first_step(make, change, quiet, tmp_path):
    path = damage(tmp_path, fit(Small(), [make()], quiet, max_steps=4), change)
    module = Small()
    stepped = []

    class Counted(torch.optim.SGD):
        def step(self, closure=None):
            stepped.append(1)
            return super().step(closure)

    module.configure_optimizers = lambda: Counted(module.parameters(), lr=0.1, weight_decay=0.1, momentum=0.9)
    with pytest.raises(ValueError, match=r"`state_dict.* must"):
        fit(module, [make()], quiet, max_steps=8, ckpt_path=path)
    assert not stepped
