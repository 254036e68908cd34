"""Handwritten digits, from scikit-learn's own wheel: nothing is downloaded."""

from __future__ import annotations

from typing import NamedTuple

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, TensorDataset

TEST_SIZE = 360
"""Images kept for the test, the same ones for every variant and seed."""


class Digits(NamedTuple):
    """The 1797 images of 8 x 8 pixels with their labels, split once and for all.

    The split keeps the share of every class.
    """

    train: TensorDataset
    test: TensorDataset


def digits() -> Digits:
    """Load the data set.

    Returns:
        Images as float32 ``(n, 64)`` between 0 and 1 and labels as int64 ``(n,)``, 1437 to train with and
        360 to test.
    """
    images, labels = load_digits(return_X_y=True)
    train_x, test_x, train_y, test_y = train_test_split(
        images / 16, labels, test_size=TEST_SIZE, random_state=0, stratify=labels
    )
    return Digits(_dataset(train_x, train_y), _dataset(test_x, test_y))


def batches(dataset: TensorDataset, size: int, seed: int) -> DataLoader[tuple[Tensor, ...]]:
    """Return batches in an order that depends on the seed and is new in every epoch.

    Args:
        dataset: What to draw from.
        size: Images in a batch; the last one may be smaller.
        seed: Seed of the order.

    Returns:
        A loader that takes a whole batch out of the tensors at once, which is far quicker than image by
        image.
    """
    order = RandomSampler(dataset, generator=torch.Generator().manual_seed(seed))
    return DataLoader(dataset, sampler=BatchSampler(order, size, drop_last=False), batch_size=None)


def _dataset(images: object, labels: object) -> TensorDataset:
    return TensorDataset(
        torch.as_tensor(images, dtype=torch.float32), torch.as_tensor(labels, dtype=torch.int64)
    )
