"""Two processes: what both find of their halves is what one finds of the whole."""

import pytest
import torch

from lightning_symmetry.metrics import CanonicalAlignment, PolynomialAlignment, RawCanonicalAlignment

from ...processes import free_ports, in_two_processes, join

METRICS = (CanonicalAlignment, RawCanonicalAlignment, PolynomialAlignment)
LASTS = (50, 90)  # how many samples the first process has; the other one has the rest, or none


def samples():
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(40, 6, generator=generator)
    inputs, gradients = (torch.randn(90, width, generator=generator) for width in (6, 40))
    return [inputs, gradients @ weight, inputs @ weight.mT, gradients], weight


def measured(batches, weight):
    metrics = [metric(6, 40, limit=16) for metric in METRICS]
    for metric in metrics:
        for batch in batches:
            metric.update(*batch, weight)
    return {f"{type(m).__name__}.{k}": v.item() for m in metrics for k, v in m.compute().items()}


def batches(first, last):
    tensors = samples()[0]
    return list(zip(*(tensor[first:last].split(20) for tensor in tensors), strict=True))


def work(rank, port):
    join(rank, port)
    parts = [batches(0, last) if rank == 0 else batches(last, 90) for last in LASTS]
    return [measured(part, samples()[1]) for part in parts]


@pytest.mark.filterwarnings("ignore:The ``compute`` method of metric:UserWarning")
def test_two_processes_find_what_one_finds():
    alone = measured(batches(0, 90), samples()[1])
    for found in in_two_processes(work, *free_ports()):
        for each in found:
            assert each == pytest.approx(alone, abs=2e-5)
