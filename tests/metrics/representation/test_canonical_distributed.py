"""Two processes: what both find of their halves is what one finds of the whole."""

import socket

import pytest
import torch
import torch.distributed
import torch.multiprocessing

from lightning_symmetry.metrics import CanonicalAlignment, PolynomialAlignment, RawCanonicalAlignment

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


def run(rank, port, queue):
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2
    )
    for last in LASTS:
        part = batches(0, last) if rank == 0 else batches(last, 90)
        queue.put(measured(part, samples()[1]))
    torch.distributed.destroy_process_group()


@pytest.mark.filterwarnings("ignore:The ``compute`` method of metric:UserWarning")
def test_two_processes_find_what_one_finds():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = torch.multiprocessing.get_context("spawn")
    queue = context.SimpleQueue()
    torch.multiprocessing.spawn(run, (port, queue), nprocs=2)
    alone = measured(batches(0, 90), samples()[1])
    for _ in range(2 * len(LASTS)):
        assert queue.get() == pytest.approx(alone, abs=2e-5)
