"""How much of a model is measured."""

from __future__ import annotations

from dataclasses import dataclass

from ...functional._check import check, check_integer


@dataclass(frozen=True)
class Extent:
    """How much is measured.

    Attributes:
        batches: How many batches a look at the user's steps lasts; None for as many as make enough samples.
        samples: Most samples of a tensor, of all batches together.
        width: Most directions of a sample.
        exponents: Whether to fit power laws.

    Raises:
        ValueError: If a number is too small.
    """

    batches: int | None
    samples: int
    width: int
    exponents: bool

    def __post_init__(self) -> None:
        if self.batches is not None:
            check_integer(self.batches, "batches")
        check_integer(self.samples, "max_samples")
        check_integer(self.width, "max_width")
        check(self.batches is None or self.batches >= 1, "batches", "be at least 1 or None", self.batches)
        check(self.samples >= 1, "max_samples", "be at least 1", self.samples)
        check(self.width >= 2, "max_width", "be at least 2", self.width)
