"""What the tests of the discovery claim about symmetries."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils._pytree import tree_leaves

from lightning_symmetry.discovery import Symmetries, Symmetry, find_symmetries


@dataclass(frozen=True)
class Case:
    """A small model, inputs for it, and everything that should be found.

    ``expected`` holds one line a symmetry, as :func:`described` writes them. ``nullity`` is the dimension of
                the null space
    of the Jacobian, where nothing but symmetries is in it: with a ``seed`` for which no unit is always on or
    always off, and ``outputs`` numbers from each example.
    """

    build: Callable[[], nn.Module]
    inputs: Callable[[int], tuple[Any, ...]]
    expected: str
    nullity: int | None = None
    outputs: int = 3
    seed: int = 0
    loss: Callable[..., Any] | None = None
    batch: int = 7

    def model(self) -> nn.Module:
        """Build the model in float64 at a generic point: no unit gain, no zero bias."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            model = self.build().double()
            with torch.no_grad():
                for parameter in model.parameters():
                    parameter.add_(torch.randn_like(parameter), alpha=0.3)
                for buffer in model.buffers():
                    if buffer.is_floating_point():
                        buffer.add_(torch.rand_like(buffer))
        return model

    def data(self, batch: int, seed: int = 1) -> tuple[Any, ...]:
        """Draw inputs."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return self.inputs(batch)

    def find(self, model: nn.Module) -> Symmetries:
        """Find the symmetries of one of the models."""
        return find_symmetries(model, *self.data(self.batch), loss=self.loss)


def gaussian(*shape: int) -> Callable[[int], tuple[Tensor, ...]]:
    """Inputs of one Gaussian tensor; ``shape`` is that of one example."""
    return lambda batch: (2 * torch.randn(batch, *shape, dtype=torch.float64),)


def described(symmetry: Symmetry) -> str:
    """One line: group, size, copies if any, and every leg with where it starts and its powers if not 1."""
    legs = []
    for leg in symmetry.legs:
        if leg.kind == "noise":
            continue
        start = "@" + ",".join(map(str, leg.offset)) if any(leg.offset) else ""
        powers = "^" + ",".join(f"{p:g}" for p in leg.powers) if set(leg.powers) - {1} else ""
        branch = f"#{leg.unit}" if leg.unit is not None else ""
        legs.append(f"{leg.parameter}{start}{powers}{'+' * leg.additive}{branch}")
    copies = f" x{symmetry.copies}" if symmetry.copies != 1 else ""
    return f"{symmetry.group} {symmetry.size}{copies}: {' '.join(legs)}"


def assert_exactly(symmetries: Symmetries, expected: str) -> None:
    """Nothing less and nothing more was found."""
    lines = [" ".join(line.split()) for line in expected.splitlines() if line.strip()]
    assert sorted(map(described, symmetries)) == sorted(lines)


def assert_proved(
    symmetries: Symmetries, model: nn.Module, *args: Any, tolerance: float = 1e-9, **kwargs: Any
) -> None:
    """Acting with random elements, one group at a time and all at once, changes nothing."""
    errors = symmetries.errors(model, *args, **kwargs)
    assert list(errors) == [*(s.name for s in symmetries), "all together"]
    assert {name: error for name, error in errors.items() if not error < tolerance} == {}


def assert_found(case: Case) -> None:
    """A model has exactly the expected symmetries, and they hold."""
    model = case.model()
    symmetries = case.find(model)
    assert_exactly(symmetries, case.expected)
    assert_proved(symmetries, model, *case.data(case.batch))


def assert_complete(case: Case) -> None:
    """The generators span the null space of the Jacobian, whose dimension is known."""
    model = case.model()
    parameters = sum(p.numel() for p in model.parameters() if p.requires_grad)
    inputs = case.data(parameters // case.outputs + 20)
    result = case.find(model).completeness(model, inputs)
    assert (result.rank, result.nullity, result.parameters) == (case.nullity, case.nullity, parameters)
    assert result.missing.shape == (0, parameters)
    assert result.ratio == 1
    assert result.gap > 1e5
    assert result.leak < 1e-10


def without_eps(model: nn.Module) -> nn.Module:
    """A copy whose normalisations have a vanishing eps; batch normalisation demands one above 0."""
    twin = copy.deepcopy(model)
    for module in twin.modules():
        if hasattr(module, "eps"):
            module.eps = 1e-60
    return twin


def run(model: nn.Module, params: Mapping[str, Tensor], *args: Any) -> list[Tensor]:
    """All outputs of a model on other parameters, its buffers left alone."""
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    output = functional_call(model, {**buffers, **params}, args)
    return [leaf for leaf in tree_leaves(output) if isinstance(leaf, Tensor)]
