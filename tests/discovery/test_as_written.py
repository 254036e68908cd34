"""Compiled, scripted, wrapped and sharded models are traced as the plain ones that they are made from."""

import copy

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from lightning_symmetry import find_symmetries

from .claims import assert_proved, described
from .tracers import both_tracers


class Net(nn.Module):
    """A network with dropout and a norm."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.last = nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.norm(self.first(x).relu()))


class Decorated(Net):
    """Its forward is compiled where it is written."""

    @torch.compile(backend="eager", fullgraph=True)
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x)


class Outer(nn.Module):
    """Holds another model."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


def in_place(net: nn.Module) -> nn.Module:
    net.compile(backend="eager", fullgraph=True)
    return net


def compiled(net: nn.Module, **options) -> nn.Module:
    return torch.compile(net, backend="eager", **options)


WAYS = {
    "compiled": lambda: compiled(Net()),
    "one graph": lambda: compiled(Net(), fullgraph=True),
    "part": lambda: Outer(compiled(Net(), fullgraph=True)),
    "in place": lambda: in_place(Net()),
    "part in place": lambda: Outer(in_place(Net())),
    "decorated": Decorated,
    "both": lambda: compiled(Outer(in_place(Net()))),
    "data parallel": lambda: nn.DataParallel(Net()),
    "scripted": lambda: torch.jit.script(Net()),
    "part scripted": lambda: Outer(torch.jit.script(Net())),
    "traced": lambda: torch.jit.trace(Net(), torch.randn(7, 4)),
}


@pytest.fixture
def x() -> Tensor:
    torch._dynamo.reset()
    return torch.randn(7, 4)


def plain(symmetries) -> list[str]:
    """The symmetries as they would be called in the plain network."""
    lines = [described(symmetry) for symmetry in symmetries]
    for wrapper in ("net.", "_orig_mod.", "module."):
        lines = [line.replace(wrapper, "") for line in lines]
    return sorted(" ".join(sorted(line.split())) for line in lines)


@pytest.mark.filterwarnings("ignore:`torch.jit.:DeprecationWarning", "ignore::torch.jit.TracerWarning")
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("warm", [False, True])
@both_tracers
def test_the_plain_code_is_seen(way, warm, find, x):
    model = way()
    if warm:
        model(x)
    before = {name: id(parameter) for name, parameter in model.named_parameters()}
    symmetries = find(model, x)
    assert plain(symmetries) == plain(find(Net(), x))
    assert {leg.parameter for s in symmetries for leg in s.legs} <= set(model.state_dict())
    assert_proved(symmetries, model, x)
    assert {name: id(parameter) for name, parameter in model.named_parameters()} == before


def test_looking_compiles_nothing_anew(x):
    compilations = []

    def backend(graph, inputs):
        compilations.append(graph)
        return graph.forward

    model = torch.compile(Net(), backend=backend)
    find_symmetries(model, x)
    assert not compilations
    expected = model(x)
    find_symmetries(model, x)
    assert torch.equal(model.eval()(x), model(x))
    assert len(compilations) == 2  # training and evaluation
    assert expected.shape == (7, 3)


@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpointed_parts_are_seen_once(reentrant, x):
    class Checkpointed(Net):
        def forward(self, x: Tensor) -> Tensor:
            h = checkpoint(lambda h: nn.functional.dropout(h.relu()), self.first(x), use_reentrant=reentrant)
            return self.last(self.norm(h))

    class Plain(Net):
        def forward(self, x: Tensor) -> Tensor:
            return self.last(self.norm(nn.functional.dropout(self.first(x).relu())))

    symmetries = find_symmetries(Checkpointed(), x)
    assert symmetries == find_symmetries(Plain(), x)
    assert_proved(symmetries, Checkpointed(), x)


@pytest.fixture
def two_devices():
    """The first of two processes, whose messages go nowhere: an all-gather gives numbers that are not so."""
    from torch.testing._internal.distributed.fake_pg import FakeStore

    dist.init_process_group("fake", store=FakeStore(), rank=0, world_size=2)
    yield dist.device_mesh.init_device_mesh("cpu", (2,))
    dist.destroy_process_group()


def test_shards_are_seen_as_the_whole(two_devices, x):
    from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module

    model = parallelize_module(
        Net(), two_devices, {"first": ColwiseParallel(use_local_output=False), "last": RowwiseParallel()}
    )
    assert model.first.weight.to_local().shape == (3, 4)
    hooks = [dict(module._forward_pre_hooks) for module in model.modules()]
    assert find_symmetries(model, x) == find_symmetries(Net(), x)
    assert [dict(module._forward_pre_hooks) for module in model.modules()] == hooks
    assert model.first.weight.to_local().shape == (3, 4)


def test_fully_sharded_modules_gather_nothing(two_devices, x, monkeypatch):
    fsdp = pytest.importorskip("torch.distributed.fsdp")
    if not hasattr(fsdp, "fully_shard"):
        pytest.skip("this torch keeps fully_shard elsewhere")
    model = Net()
    for layer in (model.first, model.last, model):
        fsdp.fully_shard(layer, mesh=two_devices)
    monkeypatch.setattr(dist, "all_gather_into_tensor", None)
    assert find_symmetries(model, x) == find_symmetries(Net(), x)


def test_distributed_wrappers_are_seen_through(two_devices, x):
    model = nn.parallel.DistributedDataParallel(Net())
    symmetries = find_symmetries(model, x)
    assert plain(symmetries) == plain(find_symmetries(Net(), x))
    assert_proved(symmetries, model, x)
    assert "forward" not in model.__dict__


def test_a_wrapped_model_still_trains_as_one_that_nobody_looked_at(x):
    results = []
    torch.manual_seed(0)
    net = Net()
    for looks in (True, False):
        model = nn.DataParallel(compiled(copy.deepcopy(net)))
        if looks:
            find_symmetries(model, x)
        torch.manual_seed(1)
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        for _ in range(3):
            optimizer.zero_grad()
            model(x).square().sum().backward()
            optimizer.step()
        results.append(model.state_dict())
    assert all(torch.equal(results[0][name], results[1][name]) for name in results[0])
