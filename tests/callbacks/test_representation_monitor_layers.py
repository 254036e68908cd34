"""Layers and batches of all kinds."""

import math
from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.nn import functional

from lightning_symmetry import RepresentationMonitor
from lightning_symmetry.callbacks._representation.layers import layers_of
from lightning_symmetry.functional import (
    canonical_alignments,
    convolution_samples,
    dormant_units,
    feature_ranks,
    layer_matrices,
)

from .runs import Classifier, Memory, fit, monitored

QUIETLY = pytest.mark.filterwarnings("ignore:RepresentationMonitor. some values are not defined")


def seeded(build):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build()


class Given(Classifier):
    """Trains a model on given batches, by a loss of its output and the batch."""

    def __init__(self, model, batches, loss=None) -> None:
        super().__init__(model)
        self.batches = batches
        self.loss = loss or (lambda output, batch: functional.cross_entropy(output, batch[1]))

    def training_step(self, batch, batch_idx):
        return self.loss(self.model(batch["x"] if isinstance(batch, dict) else batch[0]), batch)

    def train_dataloader(self):
        return Loader(self.batches)


class Loader:
    """Given batches; a list would be taken for several loaders."""

    def __init__(self, batches) -> None:
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self):
        return iter(self.batches)


def logged_of(build, given, quiet, loss=None, **options):
    """What is logged by a look at as many batches as there are; training is as without."""
    modules, logger = [], Memory()
    options = {"batches": len(given), "strict": True, "max_overhead": None, **options}
    for callbacks in ([RepresentationMonitor(**options)], []):
        module = Given(seeded(build), given, loss)
        fit(
            module,
            callbacks,
            quiet,
            max_steps=len(given),
            **({"logger": logger} if callbacks else {}),
        )
        modules.append(module)
    for name, value in modules[1].state_dict().items():
        assert torch.equal(value.nan_to_num(), modules[0].state_dict()[name].nan_to_num()), name
    assert not any(part._forward_hooks for part in modules[0].modules())
    row = logger.rows[len(given) - 1]
    assert all(math.isfinite(value) for value in row.values())
    return {key.removeprefix("symmetry/"): value for key, value in row.items()}


def mlp():
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))


def points(count=16, classes=3):
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(count, 6, generator=generator)
    return x, torch.arange(count) % classes


@pytest.mark.parametrize("key", ["labels", "label", "targets", "target", "y"])
def test_a_mapping_may_hold_the_labels(key, quiet):
    x, y = points()
    row = logged_of(
        mlp, [{"x": x, key: y}], quiet, lambda out, batch: functional.cross_entropy(out, batch[key])
    )
    assert row["nc1"] == pytest.approx(logged_of(mlp, [(x, y)], quiet)["nc1"])


@pytest.mark.parametrize(
    "batch", [(points()[0],), (points()[0], torch.rand(16, 3)), {"x": points()[0], "other": points()[1]}]
)
def test_without_labels_nothing_is_said_of_classes(batch, quiet):
    row = logged_of(mlp, [batch], quiet, lambda output, batch: output.square().mean())
    assert not {"nc1", "nc4", "fisher_ratio"} & row.keys()
    assert {"feature_rank/2", "alignment_forward_hg/model.2"} & row.keys()


@QUIETLY
def test_one_class_only_leaves_the_classes_out(quiet):
    row = logged_of(mlp, [points(classes=1)], quiet)
    assert not {"nc1", "nc2_equinorm", "nc3", "nc4", "fisher_ratio", "nearest_centre_accuracy"} & row.keys()
    assert "alignment_forward_hg/model.2" in row


@QUIETLY
def test_a_batch_of_one_has_no_rank_and_no_class(quiet):
    row = logged_of(mlp, [points(1)], quiet)
    assert row["feature_rank/model.2"] == 0
    assert not {"nc1", "nc4"} & row.keys()


@QUIETLY
def test_constant_features_have_no_rank(quiet):
    row = logged_of(mlp, [(torch.ones(16, 6), points()[1])], quiet)
    assert row["feature_rank/model.0"] == 0
    assert row["rankme/model.0"] == pytest.approx(1, rel=1e-4)


