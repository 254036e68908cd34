"""Inputs of a model, described in a few characters."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lightning_symmetry.inspection.error import InspectionError

_DTYPES = {
    name: getattr(torch, name)
    for name in ("float16", "bfloat16", "float32", "float64", "complex64", "uint8", "int32", "int64", "bool")
}


@dataclass(frozen=True)
class InputSpec:
    """Shape, type and range of one input of a model.

    Attributes:
        shape: Length of every axis, at least 1 each.
        dtype: Type of the entries.
        below: Integer entries are drawn from 0 to ``below - 1``.

    Example:
        >>> InputSpec.parse("1x16:int64:1000")
        InputSpec(shape=(1, 16), dtype=torch.int64, below=1000)
    """

    shape: tuple[int, ...]
    dtype: torch.dtype = torch.float32
    below: int = 1

    @classmethod
    def parse(cls, text: str) -> InputSpec:
        """Read ``SHAPE[:DTYPE[:BELOW]]``, such as ``1x3x224x224``, ``4x8:float64`` or ``1x16:int64:1000``.

        Args:
            text: Lengths of the axes with ``x`` between them; then, after colons, the type (float32 if it is
                left out) and, for integers, the bound of the random entries (1 if it is left out: zeros).

        Returns:
            The input described.

        Raises:
            InspectionError: If the text breaks the rule.
        """
        shape, *rest = text.split(":")
        lengths = shape.split("x")
        if not all(length.isdecimal() and int(length) > 0 for length in lengths):
            raise InspectionError(
                f"--input needs lengths of at least 1 with x between them, such as 1x3x224x224; found "
                f"{text!r}"
            )
        name = rest[0] if rest else "float32"
        if name not in _DTYPES:
            raise InspectionError(
                f"--input needs one of the types {', '.join(_DTYPES)} after its shape; found {text!r}"
            )
        dtype = _DTYPES[name]
        below = 2 if dtype is torch.bool else 1
        if len(rest) > 1:
            integer = not (dtype.is_floating_point or dtype.is_complex or dtype is torch.bool)
            if len(rest) > 2 or not integer or not rest[1].isdecimal() or int(rest[1]) < 1:
                raise InspectionError(
                    f"--input takes one bound of at least 1 after an integer type, such as "
                    f"1x16:int64:1000; found {text!r}"
                )
            below = int(rest[1])
        return cls(tuple(map(int, lengths)), dtype, below)

    def tensor(self, seed: int = 0) -> Tensor:
        """Draw the input.

        Args:
            seed: Seed of the entries; the global random state is left alone.

        Returns:
            Standard normal entries, or uniform integers from 0 to ``below - 1``.

        Raises:
            InspectionError: If there is no such tensor, or memory does not hold it.
        """
        try:
            return self._drawn(torch.Generator().manual_seed(seed))
        except (RuntimeError, TypeError, ValueError) as error:
            raise InspectionError(
                f"--input needs a tensor that memory can hold; found {self}", error
            ) from error

    def _drawn(self, generator: torch.Generator) -> Tensor:
        if self.dtype.is_floating_point or self.dtype.is_complex:
            # Half precision has no normal random numbers of its own on every platform.
            wide = self.dtype if self.dtype.is_complex else torch.float64
            return torch.randn(self.shape, generator=generator, dtype=wide).to(self.dtype)
        return torch.randint(self.below, self.shape, generator=generator).to(self.dtype)
