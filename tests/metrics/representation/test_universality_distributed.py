"""Two processes that see half of the data each report what one process reports."""

import socket

import pytest
import torch
import torch.distributed
import torch.multiprocessing

from lightning_symmetry import metrics as M

PATIENCE = 120
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


def work(rank: int, port: int, results) -> None:
    """Be one of two processes."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2
    )
    shares = {"halves": batches()[rank::2], "all and nothing": batches() if rank else []}
    results.put({name: values(chosen) for name, chosen in shares.items()})
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()


@pytest.fixture(scope="module")
def both():
    """What each of two processes reports."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    context = torch.multiprocessing.get_context("spawn")
    results = context.Queue()
    processes = [context.Process(target=work, args=(rank, port, results)) for rank in range(2)]
    try:
        for process in processes:
            process.start()
        yield [results.get(timeout=PATIENCE) for _ in processes]
    finally:
        for process in processes:
            process.join(PATIENCE)
            process.kill()


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("share", ["halves", "all and nothing"])
def test_both_processes_report_what_one_reports(name, share, both):
    expected = values(batches())[name]
    for found in both:
        # not to the last digit: the processes took their features relative to different origins
        assert found[share][name] == pytest.approx(expected, abs=1e-6)