def test_values_that_are_not_finite_are_not_logged_and_named_once(quiet):
    def broken():
        model = mlp()
        with torch.no_grad():
            model[2].weight[0, 0] = float("nan")
        return model

    batches = [points()] * 6
    with pytest.warns(UserWarning, match="not defined.*are not logged") as warnings:
        logged_of(broken, batches, quiet, batches=2, every_n_steps=2)
    assert sum("not defined" in str(w.message) for w in warnings) == 1


class Tokens(nn.Module):
    """Reads sequences of vectors, and says one class for each sequence or each token."""

    def __init__(self, each: bool) -> None:
        super().__init__()
        self.each = each
        self.embed, self.hidden, self.head = nn.Linear(6, 8), nn.Linear(8, 8), nn.Linear(8, 3)

    def forward(self, x):
        x = torch.relu(self.hidden(torch.relu(self.embed(x))))
        return self.head(x if self.each else x[:, 0])


def sequences():
    generator = torch.Generator().manual_seed(3)
    x, lengths = torch.randn(5, 7, 6, generator=generator), torch.tensor([7, 3, 1, 5, 4])
    mask = torch.arange(7) < lengths[:, None]
    return x, mask


def test_padding_counts_nowhere(quiet):
    x, mask = sequences()
    rows = []
    for padding in (0.0, 1e3):
        batch = {
            "x": torch.where(mask[..., None], x, padding),
            "attention_mask": mask.long(),
            "labels": points(5)[1],
        }
        rows.append(
            logged_of(
                lambda: Tokens(each=False),
                [batch],
                quiet,
                lambda out, batch: functional.cross_entropy(out, batch["labels"]),
            )
        )
    assert rows[0] == rows[1]
    hidden = torch.relu(seeded(lambda: Tokens(each=False)).embed(x))[mask]
    expected = feature_ranks(hidden.double()).effective_rank.item()
    assert rows[0]["feature_rank/model.hidden"] == pytest.approx(expected, rel=1e-6)
    share = dormant_units(hidden).item() / 8
    assert rows[0]["dormant_share/model.hidden"] == pytest.approx(share)
    assert "nc1" in rows[0]


def test_every_token_may_have_a_class_of_its_own(quiet):
    x, mask = sequences()
    labels = torch.where(mask, torch.arange(35).view(5, 7) % 3, -100)

    def loss(output, batch):
        return functional.cross_entropy(output.flatten(0, 1), batch["labels"].flatten())

    batch = {"x": x, "attention_mask": mask, "labels": labels}
    row = logged_of(lambda: Tokens(each=True), [batch], quiet, loss)
    chosen = (x[mask], labels[mask])
    alone = logged_of(lambda: Tokens(each=True), [chosen], quiet)
    assert row["nc1"] == pytest.approx(alone["nc1"], rel=1e-6)
    assert row["nc4"] == alone["nc4"]


@QUIETLY
def test_words_that_are_to_be_said_are_no_classes(quiet):
    class Language(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.head = nn.Embedding(11, 8), nn.Linear(8, 11)

        def forward(self, tokens):
            return self.head(self.embed(tokens))

    tokens = torch.arange(30).view(5, 6) % 11
    row = logged_of(
        Language,
        [{"x": tokens, "labels": tokens.clone()}],
        quiet,
        lambda out, batch: functional.cross_entropy(
            out[:, :-1].flatten(0, 1), batch["labels"][:, 1:].flatten()
        ),
    )
    assert "nc1" not in row
    assert "alignment_forward_hg/model.head" in row


def convolutions():
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(inplace=True),
        nn.Conv2d(4, 8, 3, stride=2, groups=2),
        nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 3),
    )


def images():
    return torch.randn(6, 3, 9, 9, generator=torch.Generator().manual_seed(4)), points(6)[1]


