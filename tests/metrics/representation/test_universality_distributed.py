"""Two processes that see half of the data each report what one process reports."""

import pytest
import torch

from lightning_symmetry import metrics as M

from ...processes import free_ports, in_two_processes, join

SIZES = [20, 20, 12, 28]
METRICS = {
    "LinearCKA": M.LinearCKA,
    "UnbiasedLinearCKA": M.UnbiasedLinearCKA,
    "UnbiasedRBFCKA": M.UnbiasedRBFCKA,
    "ProcrustesSimilarity": M.ProcrustesSimilarity,
    "ProcrustesDistance": M.ProcrustesDistance,
    "InnerProductCorrelation": M.InnerProductCorrelation,
    "InnerProductError": M.InnerProductError,
    "MutualNearestNeighbours": lambda: M.MutualNearestNeighbours(5, size=30),
}


def batches():
    generator = torch.Generator().manual_seed(0)
    a = torch.randn(80, 5, generator=generator) + 3
    b = a[:, :4] ** 2 + torch.randn(80, 4, generator=generator)
    return list(zip(a.split(SIZES), b.split(SIZES), strict=True))


def values(chosen) -> dict[str, list[float]]:
    """The value of every metric for some batches, alone or joined with those of the other processes."""
    found = {}
    for name, make in METRICS.items():
        metric = make()
        for a, b in chosen:
            metric.update(a, b)
        value = metric.compute()
        found[name] = [x.item() for x in (value.values() if isinstance(value, dict) else [value])]
    return found


def work(rank, port):
    """Be one of two processes."""
    join(rank, port)
    shares = {"halves": batches()[rank::2], "all and nothing": batches() if rank else []}
    return {name: values(chosen) for name, chosen in shares.items()}


@pytest.fixture(scope="module")
def both():
    """What each of two processes reports."""
    return in_two_processes(work, *free_ports())


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("share", ["halves", "all and nothing"])
def test_both_processes_report_what_one_reports(name, share, both):
    expected = values(batches())[name]
    for found in both:
        # not to the last digit: the processes took their features relative to different origins
        assert found[share][name] == pytest.approx(expected, abs=1e-6)
