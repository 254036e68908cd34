import json
import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from benchmarks import __main__ as benchmarks
from benchmarks.cost import command, discovery
from benchmarks.cost.machine import Machine, measured
from benchmarks.cost.models import Decoder, VisionTransformer
from benchmarks.cost.observation import peers, table
from benchmarks.cost.observation.arithmetic import Arithmetic, Rates, arithmetic
from benchmarks.cost.observation.cases import CASES, Case
from benchmarks.cost.observation.measurement import FIND, LOOK, MONITOR, READ, SKETCH, STEP, Cost, measure
from benchmarks.cost.observation.timing import CPU, Timing, alternate
from lightning_symmetry import find_symmetries


def took(**seconds):
    return {name.replace("_", " "): Timing(value, value / 5, 5) for name, value in seconds.items()}


COST = Cost(
    "small",
    1_234_500,
    took(
        step=1.5,
        find=0.25,
        look=0.5,
        sketched_look=0.0034,
        look_of_the_monitor=0.6,
        read=0.001,
        singular_values=2.0,
        histograms=0.05,
    ),
    Arithmetic(products=3e9, precise=2e9, eigenvalues=1e9, bytes=9_876_000),
)
TWO_LAYERS = Case(
    "two layers",
    lambda: nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3)),
    lambda: (torch.randn(2, 4), torch.randint(3, (2,))),
)
BATCH = (torch.ones(2, 4), torch.tensor([0, 2]))
MACHINE = Machine(
    "cpu", "chip", 2, 8 * 2**30, "Linux", "3.11", "2.13", Rates(single=32e9, double=16e9), 9.876e9
)


def test_looks_stand_beside_the_step():
    cells = table.looks([COST]).splitlines()[2].strip("| ").split(" | ")
    assert cells[:5] == ["small", "1,234,500", "1.50 s ± 10%", "250 ms ± 10%", "500 ms ± 10%"]
    assert cells[5:] == ["0.33", "3.4 ms ± 10%", "3.4", "600 ms ± 10%", "50", "0.80%"]


def test_the_monitor_waits_longer_where_looks_are_dear():
    times = COST.times | {MONITOR: Timing(3.0, 0.0, 5)}
    assert table.looks([replace(COST, times=times)]).endswith("| 3.00 s ± 0% | 200 | 1.00% |")


def test_peers_are_counted_in_looks_of_both_kinds():
    assert table.peers([COST]).splitlines() == [
        "| model | exact look | look of the monitor | histograms | singular values |",
        "| --- | --- | --- | --- | --- |",
        "| small | 500 ms ± 10% | 600 ms ± 10% | 50 ms ± 10% | 2.00 s ± 10% |",
        "",
        "| model | counted in | histograms | singular values |",
        "| --- | --- | --- | --- |",
        "| small | exact looks | 0.10 | 4.00 |",
        "| small | looks of the monitor | 0.08 | 3.33 |",
    ]


def test_a_peer_that_was_timed_for_one_model_only_is_left_blank_for_others():
    other = replace(COST, title="tiny", times=COST.times | took(learning_coefficient=60.0))
    times, ratios = (text.splitlines() for text in table.peers([COST, other]).split("\n\n"))
    assert times[2].endswith("| 2.00 s ± 10% |  |") and times[3].endswith("| 60.00 s ± 10% |")
    assert [line.rsplit(" | ", 1)[1] for line in ratios[2:]] == [" |", " |", "120 |", "100 |"]


def test_operations_are_held_against_the_machine():
    text = table.bounds([COST], MACHINE)
    cells = "3 GFLOP | 2 GFLOP | 1 GFLOP | 0.00988 GB | 2.0 × | 12 GFLOP/s"
    assert text.splitlines()[2] == f"| small | {cells} | 281 ms | 56% | 1 ms | 0% |"  # 3/32 + 3/16 s


