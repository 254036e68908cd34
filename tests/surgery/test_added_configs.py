import numpy as np
import pytest
import torch

from lightning_symmetry import GroupGate, Hadamard, LowRank, Mirror, ScalarGate
from lightning_symmetry.surgery import Factorisation

HALF = [[0.5, 0.5], [0.5, 0.5]]


@pytest.mark.parametrize("config", [Hadamard, GroupGate])
@pytest.mark.parametrize("depth", [1, 0, 2.0, True, "2", None])
def test_depth_is_checked(config, depth):
    with pytest.raises(ValueError, match=f"`depth` must be an integer of at least 2, found {depth!r}"):
        config(depth=depth)


@pytest.mark.parametrize("rank", [0, -1, 2.0, True])
def test_rank_is_checked(rank):
    with pytest.raises(ValueError, match=f"`rank` must be None or an integer of at least 1, found {rank!r}"):
        LowRank(rank)


@pytest.mark.parametrize("size", [0, 1.5, True])
def test_size_is_checked(size):
    with pytest.raises(ValueError, match=f"`size` must be an integer of at least 1, found {size!r}"):
        GroupGate(size=size)


@pytest.mark.parametrize("dim", [0.5, True, "0"])
def test_dim_is_checked(dim):
    with pytest.raises(ValueError, match="`dim` must be an integer, found"):
        GroupGate(dim=dim)
    with pytest.raises(ValueError, match="`dim` must be None or an integer, found"):
        Mirror(HALF, dim=dim)


@pytest.mark.parametrize(
    "projector", [[], [1.0], [[1.0, 0.0]], [[0.0]], [[2.0]], [[1.0, 1.0], [0.0, 0.0]], [[float("nan")]]]
)
def test_projector_is_checked(projector):
    with pytest.raises(
        ValueError, match="`projector` must be a square, symmetric matrix that equals its own"
    ):
        Mirror(projector)


@pytest.mark.parametrize("indices", [[], [[]], [[0], [0]], [[1, 1]], [[-1]], [[0.5]], [0, 1], [[True]]])
def test_indices_are_checked(indices):
    with pytest.raises(ValueError, match="`indices` must be disjoint sets, none empty, of integers"):
        Mirror(indices=indices)


def test_one_way_to_give_a_mirror():
    with pytest.raises(
        ValueError, match="exactly one of `projector` and `indices` must be given, found neither"
    ):
        Mirror()
    with pytest.raises(
        ValueError, match="exactly one of `projector` and `indices` must be given, found both"
    ):
        Mirror(HALF, [[0]])


@pytest.mark.parametrize("projector", [HALF, np.array(HALF), torch.tensor(HALF)])
def test_mirrors_are_equal_however_they_are_given(projector):
    assert Mirror(projector) == Mirror(HALF)
    assert hash(Mirror(projector)) == hash(Mirror(HALF))


@pytest.mark.parametrize("config", [ScalarGate(), Hadamard(), GroupGate(), LowRank(), Mirror(HALF)])
def test_configs_are_frozen(config):
    assert isinstance(config, Factorisation)
    with pytest.raises(AttributeError):
        config.depth = 3


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        (Hadamard, {"depth": 3}, Hadamard(depth=3)),
        (GroupGate, {"dim": 1, "size": 2}, GroupGate(dim=1, size=2)),
        (LowRank, {"rank": None}, LowRank()),
        (Mirror, {"projector": HALF, "dim": 0}, Mirror(HALF, dim=0)),
        (Mirror, {"indices": [[0, 2], [1]]}, Mirror(indices=[[0, 2], [1]])),
    ],
)
def test_configs_are_read_from_yaml(kind, values, expected):
    from jsonargparse import ArgumentParser

    parser = ArgumentParser()
    parser.add_argument("--config", type=kind)
    assert parser.instantiate_classes(parser.parse_object({"config": values})).config == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"class_path": "lightning_symmetry.GroupGate", "init_args": {"dim": 1}}, GroupGate(dim=1)),
        ({"*": None, "0.*": {"class_path": "lightning_symmetry.LowRank"}}, {"*": None, "0.*": LowRank()}),
    ],
)
def test_any_config_is_read_from_yaml_by_its_class(value, expected):
    from jsonargparse import ArgumentParser

    parser = ArgumentParser()
    parser.add_argument("--config", type=Factorisation | dict[str, Factorisation | None])
    assert parser.instantiate_classes(parser.parse_object({"config": value})).config == expected
