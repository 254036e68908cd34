"""Weight decay on w = u ⊙ v is the lasso."""

from __future__ import annotations

import torch
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Lasso

from benchmarks.reproductions.adding._regression import THRESHOLDS, Regression, sparse_figures
from benchmarks.reproductions.outcome import Line, Outcome, Panel
from benchmarks.reproductions.reproduction import Reproduction, Size
from benchmarks.reproductions.training import train
from lightning_symmetry import AddSymmetry, Hadamard

PENALTIES = (0.02, 0.1, 0.4)


def measure(size: Size) -> Outcome:
    """Train along the path of penalties and compare with coordinate descent."""
    x, y = load_diabetes(return_X_y=True)
    x, y = (x - x.mean(0)) / x.std(0), (y - y.mean()) / y.std()
    batches = [(torch.as_tensor(x), torch.as_tensor(y)[:, None])]
    errors: list[float] = []
    supports: list[float] = []
    path: list[list[float]] = []
    for penalty in PENALTIES:
        expected = torch.as_tensor(
            Lasso(penalty, fit_intercept=False, tol=1e-14, max_iter=100_000).fit(x, y).coef_
        )
        for seed in range(size.seeds):
            module, _ = train(
                lambda penalty=penalty: Regression(penalty, x.shape[1], 1),  # type: ignore[misc]
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
        figures=sparse_figures(errors, supports, "the lasso's support", "exact zeros"),
        panels=[Panel("coefficients along the path", "penalty", "coefficient", shown, log="x")],
        remarks="scikit-learn's diabetes data, standardised; the reference is its coordinate descent.",
    )


REPRODUCTION = Reproduction(
    claim="Gradient descent on w = u ⊙ v with weight decay finds the coefficients and zeros of the lasso.",
    source="Ziyin, Wang, *spred*, arXiv 2210.01212, Sec. 3",
    measure=measure,
)
