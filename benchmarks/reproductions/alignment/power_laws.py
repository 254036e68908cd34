"""Where the moments of a transformer do not align, their eigenvalues obey power laws."""

from __future__ import annotations

import math
import pydoc_data.topics as topics

import torch
from torch import Tensor, nn

from benchmarks.cost.models import Decoder
from benchmarks.reproductions.estimate import estimate
from benchmarks.reproductions.outcome import Control, Figure, Outcome
from benchmarks.reproductions.reproduction import Reproduction, Size
from benchmarks.reproductions.training import train
from lightning_symmetry import RepresentationMonitor
from lightning_symmetry._compat import LightningModule

LENGTH = 64


def text() -> Tensor:
    """The help texts of Python's own documentation, a number a byte."""
    joined = "\n".join(topics.topics[name] for name in sorted(topics.topics))
    return torch.tensor(list(joined.encode("ascii", "ignore")))


class LanguageModel(LightningModule):
    """A small decoder of bytes, as Llama is built."""

    def __init__(self, width: int, blocks: int) -> None:
        super().__init__()
        self.model = Decoder(blocks, width, 4, 2 * width, vocabulary=128, length=LENGTH)

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        """The cross-entropy of the next byte."""
        loss = nn.functional.cross_entropy(self.model(batch[:, :-1]), batch[:, 1:].flatten())
        self.log("loss", loss)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """AdamW."""
        return torch.optim.AdamW(self.parameters(), lr=2e-3, weight_decay=0.1)


def measure(size: Size) -> Outcome:
    """Train on text and fit power laws in every watched layer."""
    exponents: list[float] = []
    fits: list[float] = []
    inside: list[float] = []
    losses: list[float] = []
    for seed in range(size.seeds):
        found, loss = fitted(seed, 400 if not size.full else 20_000, 48 if not size.full else 512)
        good = [(exponent, fit) for exponent, fit in found if fit > 0.8]
        exponents += [exponent for exponent, _ in good]
        fits.append(len(good) / len(found))
        inside.append(sum(-1 <= exponent <= 3 for exponent, _ in good) / max(len(good), 1))
        losses.append(loss)
    return Outcome(
        figures=[
            Figure(
                "share of the exponents of good fits (R² > 0.8) between -1 and 3",
                estimate(inside),
                "exponents lie in [-1, 3]; at least 0.9",
                estimate(inside).mean >= 0.9,
            ),
            Figure(
                "share of relations and layers with a good fit",
                estimate(fits),
                "power laws hold; at least a half",
                estimate(fits).mean >= 0.5,
            ),
        ],
        controls=[
            Control("exponents of good fits", estimate(exponents)),
            Control("loss, nats a byte", estimate(losses)),
        ],
        remarks="A decoder of two blocks on the help texts of Python's documentation, AdamW. The published "
        "exponents 1, 2 and 3 are those of a transformer with 100 million weights.",
    )


def fitted(seed: int, steps: int, width: int) -> tuple[list[tuple[float, float]], float]:
    """Train one model.

    Args:
        seed: Of weights and batches.
        steps: Optimizer steps.
        width: Width of the model.

    Returns:
        Exponent and R² of each relation in each layer at the end, and the loss.
    """
    corpus = text()
    generator = torch.Generator().manual_seed(seed)
    starts = torch.randint(len(corpus) - LENGTH - 1, (steps, 16, 1), generator=generator)
    windows = corpus[starts + torch.arange(LENGTH + 1)]
    monitor = RepresentationMonitor(
        ["model.blocks.*.gate", "model.blocks.*.down", "model.blocks.*.attention.out"],
        every_n_steps=steps - 1,
        probe=windows.flatten(0, 1)[:32],
        probe_gradients=True,
        exponents=True,
        max_overhead=None,
        strict=True,
    )
    _, curves = train(
        lambda: LanguageModel(width, 2), windows, steps, [monitor], seed, log_every_n_steps=steps
    )
    laws = [key for key in curves if "/exponent_" in key and "_r_squared" not in key]
    laws = [key for key in laws if not any(end in key for end in ("_low", "_high"))]
    found = []
    for key in laws:
        relation, _, layer = key.removeprefix("symmetry/").partition("/")
        fit = curves.get(f"symmetry/{relation}_r_squared/{layer}")
        if fit is not None and math.isfinite(fit.last):
            found.append((curves[key].last, fit.last))
    return found, curves["loss"].last


REPRODUCTION = Reproduction(
    claim="In a transformer on text, eigenvalues of features, gradients and weights obey power laws.",
    source="Ziyin, Chuang, Galanti, Poggio, arXiv 2410.03006, Sec. 5",
    measure=measure,
)