def test_places_of_images_are_samples_also_where_they_are_overwritten(quiet):
    row, model, caught = logged_of(convolutions, [images()], quiet), seeded(convolutions), {}

    def catch(module, args, output):
        caught.update(inputs=args[0].detach().clone(), outputs=output.detach().clone())
        output.register_hook(lambda gradient: caught.update(gradient=gradient))

    model[3].register_forward_hook(catch)
    functional.cross_entropy(model(images()[0]), images()[1]).backward()
    samples = convolution_samples(
        caught["inputs"], caught["outputs"], caught["gradient"], model[3].weight, stride=2, groups=2
    )
    expected = canonical_alignments(layer_matrices(*(s.detach().double() for s in samples)))
    for name, value in expected._asdict().items():
        assert row[f"alignment_{name}/model.3"] == pytest.approx(value.mean().item(), abs=2e-5), name
    pixels = caught["inputs"].movedim(1, -1).flatten(end_dim=-2).double()
    assert row["feature_rank/model.3"] == pytest.approx(feature_ranks(pixels).effective_rank.item())


def test_fewer_samples_of_an_image_lie_on_a_coarser_grid(quiet):
    row, model, caught = logged_of(convolutions, [images()], quiet, max_samples=54), seeded(convolutions), {}

    def catch(module, args, output):
        caught.update(outputs=output.detach().clone())
        output.register_hook(lambda gradient: caught.update(gradient=gradient))

    model[0].register_forward_hook(catch)
    functional.cross_entropy(model(images()[0]), images()[1]).backward()
    outputs, gradients = (caught[name][:, :, ::3, ::3] for name in ("outputs", "gradient"))
    samples = convolution_samples(images()[0], outputs, gradients, model[0].weight, stride=3, padding=1)
    assert samples.inputs.shape[-2] == 54
    expected = canonical_alignments(layer_matrices(*(s.detach().double() for s in samples)))
    assert row["alignment_forward_hg/model.0"] == pytest.approx(expected.forward_hg.mean().item(), abs=2e-5)


