"""The parameters of a model, once each."""

from dataclasses import dataclass, field

from torch import nn

from lightning_symmetry.surgery._plain_name import plain_name


@dataclass
class Named:
    """A parameter, its names in the plain model, and every module and attribute that holds it."""

    parameter: nn.Parameter
    names: list[str] = field(default_factory=list)
    owners: list[tuple[nn.Module, str]] = field(default_factory=list)


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
