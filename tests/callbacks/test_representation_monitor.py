"""What is logged, and that nothing else changes."""

import random

import lightning.pytorch
import numpy as np
import pytest
import pytorch_lightning
import torch
from torch import nn

from lightning_symmetry import RepresentationMonitor, StageDetector, SymmetryMonitor
from lightning_symmetry.functional import (
    CanonicalAlignments,
    canonical_alignments,
    dormant_units,
    feature_ranks,
    layer_matrices,
    neural_collapse,
    rankme,
    separability,
    shuffled_canonical_alignments,
)

from .runs import Batches, Classifier, Memory, fit, module_class, monitored, network

OF_A_LAYER = {
    *(f"alignment_{r}{e}" for r in CanonicalAlignments._fields for e in ("", "_init", "_shuffled")),
    "canonical_phase",
    "canonical_relations",
    "feature_rank",
    "rankme",
}
OF_CLASSES = {
    "nc1",
    "nc1_trace_ratio",
    *(
        f"nc2_{part}{sign}"
        for part in ("", "classifier_")
        for sign in ("equinorm", "equiangularity", "etf_distance")
    ),
    "nc3",
    "nc4",
    "fisher_ratio",
    "discriminant_ratio",
    "nearest_centre_accuracy",
}
AGREEMENT = {
    "cka",
    "procrustes",
    "inner_product_correlation",
    "mutual_neighbours",
    "mutual_neighbours_chance",
}


def monitor(**options):
    return RepresentationMonitor(**{"every_n_steps": 5, "strict": True, "max_overhead": None, **options})


def probed():
    batches = Batches().batches
    return tuple(torch.cat(each) for each in zip(*batches[:4], strict=True))


KINDS = {
    "own steps": lambda: {},
    "one batch": lambda: {"batches": 1, "exponents": True},
    "probe": lambda: {"probe": probed(), "reference": network()},
    "probe with gradients": lambda: {"probe": probed(), "probe_gradients": True},
}


def hooks(module):
    return [
        name
        for name, part in module.named_modules()
        if part._forward_hooks or part._forward_pre_hooks or part._backward_hooks or part._backward_pre_hooks
    ]