class Unusual(nn.Module):
    """A layer called twice, one that never runs, one with a parametrized weight, and a tuple."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.shared, self.idle = nn.Linear(6, 8), nn.Linear(8, 8), nn.Linear(8, 8)
        self.normed = nn.utils.parametrizations.spectral_norm(nn.Linear(8, 8))
        self.block = Block()
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        x = torch.relu(self.first(x))
        x = torch.relu(self.normed(self.shared(torch.relu(self.shared(x)))))
        return self.head(self.block(x)[1]["hidden"])


class Block(nn.Module):
    def forward(self, x):
        return None, {"hidden": torch.tanh(x)}


def test_shared_idle_parametrized_and_nested(quiet):
    with pytest.warns(UserWarning, match=r"layers model.idle did not run") as warnings:
        names = ["model.first", "model.shared", "model.idle", "model.normed", "model.block", "model.head"]
        row = logged_of(Unusual, [points()] * 4, quiet, layers=names, batches=2, every_n_steps=2)
    assert sum("did not run" in str(w.message) for w in warnings) == 1
    layers = {key.split("/")[1] for key in row if key.startswith("feature_rank/")}
    assert layers == {*names} - {"model.idle"}
    assert not any("model.idle" in key for key in row)
    assert "alignment_forward_hg/model.shared" in row
    assert "alignment_forward_hg/model.normed" not in row
    assert row["feature_rank/model.block"] == pytest.approx(row["feature_rank/model.head"])


def test_a_shared_layer_counts_all_its_calls(quiet):
    row = logged_of(Unusual, [points()], quiet, layers=["model.shared"])
    model = seeded(Unusual)
    once = torch.relu(model.first(points()[0]))
    rows = torch.cat([once, torch.relu(model.shared(once))]).double()
    assert row["feature_rank/model.shared"] == pytest.approx(feature_ranks(rows).effective_rank.item())


def test_frozen_layers_have_features_and_no_alignment(quiet):
    def frozen():
        model = mlp()
        model[0].requires_grad_(False)
        return model

    row = logged_of(frozen, [points()], quiet)
    assert "feature_rank/model.0" in row
    assert "alignment_forward_hg/model.0" not in row
    assert "alignment_forward_hg/model.2" in row


def test_wide_layers_are_sketched_the_same_way_each_time(quiet):
    rows = [logged_of(lambda: nn.Sequential(nn.Linear(6, 64), nn.ReLU(), nn.Linear(64, 3)),
                      [points()], quiet, max_width=width) for width in (16, 16, 64)]  # fmt: skip
    assert rows[0] == rows[1] != rows[2]
    assert rows[0]["rankme/model.2"] == pytest.approx(rows[2]["rankme/model.2"], rel=0.4)


def test_many_layers_are_thinned_evenly():
    model = nn.Sequential(*(nn.Linear(2, 2) for _ in range(40)), nn.MultiheadAttention(4, 2))
    names = [int(name) for name in layers_of(model, None)]
    assert len(names) == 16
    assert (names[0], names[-1]) == (0, 39)
    assert {later - one for one, later in pairwise(names)} <= {2, 3}
    assert list(layers_of(model, ["3", "1?"])) == ["3", *map(str, range(10, 20))]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": ["model.0", "nothing.*"]}, "`layers` must match.*module of Given, found 'nothing"),
        ({"layers": "absent"}, "`layers` must match the name of a module of Given, found 'absent'"),
    ],
)
def test_layers_that_do_not_exist_are_an_error_even_if_not_strict(options, message, quiet):
    with pytest.raises(ValueError, match=message):
        fit(Given(mlp(), [points()]), [RepresentationMonitor(**options)], quiet)


def test_a_model_without_linear_layers_must_name_its_layers(quiet):
    class Plain(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(6))

        def forward(self, x):
            return (x * self.scale)[:, :3]

    with pytest.raises(ValueError, match="`layers` must name modules of Given, which has no linear layer"):
        fit(Given(Plain(), [points()]), [RepresentationMonitor()], quiet)
    row = logged_of(Plain, [points()], quiet, layers=["model"])
    assert row["feature_rank/model"] > 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"every_n_steps": 0}, "`every_n_steps` must be an integer of at least 1, (found|got) 0"),
        ({"batches": 0}, "`batches` must be at least 1 or None, (found|got) 0"),
        ({"max_samples": 0}, "`max_samples` must be at least 1, (found|got) 0"),
        ({"max_width": 1}, "`max_width` must be at least 2, (found|got) 1"),
        ({"max_overhead": 0}, "`max_overhead` must be positive or None, (found|got) 0"),
        ({"probe_gradients": True}, "`probe` must be given with `probe_gradients` or `reference`"),
        ({"reference": {}}, "`probe` must be given with `probe_gradients` or `reference`"),
    ],
)
def test_arguments_that_make_no_sense(options, message):
    with pytest.raises(ValueError, match=message):
        RepresentationMonitor(**options)


def test_a_failure_is_named_once_and_training_goes_on(quiet, monkeypatch):
    from lightning_symmetry.callbacks._representation import watch

    monkeypatch.setattr(watch, "call_of", lambda *given: 1 / 0)
    module, plain = Given(seeded(mlp), [points()] * 4), Given(seeded(mlp), [points()] * 4)
    with pytest.warns(UserWarning, match="RepresentationMonitor switches itself off.*ZeroDivision") as warned:
        trainer = fit(module, [RepresentationMonitor()], quiet, max_steps=4)
    assert sum("RepresentationMonitor" in str(w.message) for w in warned) == 1
    fit(plain, [], quiet, max_steps=4)
    assert not monitored(trainer)
    assert torch.equal(module.model[0].weight, plain.model[0].weight)
    with pytest.raises(ZeroDivisionError):
        fit(Given(mlp(), [points()]), [RepresentationMonitor(strict=True)], quiet)


def test_a_step_that_raises_leaves_no_hook(quiet):
    module = Given(mlp(), [points()], lambda output, batch: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        fit(module, [RepresentationMonitor()], quiet)
    assert not any(part._forward_hooks for part in module.modules())
