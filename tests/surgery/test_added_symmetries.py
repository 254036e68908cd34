"""Discovery sees the symmetries that were added."""

import pytest
import torch
from torch import nn

from lightning_symmetry import GroupGate, Hadamard, LowRank, Mirror, ScalarGate, add_symmetry, find_symmetries

EXCHANGE = [[0.5, -0.5, *[0.0] * 4], [-0.5, 0.5, *[0.0] * 4], *[[0.0] * 6] * 4]

# Group, size and copies of what each config adds to six units of five inputs, and its dimension in all.
CASES = {
    "scalar gate": (ScalarGate(), [("scaling", 1, 1)], 1),
    "product of two": (Hadamard(), [("scaling", 6, 5)], 30),
    "product of three": (Hadamard(depth=3), [("scaling", 6, 5)] * 2, 60),
    "gated rows": (GroupGate(), [("scaling", 6, 1)], 6),
    "gated columns": (GroupGate(dim=1, depth=3), [("scaling", 5, 1)] * 2, 10),
    "gated heads": (GroupGate(size=2), [("scaling", 3, 1)], 3),
    "low rank": (LowRank(), [("general_linear", 5, 1)], 25),
    "mirror": (Mirror(EXCHANGE, dim=0), [("scaling", 1, 1)], 1),
    "mirrored rows": (Mirror(indices=[[0, 4], [3]], dim=0), [("scaling", 1, 1)] * 2, 2),
    "mirrored entries": (Mirror(indices=[[0, 7, 9], [3, 29]]), [("scaling", 1, 1)] * 2, 2),
    "everything mirrored": (Mirror(indices=[[0, 1, 5], [2, 4, 3]], dim=0), [("scaling", 1, 1)] * 2, 2),
}


def steered(config):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 3)).double()
        x = torch.randn(80, 5, dtype=torch.float64)
        assert sum(s.dimension for s in find_symmetries(model, x)) == 0
        add_symmetry(model, {"0.weight": config})
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(torch.randn_like(parameter), alpha=0.3)
    return model, x


@pytest.mark.parametrize(("config", "expected", "dimension"), CASES.values(), ids=CASES)
def test_added_symmetries_are_found_hold_and_are_all_there_is(config, expected, dimension):
    model, x = steered(config)
    symmetries = find_symmetries(model, x)
    added = [(s.group, s.size, s.copies) for s in symmetries if s.dimension]
    assert added == expected
    # Symmetries that are alike share a line.
    table = symmetries.table().replace("{1-2}.scaling × 2", "1.scaling 0.weight_factors.2.scaling")
    assert all(s.name in table for s in symmetries)
    assert max(symmetries.errors(model, x).values()) < 1e-12
    proof = symmetries.completeness(model, x)
    assert proof.rank == proof.nullity == dimension
    assert proof.leak < 1e-12


@pytest.mark.parametrize("config", [Mirror(EXCHANGE, dim=0), Mirror(indices=[[0, 1], [3]], dim=0)])
def test_a_mirror_reflects(config):
    model, x = steered(config)
    expected = model(x)
    with torch.no_grad():
        model[0].weight_factors.mirrored.neg_()
        model[0].weight_factors.gate.neg_()
    torch.testing.assert_close(model(x), expected, rtol=1e-14, atol=1e-14)
