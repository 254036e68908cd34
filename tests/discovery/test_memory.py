"""Which tensors share entries of the same memory."""

import pytest
import torch
from torch import Tensor, nn

from lightning_symmetry.discovery import find_symmetries
from lightning_symmetry.discovery._tracing.memory import overlap

from .claims import assert_exactly, assert_proved


@pytest.mark.parametrize("seed", range(20))
def test_tensors_overlap_exactly_if_they_have_an_entry_in_common(seed):
    generator = torch.Generator().manual_seed(seed)
    memory = torch.arange(300)

    def drawn(most: int, *size: int) -> list[int]:
        return torch.randint(most, size, generator=generator).tolist()

    def view() -> Tensor:
        (axes,), (start,) = drawn(4, 1), drawn(40, 1)
        steps = torch.tensor([0, 1, 2, 3, 5, 7, 12, 24])[drawn(8, axes)].tolist()
        return memory.as_strided(drawn(5, axes), steps, start)

    for _ in range(200):
        one, other = view(), view()
        common = set(one.flatten().tolist()) & set(other.flatten().tolist())
        assert overlap(one, other) == overlap(other, one) == bool(common)


def test_tensors_of_other_types_or_layouts_are_taken_to_overlap():
    numbers = torch.zeros(4)
    assert overlap(numbers[:2], numbers.view(torch.int32)[2:])
    assert overlap(numbers, numbers.to_sparse())


class Gated(nn.Module):
    """Writes to one half of a tensor, then reads the other half, or all of it."""

    def __init__(self, reads_all: bool) -> None:
        super().__init__()
        self.first, self.last, self.reads_all = (
            nn.Linear(4, 6),
            nn.Linear(6 if reads_all else 3, 2),
            reads_all,
        )

    def forward(self, x: Tensor) -> Tensor:
        both = self.first(x).detach()
        gate, value = both.chunk(2, 1)
        gate.sigmoid_()
        return self.last(both if self.reads_all else gate * value.relu_())


@pytest.mark.parametrize("reads_all", [True, False])
def test_a_write_to_one_part_of_a_tensor_leaves_the_others_known(reads_all):
    torch.manual_seed(0)
    model, x = Gated(reads_all).double(), torch.randn(7, 4, dtype=torch.float64)
    symmetries = find_symmetries(model, x)
    expected = """
        permutation 3: first.weight first.weight@3,0 first.bias first.bias@3 last.weight
        positive_scaling 3: first.weight@3,0 first.bias@3 last.weight^-1
        """
    assert_exactly(symmetries, "" if reads_all else expected)
    assert_proved(symmetries, model, x)
