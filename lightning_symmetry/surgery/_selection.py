"""Which config is meant for which parameter."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Generic, TypeVar

from torch import Tensor, nn

from lightning_symmetry.discovery import Symmetry
from lightning_symmetry.surgery._plain_name import plain_name

Config = TypeVar("Config")
Filter = Callable[[str, Tensor], bool] | Sequence[Symmetry]


@dataclass
class Named:
    """A parameter, its name, and every module and attribute that holds it."""

    parameter: nn.Parameter
    names: list[str] = field(default_factory=list)
    owners: list[tuple[nn.Module, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Chosen(Generic[Config]):
    """A parameter with its config."""

    named: Named
    config: Config


def named_once(model: nn.Module) -> list[Named]:
    """List the parameters; one that is tied appears once, with all its names."""
    found: dict[nn.Parameter, Named] = {}
    for prefix, module in model.named_modules():
        for name, parameter in module._parameters.items():
            if parameter is not None:
                named = found.setdefault(parameter, Named(parameter))
                named.names.append(plain_name(f"{prefix}.{name}" if prefix else name))
                named.owners.append((module, name))
    return list(found.values())


def chosen(
    model: nn.Module, config: Config | Mapping[str, Config | None], filter: Filter | None
) -> list[Chosen[Config]]:
    """Pair parameters with configs; see :func:`~lightning_symmetry.add_symmetry` for the rules."""
    parameters = named_once(model)
    if isinstance(config, Mapping):
        pairs = _by_pattern(parameters, config)
    else:
        pairs = [(named, config) for named in parameters if named.parameter.ndim > 1]
    kept = [Chosen(named, own) for named, own in pairs if own is not None and _passes(named, filter)]
    if not kept:
        raise ValueError(
            f"`config` and `filter` must choose at least one parameter, found none among {_some(parameters)}"
        )
    return kept


def _by_pattern(
    parameters: list[Named], config: Mapping[str, Config | None]
) -> list[tuple[Named, Config | None]]:
    pairs = []
    unused = dict.fromkeys(config)
    for named in parameters:
        for pattern, own in config.items():
            if any(fnmatchcase(name, pattern) for name in named.names):
                pairs.append((named, own))
                unused.pop(pattern, None)
                break
    if unused:
        raise ValueError(
            "every pattern of `config` must be the first to match some parameter, found none for "
            f"{', '.join(map(repr, unused))} among {_some(parameters)}"
        )
    return pairs


def _passes(named: Named, filter: Filter | None) -> bool:
    if filter is None:
        return True
    if callable(filter):
        return any(filter(name, named.parameter) for name in named.names)
    return any(leg.parameter in named.names for symmetry in filter for leg in symmetry.legs)


def _some(parameters: list[Named], shown: int = 5) -> str:
    names = [named.names[0] for named in parameters]
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return (", ".join(names[:shown]) or "no parameters") + more