class Random(Classifier):
    """Draws from every generator in a step, counts it, and writes to a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self.register_buffer("mean", torch.zeros(6))

    def training_step(self, batch, batch_idx):
        x, y = batch
        self.count += 1
        self.mean.mul_(0.9).add_(x.mean(0), alpha=0.1)
        x = x + 0.1 * torch.randn_like(x) + 0.01 * random.random() + 0.01 * np.random.rand()
        return super().training_step((x, y), batch_idx)


@pytest.mark.filterwarnings("ignore:RepresentationMonitor. some values are not defined")
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_weights_buffers_and_generators_are_the_same_bit_for_bit(kind, quiet):
    runs = []
    for callbacks in ([monitor(**kind())], []):
        random.seed(5)
        np.random.seed(5)
        module = Random()
        trainer = fit(module, callbacks, quiet)
        runs.append((module, torch.get_rng_state().tolist(), random.getstate(), str(np.random.get_state())))
        assert bool(monitored(trainer)) == bool(callbacks)
        assert not hooks(module)
        assert all(part.training for part in module.modules())
    (watched, *with_it), (plain, *without) = runs
    assert with_it == without
    assert watched.count == plain.count
    for name, value in plain.state_dict().items():
        assert torch.equal(value, watched.state_dict()[name]), name
    for name, part in watched.named_modules():
        assert part.__dict__.keys() == plain.get_submodule(name).__dict__.keys(), name


@pytest.mark.parametrize(
    "package", [lightning.pytorch, pytorch_lightning], ids=["lightning", "pytorch_lightning"]
)
def test_logs_every_quantity_under_both_names_of_lightning(package, quiet):
    trainer = fit(module_class(package)(), [monitor()], quiet, package, max_steps=20)
    logged = monitored(trainer)
    layers = {key.split("/", 2)[2] for key in logged if key.count("/") == 2}
    assert layers == {"model.0", "model.4", "model.6"}
    for layer in layers:
        found = {key.split("/")[1] for key in logged if key.endswith(f"/{layer}")}
        own = OF_A_LAYER if layer == "model.0" else OF_A_LAYER | {"dormant_share", "depth_phase"}
        assert found == own
    averaged = OF_A_LAYER - {"canonical_phase", "rankme"} | {"dormant_share"}
    assert {key.split("/")[1] for key in logged if key.count("/") == 1} == averaged | OF_CLASSES


class Capture(lightning.pytorch.Callback):
    """Catches by hand what a linear layer reads and writes in the first steps."""

    def __init__(self, layer: str, steps: int) -> None:
        self.layer, self.steps = layer, steps
        self.inputs, self.outputs, self.gradients, self.weights, self.labels = [], [], [], [], []

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx) -> None:
        if batch_idx >= self.steps:
            return
        layer = pl_module.get_submodule(self.layer)
        self.labels.append(batch[1])
        self.weights.append(layer.weight.detach().clone())
        self.bias = layer.bias.detach().clone()
        self.handle = layer.register_forward_hook(self.caught)

    def caught(self, module, args, output) -> None:
        self.inputs.append(args[0].detach().clone())
        self.outputs.append(output.detach().clone())
        output.register_hook(lambda gradient: self.gradients.append(gradient.clone()))
        self.handle.remove()


@pytest.mark.parametrize("layer", ["model.0", "model.4", "model.6"])
def test_values_are_those_of_the_tensors_caught_by_hand(layer, quiet):
    logger, capture = Memory(), Capture(layer, steps=3)
    fit(Classifier(), [monitor(batches=3), capture], quiet, logger=logger, max_steps=3)
    logged = {
        key.split("/")[1]: value for key, value in logger.rows[2].items() if key.endswith(f"/{layer}")
    } | {key.split("/")[1]: value for key, value in logger.rows[2].items() if key.count("/") == 1}
    inputs, outputs, gradients = (
        torch.cat(each).double() for each in (capture.inputs, capture.outputs, capture.gradients)
    )
    through = torch.cat([g.double() @ w.double() for g, w in zip(capture.gradients, capture.weights)])  # noqa: B905
    matrices = layer_matrices(inputs, through, outputs, gradients, capture.weights[-1].double())
    logged_of_layer = {k: v for k, v in logger.rows[2].items() if k.endswith(f"/{layer}")}
    for ending, expected in (
        ("", canonical_alignments(matrices)),
        ("_init", canonical_alignments(matrices)),
        ("_shuffled", shuffled_canonical_alignments(matrices)),
    ):
        for name, value in expected._asdict().items():
            key = f"symmetry/alignment_{name}{ending}/{layer}"
            assert logged_of_layer[key] == pytest.approx(value.item(), abs=2e-5), key
    held = torch.stack(list(canonical_alignments(matrices))) >= 0.7
    assert logged_of_layer[f"symmetry/canonical_relations/{layer}"] == held.sum()
    assert logged_of_layer[f"symmetry/canonical_phase/{layer}"] == sum(2**i for i in range(6) if held[i])
    ranks = feature_ranks(inputs)
    assert logged_of_layer[f"symmetry/feature_rank/{layer}"] == pytest.approx(ranks.effective_rank.item())
    assert logged_of_layer[f"symmetry/rankme/{layer}"] == pytest.approx(rankme(inputs).item())
    if layer != "model.0":
        share = dormant_units(inputs).item() / inputs.shape[1]
        assert logged_of_layer[f"symmetry/dormant_share/{layer}"] == pytest.approx(share)
    if layer == "model.6":
        labels = torch.cat(capture.labels)
        found = neural_collapse(inputs, labels, 3, capture.weights[-1].double())._asdict()
        separated = separability(inputs, labels, 3)
        centres = torch.stack([inputs[labels == k].mean(0) for k in range(3)])
        decided = outputs.argmax(1)
        found["nc4"] = (torch.cdist(inputs, centres).argmin(1) != decided).double().mean()
        found |= {
            "fisher_ratio": separated.fisher_ratio,
            "discriminant_ratio": separated.discriminant_ratio,
            "nearest_centre_accuracy": separated.accuracy,
        }
        assert found.keys() == OF_CLASSES
        for name, value in found.items():
            assert logged[name] == pytest.approx(value.item(), rel=1e-6), name


def test_a_look_lasts_as_many_batches_as_make_512_samples_and_begins_every_n_steps(quiet):
    watching, callback = [], monitor(every_n_steps=36)

    class Hooked(lightning.pytorch.Callback):
        def on_before_backward(self, trainer, pl_module, loss) -> None:
            watching.append(bool(hooks(pl_module)))

        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
            assert not hooks(pl_module)

    fit(Classifier(), [callback, Hooked()], quiet, max_steps=60)
    # 16 batches, the most: 32 would make 512 samples
    assert [step for step, hooked in enumerate(watching) if hooked] == [*range(16), *range(36, 52)]
    assert callback.last_step == 36


def test_a_probe_is_looked_at_before_the_first_step_and_agrees_with_an_own_step_in_evaluation_mode(quiet):
    logger = Memory()
    module, initial = Classifier(), network().eval()
    fit(module, [monitor(probe=probed(), probe_gradients=True)], quiet, logger=logger, max_steps=20)
    features = []
    for model in (initial, module.model.eval()):
        model[4].register_forward_hook(lambda module, args, output: features.append(args[0].detach()))
        model(probed()[0])
    for step, expected in zip((0, 19), features, strict=True):
        value = feature_ranks(expected.double()).effective_rank.item()
        assert logger.rows[step]["symmetry/feature_rank/model.4"] == pytest.approx(value, rel=1e-6)
    first, last = logger.rows[0], logger.rows[19]
    key = "symmetry/alignment_forward_hg"
    assert last[f"{key}_init/model.4"] == first[f"{key}/model.4"] != last[f"{key}/model.4"]


def test_a_probe_without_gradients_has_no_alignments_and_no_backward_pass(quiet):
    logged = monitored(fit(Classifier(), [monitor(probe=probed())], quiet, max_steps=5))
    assert not any("alignment" in key for key in logged)
    assert {"symmetry/nc1", "symmetry/feature_rank/model.4", "symmetry/rankme/model.6"} <= logged.keys()


@pytest.mark.parametrize("part", [lambda m: m, lambda m: m.model, lambda m: m.state_dict()])
def test_agreement_with_an_earlier_self_begins_at_one_and_falls(part, quiet):
    logger = Memory()
    callback = monitor(probe=probed(), reference=part(Classifier()))
    fit(Classifier(), [callback], quiet, logger=logger)
    first, last = logger.rows[0], logger.rows[39]
    assert {f"symmetry/{name}/model.4" for name in AGREEMENT} <= first.keys()
    assert not any(key.startswith("symmetry/cka/model.0") for key in first)  # it reads the data
    for name in AGREEMENT - {"mutual_neighbours_chance"}:
        for layer in ("/model.4", "/model.6", ""):
            assert first[f"symmetry/{name}{layer}"] == pytest.approx(1, abs=1e-6)
            assert last[f"symmetry/{name}{layer}"] < 1 - 1e-3
    assert first["symmetry/mutual_neighbours_chance"] == pytest.approx(6 / 63)


def test_another_architecture_is_no_reference(quiet):
    callback = monitor(probe=probed(), reference=nn.Linear(6, 5))
    with pytest.raises(ValueError, match=r"`reference` must have the parameters of Classifier.*found weight"):
        fit(Classifier(), [callback], quiet)


def test_resuming_logs_the_same(quiet, tmp_path):
    whole, first, second = Memory(), Memory(), Memory()

    def plain():
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return Classifier(nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3)))

    fit(plain(), [monitor(every_n_steps=8, batches=2)], quiet, logger=whole)
    trainer = fit(plain(), [monitor(every_n_steps=8, batches=2)], quiet, logger=first, max_steps=18)
    trainer.save_checkpoint(tmp_path / "middle.ckpt")
    resumed = monitor(every_n_steps=8, batches=2)
    assert resumed.state_key in torch.load(tmp_path / "middle.ckpt", weights_only=True)["callbacks"]
    fit(plain(), [resumed], quiet, logger=second, ckpt_path=tmp_path / "middle.ckpt")
    looks = [9, 17, 25, 33]
    assert all(any("_init" in key for key in whole.rows[step]) for step in looks)
    joined = first.rows | second.rows
    assert [joined[step] for step in looks] == [whole.rows[step] for step in looks]


def test_the_interval_keeps_what_looking_costs_within_its_share(quiet):
    callback = monitor(every_n_steps=1, batches=1, max_overhead=0.05)
    fit(Classifier(), [callback], quiet)
    assert callback.interval > 1


def test_other_monitors_of_the_same_run_log_what_they_log_alone(quiet):
    alone, beside = Memory(), Memory()

    def others():
        return [SymmetryMonitor(every_n_steps=5, strict=True, max_overhead=None), StageDetector()]

    fit(Classifier(), others(), quiet, logger=alone)
    fit(Classifier(), [*others(), monitor()], quiet, logger=beside)
    for step, row in alone.rows.items():
        assert {key: beside.rows[step][key] for key in row} == row
