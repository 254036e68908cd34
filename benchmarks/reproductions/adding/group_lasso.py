"""Weight decay on gates in front of groups is the group lasso."""

from __future__ import annotations

import torch
from sklearn.datasets import load_diabetes
from sklearn.linear_model import MultiTaskLasso
from torch import Tensor

from benchmarks.reproductions.adding._regression import THRESHOLDS, Regression, sparse_figures
from benchmarks.reproductions.outcome import Line, Outcome, Panel
from benchmarks.reproductions.reproduction import Reproduction, Size
from benchmarks.reproductions.training import train
from lightning_symmetry import AddSymmetry, GroupGate

PENALTIES = (0.2, 0.5, 0.7)
BLOOD = slice(4, 10)
"""Columns of the blood values, which are predicted; groups are what one of the others says of all of them."""


def measure(size: Size) -> Outcome:
    """Train along the path of penalties and compare with coordinate descent."""
    x, y = task()
    errors: list[float] = []
    supports: list[float] = []
    path: list[list[float]] = []
    for penalty in PENALTIES:
        reference = MultiTaskLasso(penalty, fit_intercept=False, tol=1e-14, max_iter=100_000)
        expected = torch.as_tensor(reference.fit(x.numpy(), y.numpy()).coef_)
        for seed in range(size.seeds):
            found = fitted(penalty, seed)
            errors.append(float((found - expected).abs().max()))
            kept = found.norm(dim=0)
            supports += [float(((kept > t) == (expected != 0).any(dim=0)).all()) for t in THRESHOLDS]
        path.append(kept.tolist())
    shown = [Line("", PENALTIES, column) for column in zip(*path, strict=True)]
    return Outcome(
        figures=sparse_figures(errors, supports, "the group lasso's groups", "groups vanish as a whole"),
        panels=[Panel("groups along the path", "penalty", "norm of a group", shown, log="x")],
        remarks="Six blood values of scikit-learn's diabetes data from the other five variables, "
        "standardised; a group is what one variable says of all six. The reference is scikit-learn's "
        "coordinate descent.",
    )


def task() -> tuple[Tensor, Tensor]:
    """Age, sex, body mass, blood pressure and progression; and blood values, all standardised."""
    variables, progression = load_diabetes(return_X_y=True)
    values = torch.cat([torch.as_tensor(variables), torch.as_tensor(progression)[:, None]], dim=1)
    values = (values - values.mean(dim=0)) / values.std(dim=0)
    return torch.cat([values[:, : BLOOD.start], values[:, BLOOD.stop :]], dim=1), values[:, BLOOD]


def fitted(penalty: float, seed: int) -> Tensor:
    """Train with a gate for every input.

    Args:
        penalty: Weight decay.
        seed: Of the initial weights.

    Returns:
        Coefficients, a row for every target.
    """
    x, y = task()
    module, _ = train(
        lambda: Regression(penalty, x.shape[1], y.shape[1]),
        [(x, y)],
        1000,
        [AddSymmetry({"linear.weight": GroupGate(dim=1)})],
        seed,
    )
    return module.linear.weight.detach()  # type: ignore[no-any-return]


REPRODUCTION = Reproduction(
    claim="Gradient descent on groups behind gates with weight decay finds the minimiser of the group lasso.",
    source="*D-Gating*; Ziyin, Wang, *spred*, arXiv 2210.01212",
    measure=measure,
)
