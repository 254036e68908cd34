"""Controls of symmetry removal: what they do, and how the table tells them from syre."""

import pytest
import torch
from torch.utils.data import DataLoader

pytest.importorskip("sklearn")

from benchmarks import __main__ as benchmarks
from benchmarks.reproductions.controls import command
from benchmarks.reproductions.controls.collapse import figures, offset, trained
from benchmarks.reproductions.controls.fit import fit
from benchmarks.reproductions.controls.noise import NoiseAtEveryStep, NoiseAtStart
from benchmarks.reproductions.controls.resetting import ResetUnits, superfluous
from benchmarks.reproductions.controls.table import same, table
from benchmarks.reproductions.controls.tied import TASKS, TiedRegressor, measured
from benchmarks.reproductions.controls.ways import DECAY, ONCE, RESET, SYRE, WAYS
from lightning_symmetry import Syre
from lightning_symmetry.demo.data import digits
from lightning_symmetry.surgery import initial_std, syre_offset


def still(steps):
    """Batches whose target is what the zero network puts out."""
    return DataLoader([(torch.zeros(4, 8), torch.zeros(4, 1))] * steps, batch_size=None)


def weights(module):
    return {name: parameter.detach().clone() for name, parameter in module.named_parameters()}


def test_noise_at_the_start_is_the_offset_itself():
    config, began = Syre(std=0.5, seed=3), {}

    def make():
        module = TiedRegressor(decay=0.0)
        began.update(weights(module))
        return module

    module = fit(make, still(1), 0, [NoiseAtStart(config)], seed=0)
    for name, value in weights(module).items():
        assert torch.equal(value, began[name] + syre_offset(module, name, config))


def test_noise_at_every_step_has_the_size_of_the_offset_in_the_end():
    config = Syre(std=0.5)

    class Still(TiedRegressor):
        def training_step(self, batch, batch_idx):
            return 0.0 * sum(parameter.sum() for parameter in self.parameters())

    module = fit(lambda: Still(decay=0.1), still(120), 120, [NoiseAtEveryStep(config)], seed=0)
    # What momentum holds back makes it larger: 1.199 is the exact factor of these settings.
    wanted = 1.199 * 0.5 * initial_std(module, "model.0.weight")
    assert float(module.model[0].weight.detach().std()) == pytest.approx(wanted, rel=0.15)


def test_dead_units_and_those_that_read_the_same_are_superfluous():
    incoming = torch.tensor([[1.0, 0.0], [0.0, 1.0], [2.0, 0.1], [1.0, 1.0], [3.0, 0.0]])
    outgoing = torch.tensor([[1.0, 1.0, 1.0, 0.01, -1.0]])
    assert superfluous(incoming, outgoing).tolist() == [False, False, True, True, True]


def test_superfluous_units_are_drawn_anew_and_read_by_nobody():
    module = fit(lambda: TiedRegressor(decay=0.1), still(2), 2, [ResetUnits(1, 1, seed=0)], seed=0)
    first, _, second = module.model
    assert not superfluous(first.weight, torch.ones(1, 32))[0]
    assert len({tuple(row) for row in first.weight.tolist()}) == 32
    # Nothing but the step taken since moved what is read of them.
    assert second.weight[0, 1:].abs().max() < 0.05 < second.weight[0, 0]


def test_equal_units_stay_equal_under_decay_and_part_otherwise():
    found = {way: measured(way, TASKS[0], seed=0, steps=40) for way in (DECAY, SYRE, ONCE, RESET)}
    assert found[DECAY]["spread"] < 1e-6 and found[DECAY]["distinct units"] == 1
    assert all(found[way]["spread"] > 1e-4 for way in (SYRE, ONCE, RESET))


def test_a_network_is_trained_and_measured():
    data = digits()
    module = trained(SYRE, data, seed=0, epochs=1, penalty=3e-3)
    found = figures(module, SYRE, data, seed=0)
    assert found["distinct units"] + found["dead units"] <= 128
    assert found["rank of the layer"] != found["without the offset"]
    again = trained(DECAY, data, 1, 1, 0.0, start=module.state_dict())
    assert not torch.equal(again.model[0].weight, module.model[0].weight)
    assert figures(again, DECAY, data, 1)["rank of the layer"] > 1
    assert offset(1).seed == 1


def test_pairs_are_told_apart_by_their_differences():
    assert not same([1.0, 5.0, 9.0], [1.1, 5.1, 9.1])  # seeds differ more than ways do
    assert same([1.0, 5.0, 9.0], [1.1, 4.9, 9.05])
    assert same([1.0], [2.0])


def test_a_cell_holds_mean_interval_and_what_syre_does():
    found = {
        DECAY: [{"a": 1.0, "b": 1e-7}, {"a": 3.0, "b": 3e-7}],
        SYRE: [{"a": 2.0, "b": 0.5}, {"a": 2.0, "b": 0.5}],
    }
    assert table(found).splitlines() == [
        "|  | a | b |",
        "| --- | --- | --- |",
        "| weight decay alone | 2 ± 13 = | 2e-07 ± 1e-06 |",
        "| `RemoveSymmetry` | 2.00 ± 0.00 | 0.50 ± 0.00 |",
    ]


def test_the_command_writes_the_tables(monkeypatch, tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text("<!-- controls -->\n<!-- /controls -->\n")
    monkeypatch.setattr(command, "README", readme)
    found = {way: [{"dead units": 1.0}] for way in WAYS}
    monkeypatch.setattr(command, "tied", lambda *args: found)
    monkeypatch.setattr(command, "digit_networks", lambda *args: (found, found))
    assert benchmarks.main(["controls", "--seeds", "1", "--write-readme"]) == 0
    assert readme.read_text().count(table(found)) == len(TASKS) + 2
