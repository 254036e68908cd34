"""Compiled and checkpointed models, mixed precision, accumulated gradients, several optimizers."""

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from lightning_symmetry import RepresentationMonitor

from .runs import Batches, Classifier, Memory, fit, monitored, network

FIRST = 2
"""Batches of a look."""


def monitor(**options):
    return RepresentationMonitor(
        **{"every_n_steps": 5, "batches": FIRST, "strict": True, "max_overhead": None, **options}
    )


def plain():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 3))


def trained(build, callbacks, quiet, **options):
    """Train, and return the module and what was logged at the first look that found something."""
    torch._dynamo.reset()
    module, logger = build(), Memory()
    fit(module, callbacks, quiet, **{"max_steps": 8, "logger": logger, **options})
    rows = (
        {key: value for key, value in row.items() if key.startswith("symmetry/")}
        for _, row in sorted(logger.rows.items())
    )
    return module, next((row for row in rows if row), {})


def same_weights(one, other):
    for (name, value), expected in zip(one.state_dict().items(), other.state_dict().values(), strict=True):
        assert torch.equal(value, expected), name


class Whole(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = network()

    def forward(self, x):
        return self.net(x)


def compiled(model):
    return torch.compile(model, backend="aot_eager")


def compiled_in_place(model):
    model.compile(backend="aot_eager")
    return model


class Silent(Classifier):
    """Logs nothing, which compiled code could not."""

    def training_step(self, batch, batch_idx):
        return nn.functional.cross_entropy(self.model(batch[0]), batch[1])


COMPILED = {
    "module": lambda: Silent(compiled(Whole())),
    "module in place": lambda: Silent(compiled_in_place(Whole())),
    "everything": lambda: torch.compile(Silent(Whole()), backend="aot_eager"),
}


@pytest.mark.parametrize("build", COMPILED.values(), ids=COMPILED)
def test_compiled_layers_are_not_seen_and_the_reason_is_said(build, quiet):
    match = "switches itself off.*all layers of Silent run as compiled code.*give a `probe`"
    with pytest.warns(UserWarning, match=match):
        module, row = trained(build, [monitor(strict=False)], quiet)
    assert not row
    same_weights(module, trained(build, [], quiet)[0])


@pytest.mark.skipif(not hasattr(torch.compiler, "set_stance"), reason="torch before 2.6 compiles the probe")
@pytest.mark.parametrize("build", COMPILED.values(), ids=COMPILED)
def test_a_probe_of_compiled_layers_runs_uncompiled(build, quiet):
    probe = Batches().batches[0]
    logged = []
    for make in (build, lambda: Silent(Whole())):
        module, _ = trained(make, [monitor(probe=probe, probe_gradients=True)], quiet)
        same_weights(module, trained(make, [], quiet)[0])
        torch._dynamo.reset()
        trainer = fit(make(), [monitor(probe=probe, probe_gradients=True)], quiet, max_steps=5)
        logged.append(monitored(trainer))
    assert "symmetry/alignment_forward_hg/model.net.4" in logged[0]
    assert logged[0] == pytest.approx(logged[1], abs=1e-4)


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")  # by the compiler
def test_compiled_parts_are_named_and_the_others_are_seen(quiet):
    def build():
        model = plain()
        model[2] = compiled(model[2])
        return Classifier(model)

    with pytest.warns(UserWarning, match="the layers model.2 run as compiled code") as warnings:
        module, row = trained(build, [monitor()], quiet)
    assert sum("compiled code" in str(w.message) for w in warnings) == 1
    assert {key.rpartition("/")[2] for key in row if "forward_hg/" in key} == {"model.0", "model.4"}
    same_weights(module, trained(build, [], quiet)[0])


def test_what_the_user_compiles_in_a_step_compiles_once_more_however_many_looks_there_are(quiet):
    graphs = []

    def backend(graph, inputs):
        graphs.append(graph)
        return graph.forward

    class Inside(Classifier):
        def __init__(self) -> None:
            super().__init__(plain())
            self.logits = torch.compile(lambda x: self.model(x), backend=backend)

        def training_step(self, batch, batch_idx):
            return nn.functional.cross_entropy(self.logits(batch[0]), batch[1])

    module, _ = trained(Inside, [], quiet)
    without = len(graphs)
    with pytest.warns(UserWarning, match="model.0, model.2, model.4 did not run in a look"):
        watched, row = trained(Inside, [monitor()], quiet)
    assert without <= len(graphs) - without <= 2 * without
    assert not row
    same_weights(watched, module)


class Checkpointed(nn.Module):
    def __init__(self, **options) -> None:
        super().__init__()
        self.net, self.options = network(), options

    def forward(self, x):
        x = self.net[0](x.requires_grad_())
        middle = self.net[1:6]
        x = checkpoint(middle, x, **self.options) if self.options else middle(x)
        return self.net[6](x)


def pure(options):
    """Without batch normalisation, which counts a batch twice when it is computed again."""
    model = Checkpointed(**options)
    model.net[1] = nn.Identity()
    return Classifier(model)


@pytest.mark.parametrize("reentrant", [True, False])
def test_what_checkpointing_computes_again_counts_once(reentrant, quiet):
    options = {"use_reentrant": reentrant}
    module, row = trained(lambda: pure(options), [monitor()], quiet)
    same_weights(module, trained(lambda: pure(options), [], quiet)[0])
    _, expected = trained(lambda: pure({}), [monitor()], quiet)
    assert "symmetry/alignment_forward_hg/model.net.4" in expected
    assert row == pytest.approx(expected, abs=1e-5)


def test_everything_is_accumulated_in_float32_under_autocast(quiet):
    def build():
        return Classifier(plain())

    module, row = trained(build, [monitor()], quiet, precision="bf16-mixed")
    same_weights(module, trained(build, [], quiet, precision="bf16-mixed")[0])
    _, expected = trained(build, [monitor()], quiet)
    # activations have eight bits, sums have more
    assert row.keys() == expected.keys()
    for key, value in expected.items():
        if "phase" not in key and "relations" not in key:
            assert row[key] == pytest.approx(value, rel=0.05, abs=0.05), key


def test_double_precision_is_seen_too(quiet):
    def build():
        return Classifier(plain())

    _, row = trained(build, [monitor()], quiet, precision="64-true")
    _, expected = trained(build, [monitor()], quiet)
    for key, value in expected.items():
        assert row[key] == pytest.approx(value, rel=1e-3, abs=1e-4), key


def test_batches_of_which_gradients_are_accumulated_are_seen_each(quiet):
    def build():
        return Classifier(plain())

    module, row = trained(build, [monitor()], quiet, accumulate_grad_batches=2, max_steps=4)
    same_weights(module, trained(build, [], quiet, accumulate_grad_batches=2, max_steps=4)[0])
    probe = tuple(torch.cat(each) for each in zip(*Batches().batches[:2], strict=True))
    logger = Memory()
    callback = monitor(probe=probe, probe_gradients=True)
    fit(build(), [callback], quiet, logger=logger, max_steps=1)
    # two batches at the same weights are one of twice the size
    assert row == pytest.approx({k: logger.rows[0][k] for k in row}, abs=1e-5)


class Adversaries(Classifier):
    """Two optimizers by hand, each of which steps before the other's forward pass."""

    def __init__(self) -> None:
        super().__init__(plain())
        with torch.random.fork_rng():
            torch.manual_seed(1)
            self.other = nn.Linear(3, 2)
        self.automatic_optimization = False

    def training_step(self, batch, batch_idx):
        for optimizer, sign in zip(self.optimizers(), (1, -1), strict=True):
            optimizer.zero_grad()
            self.manual_backward(sign * self.other(self.model(batch[0])).square().mean())
            optimizer.step()

    def configure_optimizers(self):
        return [torch.optim.SGD(part.parameters(), lr=0.05) for part in (self.model, self.other)]


def test_two_optimizers_by_hand(quiet):
    module, row = trained(Adversaries, [monitor()], quiet)
    same_weights(module, trained(Adversaries, [], quiet)[0])
    assert {key.rpartition("/")[2] for key in row if "forward_hg/" in key} == {
        "model.0",
        "model.2",
        "model.4",
        "other",
    }
