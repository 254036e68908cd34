"""Say what acts on every axis of a parameter, and what keeps the rest from acting."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from functools import cached_property
from typing import Any

from torch import nn

from ._obstacles import Obstacle, Obstacles
from ._spaces import Place
from ._steps.lower import Block, Lowered
from .fact import Fact, kinds_of, missing
from .find import solved, traced
from .known import with_known
from .leg import Leg
from .symmetries import Symmetries
from .symmetry import Symmetry


class Explanation:
    """The symmetries of a model, with the reasons for those that are missing.

    Attributes:
        symmetries: What was found.
    """

    def __init__(self, lowered: Lowered, symmetries: Symmetries) -> None:
        self.symmetries = symmetries
        self._lowered = lowered
        self._blocks: dict[str, list[Block]] = defaultdict(list)
        for block in lowered.blocks:
            if block.value.name and ":" not in block.value.name:
                self._blocks[block.value.name].append(block)
        self._acting: dict[Place, list[str]] = defaultdict(list)
        self._copies: dict[Place, list[str]] = defaultdict(list)
        self._kinds: dict[Place, set[str]] = defaultdict(set)
        self._whole: dict[str, list[str]] = defaultdict(list)
        for symmetry in symmetries:
            for leg in symmetry.legs:
                self._note(symmetry, leg)

    def _note(self, symmetry: Symmetry, leg: Leg) -> None:
        """Note where a leg is moved."""
        if leg.unit is not None or any(leg.atoms[dim][0] < 0 for dim in leg.acts):
            self._whole[leg.parameter].append(symmetry.name)
            return
        for dim in (*leg.acts, *leg.copies):
            place = (leg.parameter, leg.offset, leg.atoms[dim])
            self._kinds[place].update(kinds_of(symmetry.group, copied=dim in leg.copies))
            (self._acting if dim in leg.acts else self._copies)[place].append(symmetry.name)

    @cached_property
    def _obstacles(self) -> Obstacles:
        return Obstacles(self._lowered)

    def why(self, name: str) -> list[Fact]:
        """Return what is known about a parameter, a module, a symmetry or its space.

        Args:
            name: The dotted name.

        Returns:
            A fact for every axis, or part of one, that the name stands for.

        Raises:
            ValueError: If the name is none of these.
        """
        if not isinstance(name, str):
            raise ValueError(f"name must be a text; found {name!r}")
        parameters = [p for p in self._blocks if p == name or p.startswith(f"{name}.")]
        if parameters:
            return [fact for parameter in parameters for fact in self._facts(parameter)]
        chosen = [s for s in self.symmetries if name in (s.name, s.space)]
        if not chosen:
            known = [*self._blocks, *(n for s in self.symmetries for n in (s.name, s.space))]
            close = "".join(f", did you mean {match!r}?" for match in get_close_matches(name, known, 1))
            raise ValueError(
                f"name must be that of a parameter, a module, a symmetry or its space; found {name!r}{close}"
            )
        named = {s.name for s in chosen}
        moved = {leg.parameter: None for s in chosen for leg in s.legs if leg.parameter in self._blocks}
        facts = (fact for parameter in moved for fact in self._facts(parameter))
        return [fact for fact in facts if not named.isdisjoint(fact.symmetries)]

    def text(self, name: str) -> str:
        """Return what :meth:`why` says, for people.

        Args:
            name: The dotted name of a parameter, a module, a symmetry or its space.

        Returns:
            A heading for every parameter, below it a line for each axis.

        Raises:
            ValueError: If the name is none of these.
        """
        lines: list[str] = []
        heading = ""
        for fact in self.why(name):
            if fact.parameter != heading:
                heading = fact.parameter
                lines.append(heading)
            lines.append(str(fact))
        return "\n".join(lines)

    def _facts(self, parameter: str) -> Iterator[Fact]:
        told: dict[tuple[int, range, tuple[Obstacle, ...]], Fact] = {}
        for block in self._blocks[parameter]:
            for fact in self._of_block(block):
                key = (fact.axis or 0, fact.indices, fact.obstacles)
                told[key] = told[key].joined(fact) if key in told else fact
        yield from sorted(told.values(), key=lambda fact: fact.axis or 0)
        if parameter in self._whole:
            yield Fact(parameter, None, range(0), True, tuple(self._whole[parameter]))

    def _of_block(self, block: Block) -> Iterator[Fact]:
        value = block.value
        offset = tuple(piece.offset for piece in block.pieces)
        variables = iter(block.atoms)
        for axis, piece in enumerate(block.pieces):
            for dim, step in piece.atoms:
                place = (value.name, offset, (axis, step, dim.size))
                reasons = self._obstacles.nearest(next(variables))
                yield Fact(
                    parameter=value.name,
                    axis=axis,
                    indices=range(piece.offset, piece.offset + dim.size * step, step),
                    whole=dim.size == value.shape[axis],
                    symmetries=tuple(dict.fromkeys(self._acting.get(place, ()))),
                    copies=tuple(dict.fromkeys(self._copies.get(place, ()))),
                    obstacles=missing(reasons, self._kinds.get(place, ())),
                )


def explain(
    model: nn.Module, *args: Any, loss: Callable[..., Any] | None = None, **kwargs: Any
) -> Explanation:
    """Find the symmetries of a model, and what keeps others from being there.

    Args:
        model: Any eager ``nn.Module``.
        *args: Inputs of the model; only shapes and dtypes matter.
        loss: A function of the model's output that is to stay the same.
        **kwargs: Keyword inputs of the model.

    Returns:
        The explanation, which answers for every parameter, module and symmetry.

    Raises:
        TypeError: If ``model`` is not a module.
        ValueError: If the model has no parameters, or a declared symmetry does not hold.
        TraceError: If the model does not run with these inputs (a wrong shape, or a path that depends on
            numbers where there are none, as on the meta device); the message names the cause.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> model = nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 2))
        >>> print(explain(model, torch.zeros(1, 4)).text("0.weight"))
        0.weight
          axis 0 (8): 0.permutation
            no change of basis, no scaling, no sign: aten.gelu in 1 commutes with permutations only
          axis 1 (4): nothing acts
            pinned: data keeps its places, in aten.addmm in 0
    """
    lowered = traced(model, args, kwargs, loss)
    symmetries = with_known(solved(lowered), model, args, kwargs, loss)
    return Explanation(lowered, Symmetries(symmetries, loss=loss))
