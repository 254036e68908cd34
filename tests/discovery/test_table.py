"""How symmetries are printed."""

import torch
from torch import nn

from lightning_symmetry.discovery import Leg, Symmetries, Symmetry, find_symmetries


def found(name, *parameters, size=3):
    legs = tuple(
        Leg(parameter, (0,), ((0, 1, size),), "parameter", (0,), (1.0,), ("writes",))
        for parameter in parameters
    )
    return Symmetry(name, name.rpartition(".")[2], size, 1, legs)


def column(symmetries, number):
    """One column, whose cells hold no double spaces."""
    lines = Symmetries(symmetries).table().splitlines()[1:]
    return [[cell for cell in line.split("  ") if cell][number].strip() for line in lines]


def block(i, size=3):
    return found(
        f"blocks.{i}.mlp.hidden.sign", f"blocks.{i}.mlp.up.weight", f"blocks.{i}.mlp.down.weight", size=size
    )


def test_repeated_blocks_share_a_row():
    symmetries = [found("stream.sign", "embed.weight"), *(block(i) for i in range(12))]
    assert Symmetries(symmetries).table().splitlines() == [
        "name                                group  size  copies  dimension  holds    legs",
        "stream.sign                         sign   3     1       0          exactly  embed.weight",
        "blocks.{0-11}.mlp.hidden.sign × 12  sign   3     1       0          exactly  "
        "blocks.{0-11}.mlp.up.weight blocks.{0-11}.mlp.down.weight",
    ]


def test_blocks_of_another_size_have_a_row_of_their_own():
    symmetries = [block(0), block(1, size=4), block(2), block(3, size=4), block(6)]
    assert column(symmetries, 0) == [
        "blocks.{0,2,6}.mlp.hidden.sign × 3",
        "blocks.{1,3}.mlp.hidden.sign × 2",
    ]


def test_a_block_whose_legs_lie_elsewhere_has_a_row_of_its_own():
    layers = [found(f"{i}.sign", f"{i}.weight", f"{i + 2}.weight") for i in (0, 2, 4)]
    assert column(layers, 0) == ["0.sign", "2.sign", "4.sign"]
    same = [found(f"{i}.sign", f"{i}.weight", "head.weight") for i in (0, 2, 4)]
    assert column(same, 0) == ["{0,2,4}.sign × 3"]
    assert column(same, 6) == ["{0,2,4}.weight head.weight"]


def test_blocks_of_stages_are_folded_as_far_as_they_agree():
    def stage(i, j, size):
        return found(f"stages.{i}.blocks.{j}.hidden.sign", f"stages.{i}.blocks.{j}.weight", size=size)

    stages = [stage(i, j, size) for i, size in enumerate((3, 3, 5)) for j in range(2 + 2 * (i == 1))]
    assert column(stages, 0) == [
        "stages.0.blocks.{0-1}.hidden.sign × 2",
        "stages.1.blocks.{0-3}.hidden.sign × 4",
        "stages.2.blocks.{0-1}.hidden.sign × 2",
    ]
    assert column([stage(i, j, 3) for i in range(2) for j in range(3)], 0) == [
        "stages.{0-1}.blocks.{0-2}.hidden.sign × 6"
    ]


def test_only_plain_indices_are_folded():
    assert column([found(f"layer{i}.sign", f"layer{i}.weight") for i in range(2)], 0) == [
        "layer0.sign",
        "layer1.sign",
    ]
    assert column([found(f"{i}.sign", f"{i}.weight") for i in ("01", "02")], 0) == ["01.sign", "02.sign"]


def test_many_legs_are_folded_and_the_rest_is_counted():
    names = ["embed.weight", *(f"blocks.{i}.{n}" for i in range(3) for n in "abcd"), "head.weight"]
    assert column([found("stream.sign", *names)], 6) == [
        "embed.weight blocks.{0-2}.a blocks.{0-2}.b + 7 more"
    ]
    assert column([found("stream.sign", *names[1:5])], 6) == [" ".join(names[1:5])]


def test_every_symmetry_of_a_deep_model_is_counted_once():
    layers = [layer for _ in range(5) for layer in (nn.Linear(6, 6), nn.Tanh())]
    symmetries = find_symmetries(nn.Sequential(*layers, nn.Linear(6, 2)), torch.zeros(1, 6))
    counts = [name.partition(" × ")[2] or 1 for name in column(symmetries, 0)]
    assert sum(map(int, counts)) == len(symmetries) == 10
