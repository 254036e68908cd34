"""Members of an ensemble, one in each process, are compared with each other."""

import matplotlib
import pytest
import torch

from lightning_symmetry import functional as F
from lightning_symmetry.metrics import EnsembleAgreement, LinearCKA, ProcrustesSimilarity

from ...processes import free_ports, in_two_processes, join

matplotlib.use("Agg")
METRICS = {LinearCKA: F.linear_cka, ProcrustesSimilarity: F.procrustes_similarity}


def member(rank):
    """The features of one member: the second sees the samples rotated and through one more direction."""
    x = torch.randn(60, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    if rank == 0:
        return x
    turn, _ = torch.linalg.qr(torch.randn(4, 4, generator=torch.Generator().manual_seed(1)).double())
    return torch.cat([x @ turn, x[:, :1] ** 2], dim=-1)


def work(rank, port):
    join(rank, port)
    found = {}
    for make in METRICS:
        metric = EnsembleAgreement(make)
        for batch in member(rank).split(25):
            metric.update(batch)
        found[make.__name__] = metric.compute().tolist()
    return found


def test_every_two_members_are_compared_as_if_side_by_side():
    both = in_two_processes(work, *free_ports())
    assert both[0] == both[1]
    for make, function in METRICS.items():
        expected = [[function(member(i), member(j)).item() for j in range(2)] for i in range(2)]
        assert both[0][make.__name__][0] == pytest.approx(expected[0], rel=1e-9)
        assert both[0][make.__name__][1] == pytest.approx(expected[1], rel=1e-9)
        assert 0.3 < expected[0][1] < 0.999


def test_it_is_drawn_and_forgets():
    metric = EnsembleAgreement(LinearCKA)
    metric.update(member(0))
    figure, axis = metric.plot()
    assert axis.images[0].get_array().shape == (1, 1)
    matplotlib.pyplot.close(figure)
    metric.reset()
    with pytest.warns(UserWarning, match="was called before the ``update``"):
        assert metric.compute().shape == (0, 0)
