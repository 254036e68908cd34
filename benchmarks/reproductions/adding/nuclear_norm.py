"""Weight decay on W = UV is the nuclear norm."""

from __future__ import annotations

import torch
from torch import Tensor

from benchmarks.reproductions.adding._regression import Regression
from benchmarks.reproductions.estimate import estimate
from benchmarks.reproductions.outcome import Figure, Line, Outcome, Panel
from benchmarks.reproductions.reproduction import Reproduction, Size
from benchmarks.reproductions.training import train
from lightning_symmetry import AddSymmetry, LowRank, fold, prune

PENALTIES = (0.1, 0.3, 0.6)
SHAPE = (8, 6)


def measure(size: Size) -> Outcome:
    """Train along the path of penalties and compare with soft thresholding of singular values."""
    errors: list[float] = []
    ranks: list[float] = []
    path = []
    for penalty in PENALTIES:
        for seed in range(size.seeds):
            x, y, target = task(seed)
            u, s, v = torch.linalg.svd(target, full_matrices=False)
            expected = u @ (s - penalty).relu().diag() @ v
            module, _ = train(
                lambda penalty=penalty: Regression(penalty, SHAPE[1], SHAPE[0], rate=0.1),  # type: ignore[misc]
                [(x, y)],
                1500,
                [AddSymmetry({"linear.weight": LowRank()})],
                seed,
            )
            # AddSymmetry leaves the factors; a plain layer of exact rank is made of them here
            found = fold(prune(module, 1e-6)).linear.weight.detach()
            errors.append(float((found - expected).abs().max()))
            ranks.append(float(torch.linalg.matrix_rank(found) - (s > penalty).sum()))
        path.append(torch.linalg.svdvals(found).tolist())
    shown = [Line("", PENALTIES, column) for column in zip(*path, strict=True)]
    return Outcome(
        figures=[
            Figure(
                "largest difference of an entry",
                estimate(errors),
                "equal minimisers; at most 1e-4",
                max(errors) <= 1e-4,
            ),
            Figure("rank less that of the minimiser", estimate(ranks), "exact rank; 0", not any(ranks)),
        ],
        panels=[Panel("singular values along the path", "penalty", "σ", shown)],
        remarks="White inputs: the minimiser is the target with its singular values less the penalty.",
    )


def task(seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """White inputs, targets, and the matrix that makes them."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.linalg.qr(torch.randn(32, SHAPE[1], dtype=torch.float64, generator=generator))[0] * 32**0.5
    u, _ = torch.linalg.qr(torch.randn(SHAPE[0], SHAPE[1], dtype=torch.float64, generator=generator))
    v, _ = torch.linalg.qr(torch.randn(SHAPE[1], SHAPE[1], dtype=torch.float64, generator=generator))
    target = u @ torch.tensor([2.0, 1.4, 0.9, 0.5, 0.2, 0.05], dtype=torch.float64).diag() @ v
    return x, x @ target.T, target


REPRODUCTION = Reproduction(
    claim="Gradient descent on W = UV with weight decay finds the minimiser of the nuclear norm.",
    source="Ziyin, *Symmetry induces structure*, arXiv 2309.16932; Srebro, Rennie, Jaakkola 2004",
    measure=measure,
)
