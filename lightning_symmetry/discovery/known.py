"""Symmetries that the author of a module declares, for what the trace cannot see.

Every instance of the module in a model then has them, under the name of the instance. A declared symmetry
that was found anyway is left out, and so is one that moves a frozen parameter. What is reported has been
proved numerically, where the numbers are at hand; on the meta device it is believed.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from torch import nn

from ._spaces import places
from ._tracing.contents import tensors
from ._tracing.twins import is_real
from ._tracing.unchanged import unchanged
from .symmetry import Symmetry
from .verify import TOLERANCE, errors

Declaration = Callable[[Any], Iterable[Symmetry]]
Function = TypeVar("Function", bound=Declaration)

DECLARED: list[tuple[type[nn.Module], Declaration]] = []
"""What is known about the instances of classes."""

CONTAINED = {
    "general_linear": ("orthogonal", "scaling", "positive_scaling", "sign", "permutation"),
    "orthogonal": ("permutation", "sign"),
    "scaling": ("positive_scaling", "sign"),
}
"""Groups that are part of another one."""


def known_symmetries(*classes: type[nn.Module]) -> Callable[[Function], Function]:
    """Declare the symmetries of modules.

    The decorated function gets an instance and returns symmetries whose names and parameters are relative to
    it; :func:`~lightning_symmetry.discovery.declared.declared` writes them.

    Args:
        *classes: The classes of the modules; their subclasses are included.

    Returns:
        A decorator.

    Raises:
        TypeError: If one is no class of modules.
    """
    for kind in classes:
        if not (isinstance(kind, type) and issubclass(kind, nn.Module)):
            raise TypeError(f"classes must be classes of modules; found {kind!r}")

    def register(function: Function) -> Function:
        DECLARED.extend((kind, function) for kind in classes)
        return function

    return register


def with_known(
    found: tuple[Symmetry, ...],
    model: nn.Module,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    loss: Callable[..., Any] | None,
) -> tuple[Symmetry, ...]:
    """Add to what was found what is declared, new and proved; a ``ValueError`` names what is false."""
    declared = [s for s in _declared(model) if not any(_contains(other, s) for other in found)]
    taken = {symmetry.name for symmetry in found}
    new = []
    for symmetry in declared:
        new.append(_renamed(symmetry, taken))
        taken.add(new[-1].name)
    given = [*model.parameters(), *model.buffers(), *tensors((args, kwargs))]
    return (*found, *(_proved(new, model, args, kwargs, loss) if new and all(map(is_real, given)) else new))


def _declared(model: nn.Module) -> Iterator[Symmetry]:
    owned = {id(tensor): name for name, tensor in (*model.named_parameters(), *model.named_buffers())}
    frozen = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    for path, module in model.named_modules():
        prefix = f"{path}." if path else ""
        inside = (*module.named_parameters(), *module.named_buffers())
        names = {name: owned[id(tensor)] for name, tensor in inside}
        for kind, declaration in DECLARED:
            for symmetry in declaration(module) if isinstance(module, kind) else ():
                legs = tuple(replace(leg, parameter=names[leg.parameter]) for leg in symmetry.legs)
                if frozen.isdisjoint(leg.parameter for leg in legs):
                    yield replace(symmetry, name=prefix + symmetry.name, legs=legs)


def _contains(one: Symmetry, other: Symmetry) -> bool:
    groups = (one.group, *CONTAINED.get(one.group, ()))
    return other.group in groups and places(one) == places(other) and one.copies == other.copies


def _renamed(symmetry: Symmetry, taken: set[str]) -> Symmetry:
    """The symmetry under a name that is not taken."""
    name, number = symmetry.name, 1
    while name in taken:
        number += 1
        name = f"{symmetry.space}.{number}.{symmetry.group}"
    return replace(symmetry, name=name)


def _proved(
    symmetries: Sequence[Symmetry],
    model: nn.Module,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    loss: Callable[..., Any] | None,
) -> Sequence[Symmetry]:
    names = ", ".join(symmetry.name for symmetry in symmetries)
    try:
        with unchanged(model):
            sizes = errors(symmetries, model, args, kwargs, loss)
    except Exception as error:
        warnings.warn(
            f"{names}: declared, but left out: {type(model).__name__} does not run in float64, which would "
            f"prove it ({type(error).__name__}: {error})",
            stacklevel=4,
        )
        return ()
    for symmetry in symmetries:
        size = sizes[symmetry.name]
        if not size < TOLERANCE:
            raise ValueError(
                f"{symmetry.name} is declared and must hold; a random element changes the outputs "
                f"by {size:.1e} of their size"
            )
    return symmetries
