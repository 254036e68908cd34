"""Weight decay on w = u ⊙ v is the lasso."""

from __future__ import annotations

import torch
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Lasso
from torch import Tensor, nn

from benchmarks.reproductions.estimate import estimate
from benchmarks.reproductions.outcome import Figure, Line, Outcome, Panel
from benchmarks.reproductions.reproduction import Reproduction, Size
from benchmarks.reproductions.training import train
from lightning_symmetry import AddSymmetry, Hadamard
from lightning_symmetry._compat import LightningModule

PENALTIES = (0.02, 0.1, 0.4)
THRESHOLDS = (1e-3, 1e-6, 1e-9, 1e-12)


class Regression(LightningModule):
    """Linear least squares in float64."""

    def __init__(self, penalty: float, width: int) -> None:
        super().__init__()
        self.penalty = penalty
        self.linear = nn.Linear(width, 1, bias=False, dtype=torch.float64)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Half the mean squared error, as scikit-learn's lasso has it."""
        x, y = batch
        return (self.linear(x)[:, 0] - y).square().mean() / 2

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Gradient descent with the weight decay that equals the penalty."""
        return torch.optim.SGD(self.parameters(), lr=0.2, momentum=0.9, weight_decay=self.penalty)


def measure(size: Size) -> Outcome:
    """Train along the path of penalties and compare with coordinate descent."""
    x, y = load_diabetes(return_X_y=True)
    x, y = (x - x.mean(0)) / x.std(0), (y - y.mean()) / y.std()
    batches = [(torch.as_tensor(x), torch.as_tensor(y))]
    errors: list[float] = []
    supports: list[float] = []
    path: list[list[float]] = []
    for penalty in PENALTIES:
        expected = torch.as_tensor(
            Lasso(penalty, fit_intercept=False, tol=1e-14, max_iter=100_000).fit(x, y).coef_
        )
        for seed in range(size.seeds):
            module, _ = train(
                lambda penalty=penalty: Regression(penalty, x.shape[1]),  # type: ignore[misc]
                batches,
                4000,
                [AddSymmetry({"linear.weight": Hadamard()})],
                seed,
            )
            found = module.linear.weight.detach()[0]
            errors.append(float((found - expected).abs().max()))
            supports += [float(((found.abs() > t) == (expected != 0)).all()) for t in THRESHOLDS]
        path.append(found.tolist())
    shown = [Line("", PENALTIES, column) for column in zip(*path, strict=True)]
    return Outcome(
        figures=[
            Figure(
                "largest difference of a coefficient",
                estimate(errors),
                "equal minimisers; at most 1e-4 in every run",
                max(errors) <= 1e-4,
            ),
            Figure(
                "share of runs and thresholds (1e-3, 1e-6, 1e-9, 1e-12) with the lasso's support",
                estimate(supports),
                "exact zeros; all",
                min(supports) == 1,
            ),
        ],
        panels=[Panel("coefficients along the path", "penalty", "coefficient", shown, log="x")],
        remarks="scikit-learn's diabetes data, standardised; the reference is its coordinate descent.",
    )


REPRODUCTION = Reproduction(
    claim="Gradient descent on w = u ⊙ v with weight decay finds the coefficients and zeros of the lasso.",
    source="Ziyin, Wang, *spred*, arXiv 2210.01212, Sec. 3",
    measure=measure,
)