def test_a_machine_is_described_with_what_bounds_it():
    here = measured(CPU, 1)
    assert here.threads == torch.get_num_threads() and here.torch == torch.__version__
    assert min(here.memory, here.rates.single, here.rates.double, here.bandwidth) > 1e6
    assert str(MACHINE) == "2 threads of chip, torch 2.13"
    assert MACHINE.pace.endswith(
        "32 GFLOP/s in float32, 16 GFLOP/s in float64. A sum of two long vectors: 9.88 GB/s."
    )


def test_a_time_tells_how_far_it_can_be_trusted():
    assert str(Timing(2.0, 0.4, 3)) == "2.00 s ± 10%"
    assert str(Timing(0.0021, 0.0, 1)) == "2.1 ms"


def test_every_row_has_the_columns_of_its_head():
    texts = table.report([COST, COST], MACHINE).split("\n\n")
    assert [len(text.splitlines()) for text in texts] == [4, 4, 6, 4]
    for text in texts:
        assert len({line.count("|") for line in text.splitlines()}) == 1


def test_operations_and_bytes_of_a_product_and_of_eigenvalues():
    a, b = torch.randn(3, 4), torch.randn(4, 5)
    assert arithmetic(lambda: (a @ b).T) == Arithmetic(2 * 3 * 4 * 5, 0, 0, 4 * (12 + 20 + 15))
    sums = torch.zeros(3, 5, dtype=torch.float64)
    assert arithmetic(lambda: sums.addmm_(a.double(), b.double())).precise == 2 * 3 * 4 * 5
    symmetric = torch.eye(6, dtype=torch.float64).repeat(7, 1, 1)
    counts = arithmetic(lambda: torch.linalg.eigvalsh(symmetric))
    assert (counts.operations, counts.eigenvalues, counts.uncounted) == (7 * 4 * 6**3 // 3,) * 2 + ({},)
    assert counts.bytes >= 8 * 7 * (36 + 6)


def test_nothing_is_counted_where_nothing_is_multiplied():
    x = torch.ones(5)
    assert arithmetic(lambda: x + x) == Arithmetic(0, 0, 0, 3 * 20)
    assert arithmetic(lambda: x.view(5, 1)) == Arithmetic(0, 0, 0, 0)


def test_decompositions_without_a_formula_are_named_with_the_largest():
    counts = arithmetic(lambda: [torch.linalg.qr(torch.ones(*shape)) for shape in ((3, 3), (5, 2), (2, 2))])
    assert counts.uncounted == {"linalg_qr": (5, 2)}
    text = table.bounds([replace(COST, arithmetic=counts)], MACHINE)
    assert text.endswith("\n\nNot counted: linalg_qr of at most 5 × 2 (small).")


def test_actions_take_turns_until_it_is_enough(monkeypatch):
    clock = iter(range(1000))
    monkeypatch.setattr("time.perf_counter", lambda: float(next(clock)))  # each action takes a second
    calls = []
    times = alternate({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, 4, enough=3.0)
    assert calls == ["a", "b"] * 4
    assert times == {"a": Timing(1.0, 0.0, 3), "b": Timing(1.0, 0.0, 3)}


def test_a_model_is_measured_with_its_peers_that_take_not_too_many_steps(monkeypatch):
    monkeypatch.setitem(peers.GRADIENT_STEPS, "weightwatcher", 10**9)
    cost = measure(TWO_LAYERS, ["weightwatcher", "singular values"], 1)
    assert cost.parameters == 4 * 6 + 6 + 6 * 3 + 3
    assert set(cost.times) == {STEP, FIND, LOOK, SKETCH, MONITOR, READ, "singular values"}
    assert all(timing.seconds > 0 and timing.count == 1 for timing in cost.times.values())
    assert cost.arithmetic.products > 0 and cost.arithmetic.bytes > 4 * cost.parameters


def test_gradient_steps_of_peers_are_to_end_within_half_a_minute():
    every = list(peers.PEERS)
    assert peers.affordable(every, 30 / 800) == every
    assert peers.affordable(every, 31 / 800) == every[:-1] == every[: every.index("learning coefficient")]


def test_peers_that_are_not_installed_are_named(monkeypatch, capsys):
    monkeypatch.setattr(peers, "find_spec", lambda name: None)
    assert peers.installed() == ["singular values"]
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == list(peers.MODULES)


def test_all_weight_matrices_are_decomposed():
    model = nn.Sequential(nn.Conv2d(3, 4, 2), nn.BatchNorm2d(4), nn.Linear(4, 2), nn.Embedding(7, 5))
    with peers.singular_values(model, BATCH) as decompose:
        assert [tuple(values.shape) for values in decompose()] == [(4,), (2,), (5,)]


def test_histograms_are_drawn_of_weights_and_gradients(monkeypatch):
    writer = pytest.importorskip("torch.utils.tensorboard", exc_type=ImportError).SummaryWriter
    drawn = {}
    monkeypatch.setattr(writer, "add_histogram", lambda self, tag, values: drawn.update({tag: values}))
    model = nn.Linear(3, 2)
    model(torch.ones(1, 3)).sum().backward()
    with peers.histograms(model, BATCH) as draw:
        draw()
    assert set(drawn) == {"weight", "weight.grad", "bias", "bias.grad"}
    assert drawn["weight"] is model.weight and drawn["weight.grad"] is model.weight.grad


def test_hooks_on_the_weights_of_a_model_are_met_by_no_step_of_it():
    model, met = nn.Linear(3, 2), []
    same = peers.Weights(model)
    weights = list(same.parameters())
    same.register_forward_hook(lambda module, inputs, output: met.append(output))
    weights[0].register_hook(met.append)
    model(torch.ones(1, 3)).sum().backward()
    assert met == []
    same()
    torch.autograd.grad(weights, weights, [model.weight.grad, model.bias.grad])
    assert met[0] is None and met[1] is model.weight.grad
    assert [w.data_ptr() for w in weights] == [model.weight.data_ptr(), model.bias.data_ptr()]


def test_wandb_draws_weights_and_gradients_and_is_closed(monkeypatch, capfd):
    wandb = pytest.importorskip("wandb")
    from wandb.integration.torch.wandb_torch import TorchHistory

    drawn, model = {}, nn.Linear(4, 3)
    stats = TorchHistory.log_tensor_stats
    monkeypatch.setattr(
        TorchHistory,
        "log_tensor_stats",
        lambda self, tensor, name: (drawn.update({name: tensor}), stats(self, tensor, name)),
    )
    nn.functional.cross_entropy(model(BATCH[0]), BATCH[1]).backward()
    with peers.watch(model, BATCH) as draw:
        draw()
        assert wandb.run.offline and wandb.run.step == 1
    assert wandb.run is None and capfd.readouterr() == ("", "")
    of = {"parameters": (model.weight, model.bias), "gradients": (model.weight.grad, model.bias.grad)}
    assert set(drawn) == {f"{kind}/weights.{i}" for kind in of for i in (0, 1)}
    for name, tensor in drawn.items():
        kind, _, i = name.partition("/weights.")
        assert torch.equal(tensor, of[kind][int(i)])


@pytest.mark.filterwarnings("ignore")  # those of its imports
def test_the_learning_coefficient_takes_a_step_for_each_draw_on_copies_of_the_model(monkeypatch, capfd):
    pytest.importorskip("devinterp")
    monkeypatch.setattr(peers, "CHAINS", 2)
    monkeypatch.setattr(peers, "DRAWS", 3)
    model = TWO_LAYERS.build()
    before = [parameter.detach().clone() for parameter in model.parameters()]
    with peers.learning_coefficient(model, BATCH) as estimate:
        found = estimate()
    assert found["loss/trace"].shape == (2, 3) and math.isfinite(found["llc/mean"])
    assert all(map(torch.equal, model.parameters(), before)) and capfd.readouterr() == ("", "")


@pytest.mark.filterwarnings("ignore")  # those of its own calls
def test_weightwatcher_sees_every_layer_that_is_large_enough():
    pytest.importorskip("weightwatcher")
    model = nn.Sequential(nn.Linear(64, 60), nn.ReLU(), nn.Linear(60, 64))
    with peers.weightwatcher(model, BATCH) as analyze:
        assert len(analyze()) == 2


@pytest.mark.parametrize("name", CASES)
def test_every_model_puts_out_logits_for_the_classes_of_its_batch(name):
    with torch.device("meta"):
        model = CASES[name].build()
        x, y = CASES[name].batch()
        logits = model(x)
    assert logits.ndim == 2 and logits.shape[:1] == y.shape


@pytest.mark.parametrize(
    ("model", "x", "groups"),
    [
        (
            VisionTransformer(blocks=1, width=8, heads=2, patch=4, image=8),
            torch.zeros(1, 3, 8, 8),
            {"permutation", "general_linear", "orthogonal"},
        ),
        (
            Decoder(blocks=1, width=8, heads=2, hidden=6, vocabulary=11, length=4),
            torch.zeros(1, 4, dtype=torch.long),
            {"permutation", "general_linear", "orthogonal", "plane_rotation"},
        ),
    ],
)
def test_transformers_have_the_symmetries_of_their_kind(model, x, groups):
    assert groups <= {symmetry.group for symmetry in find_symmetries(model, x)}


def test_the_decoder_looks_back_only():
    torch.manual_seed(0)
    model = Decoder(blocks=2, width=8, heads=2, hidden=6, vocabulary=11, length=4)
    tokens = torch.tensor([[1, 2, 3, 4]])
    changed = torch.tensor([[1, 2, 3, 5]])
    one, other = model(tokens), model(changed)
    assert torch.equal(one[:3], other[:3]) and not torch.equal(one[3], other[3])


def test_the_tools_of_discovery_race_and_one_that_fails_is_named(monkeypatch):
    monkeypatch.setitem(discovery.TOOLS, "rebasin", lambda: lambda specimen: specimen.no_such_thing)
    found = discovery.race(CASES["demo"], [discovery.OURS, "rebasin"], 1)
    assert {one.tool: one.trouble for one in found} == {"rebasin": "AttributeError", discovery.OURS: ""}
    row = discovery.table(found, [discovery.OURS, "rebasin"]).splitlines()[2]
    assert row.startswith("| the demo's MLP 64-64-64-10 | ") and row.endswith(" ms | AttributeError |")


@pytest.mark.parametrize("given", [["vgg"], ["--models", "vgg"], ["--accelerator", "tpu"]])
def test_an_unknown_name_is_an_error_of_the_command_line(given, capsys):
    with pytest.raises(SystemExit):
        benchmarks.main(["cost", *given])
    assert given[-1] in capsys.readouterr().err


@pytest.mark.skipif(torch.accelerator.is_available(), reason="there is an accelerator here")
def test_an_accelerator_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="--accelerator must be one that torch finds here"):
        command.device_of("gpu")


def test_the_command_writes_tables_and_numbers(monkeypatch, tmp_path, capsys):
    readme, numbers = tmp_path / "README.md", tmp_path / "cost.json"
    readme.write_text("<!-- looks-cpu -->\n<!-- /looks-cpu -->\n")
    monkeypatch.setattr(command, "README", readme)
    monkeypatch.setattr("benchmarks.cost.machine.measured", lambda *args: MACHINE)
    monkeypatch.setattr("benchmarks.cost.observation.looks.measure", lambda *args: COST)
    arguments = ["--models", "demo", "--repeat", "1", "--json", str(numbers), "--write-readme"]
    assert benchmarks.main(["cost", "looks", *arguments]) == 0
    assert table.report([COST], MACHINE) in readme.read_text()
    assert table.report([COST], MACHINE) in capsys.readouterr().out
    written = json.loads(numbers.read_text())
    assert written["machine"]["bandwidth"] == MACHINE.bandwidth
    assert written["looks"][0]["arithmetic"]["products"] == 3e9
