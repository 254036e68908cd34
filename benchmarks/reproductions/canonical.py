"""``python -m benchmarks canonical``: the alignments of a small classifier, before and after training."""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks.generated import replace_part
from lightning_symmetry.functional import CanonicalAlignments, matrix_alignment
from lightning_symmetry.metrics import CanonicalAlignment, PolynomialAlignment

README = Path(__file__).with_name("README.md")

STATED = {
    "forward_hg": ("0.20–0.31", "0.70–0.84", "0.85–0.89"),
    "forward_gz": ("0.30–0.37", "0.75–0.83", "0.93–0.96"),
    "forward_hz": ("0.66–0.84", "", ""),
    "backward_hg": ("0.20–0.57", "0.71–0.82", "0.79–0.90"),
}
"""Known values: before training, without weight decay, with weight decay 0.005."""

HIDDEN = 3
"""Linear layers in front of the one that writes the logits."""


@dataclass(frozen=True)
class Setting:
    """One training: ten Gaussian clusters in 32 dimensions, SGD with momentum 0.9."""

    seed: int = 0
    decay: float = 0.0
    steps: int = 3000
    batch: int = 64
    rate: float = 0.05
    samples: int = 2048


Values = dict[str, list[float]]
"""Of each quantity, the values in the hidden layers."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each kind")
    parser.add_argument("--steps", type=int, default=3000, help="of each training")
    parser.add_argument("--write-readme", action="store_true", help=f"put the tables into {README.name}")


def run(options: argparse.Namespace) -> int:
    """Train and measure.

    Args:
        options: What :func:`add_arguments` reads.

    Returns:
        0.
    """
    settings = {
        "before training": Setting(steps=0),
        "no decay": Setting(steps=options.steps),
        "decay 0.005": Setting(steps=options.steps, decay=5e-3),
        "no decay, batch 512": Setting(steps=options.steps, batch=512),
        "decay 0.005, batch 512": Setting(steps=options.steps, decay=5e-3, batch=512),
    }
    found: dict[str, Values] = {name: defaultdict(list) for name in settings}
    for name, setting in settings.items():
        for seed in range(options.seeds):
            for quantity, values in measured(replace(setting, seed=seed)).items():
                found[name][quantity] += values
            print(f"{name}, seed {seed}", flush=True)
    text = table(found)
    print(text)
    if options.write_readme:
        replace_part(README, "canonical", text)
    return 0


def measured(setting: Setting) -> Values:
    """Train a network and measure its hidden layers on the samples that it was trained on."""
    inputs, labels = clusters(setting)
    network = trained(setting, inputs, labels)
    layers = [layer for layer in network if isinstance(layer, nn.Linear)][:HIDDEN]
    sizes = [(layer.in_features, layer.out_features) for layer in layers]
    alignments, exponents = (
        [metric(*s) for s in sizes] for metric in (CanonicalAlignment, PolynomialAlignment)
    )
    for part in zip(inputs.split(512), labels.split(512), strict=True):
        for place, batch in enumerate(_activations(network, *part)):
            for metric in (alignments[place], exponents[place]):
                metric.update(*batch, layers[place].weight)
    values: Values = defaultdict(list)
    for metric in (*alignments, *exponents):
        for name, value in metric.compute().items():
            values[name].append(value.item())
    values["random pair"] = list(_unrelated(alignments))
    return values


def clusters(setting: Setting) -> tuple[Tensor, Tensor]:
    """Draw ten clusters as far apart as they are wide, the same for all seeds."""
    generator = torch.Generator().manual_seed(100)
    centres = torch.randn(10, 32, generator=generator)
    labels = torch.randint(10, (setting.samples,), generator=generator)
    return centres[labels] + torch.randn(setting.samples, 32, generator=generator), labels


def trained(setting: Setting, inputs: Tensor, labels: Tensor) -> nn.Sequential:
    """Train an MLP 32-64-64-64-10."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(setting.seed)
        widths = (32, 64, 64, 64)
        blocks = [(nn.Linear(a, b), nn.ReLU()) for a, b in pairwise(widths)]
        network = nn.Sequential(*(module for block in blocks for module in block), nn.Linear(64, 10))
        optimizer = torch.optim.SGD(
            network.parameters(), setting.rate, momentum=0.9, weight_decay=setting.decay
        )
        for _ in range(setting.steps):
            chosen = torch.randint(len(inputs), (setting.batch,))
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(inputs[chosen]), labels[chosen]).backward()
            optimizer.step()
    return network


def table(found: dict[str, Values]) -> str:
    """Write all as Markdown tables."""
    before, plain, decayed = "before training", "no decay", "decay 0.005"
    rows = [
        "| relation | before | stated | no decay | stated | decay 0.005 | stated "
        "| shuffled: before | decay 0.005 |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name in CanonicalAlignments._fields:
        cells = [
            cell
            for setting, stated in zip((before, plain, decayed), STATED.get(name, ("",) * 3), strict=True)
            for cell in (_range(found[setting][name]), stated)
        ]
        cells += [_range(found[setting][f"{name}_shuffled"]) for setting in (before, decayed)]
        rows.append(f"| {name} | {' | '.join(cells)} |")
    rows += [
        "",
        "| relation | no decay: batch 64 | batch 512 | decay 0.005: batch 64 | batch 512 |",
        "|---|---|---|---|---|",
    ]
    for name in CanonicalAlignments._fields:
        cells = [_mean(found[s + wide][name]) for s in (plain, decayed) for wide in ("", ", batch 512")]
        rows.append(f"| {name} | {' | '.join(cells)} |")
    rows += [
        "",
        "| relation | exponent before | no decay | decay 0.005 | R² before | no decay | decay 0.005 |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in CanonicalAlignments._fields:
        cells = [
            _range(found[s][f"{name}_{n}"])
            for n in ("exponent", "r_squared")
            for s in (before, plain, decayed)
        ]
        rows.append(f"| {name} | {' | '.join(cells)} |")
    pairs = ", ".join(f"{_range(found[s]['random pair'])} ({s})" for s in (before, plain, decayed))
    return "\n".join([*rows, "", f"G of one layer and W Wᵀ of another: {pairs}."])


def _activations(network: nn.Sequential, inputs: Tensor, labels: Tensor) -> Iterator[list[Tensor]]:
    """What every linear layer reads, and writes, each with its gradient."""
    tensors, current = [], inputs.clone().requires_grad_()
    for layer in network:
        following = layer(current)
        if isinstance(layer, nn.Linear):
            tensors.append((current, following))
        current = following
    loss = nn.functional.cross_entropy(current, labels)
    for read, written in tensors[:HIDDEN]:
        gradients = torch.autograd.grad(loss, [read, written], retain_graph=True)
        yield [read, gradients[0], written, gradients[1]]


def _unrelated(alignments: list[CanonicalAlignment]) -> Iterator[float]:
    """Alignments of matrices of two layers of the same width, which nothing makes agree."""
    matrices = [metric.matrices() for metric in alignments]
    for place, one in enumerate(matrices):
        for other in matrices[:place] + matrices[place + 1 :]:
            yield matrix_alignment(one.g_b, other.z_b).item()


def _range(values: list[float]) -> str:
    return f"{min(values):.2f}–{max(values):.2f}"


def _mean(values: list[float]) -> str:
    return f"{sum(values) / len(values):.2f}"
