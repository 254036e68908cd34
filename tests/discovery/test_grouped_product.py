"""Products of groups of rows with matrices of their own, in double precision."""

import torch

from lightning_symmetry.discovery._tracing.replay import grouped_product


def test_every_group_of_rows_meets_its_matrix():
    torch.manual_seed(0)
    left, right = torch.randn(7, 3).double(), torch.randn(3, 3, 4).double()
    out = grouped_product(left, right, offs=torch.tensor([2, 2, 6], dtype=torch.int32))
    experts = torch.tensor([0, 0, 2, 2, 2, 2])
    torch.testing.assert_close(out[:6], torch.einsum("nk,nkm->nm", left[:6], right[experts]))
    assert not out[6].any()


def test_one_matrix_a_group():
    left, right = torch.randn(2, 5, 3).double(), torch.randn(2, 3, 4).double()
    torch.testing.assert_close(grouped_product(left, right), torch.einsum("gnk,gkm->gnm", left, right))
