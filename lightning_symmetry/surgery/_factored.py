"""Modules that compute some of their parameters from factors.

``torch.nn.utils.parametrize`` does nearly the same. It forbids pickling, gives recurrent modules a stale
weight that cannot be copied, lets plain checkpoints fail, forgets the order and the object of a parameter of
several factors, and does not share the factors of a tied one.
"""

from functools import cache
from typing import Any

from torch import Tensor, nn

from lightning_symmetry.surgery._factors import Factors


class FactoredModule(nn.Module):
    """Mixin of the classes that :func:`attach` makes; not to be built directly."""

    plain_class: Any
    factored: tuple[str, ...]

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        # The class is made while the program runs, so a pickle says how to make it.
        reduced = super().__reduce_ex__(protocol)
        assert isinstance(reduced, tuple)
        return (_blank, (self.plain_class, self.factored), *reduced[2:])

    def register_parameter(self, name: str, param: nn.Parameter | None) -> None:
        """Refuse a new parameter in the place of a computed one, which would hide it."""
        if name in self.factored:
            raise AttributeError(
                f"`{name}` of {type(self).__name__} must not be assigned, found that it is computed from "
                f"`{name}_factors`; call `undo` or `fold` first"
            )
        super().register_parameter(name, param)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        # A checkpoint of the plain model has the weight: its factors are loaded instead.
        for name in self.factored:
            factors = factors_of(self, name)
            weight = state_dict.get(prefix + name)
            if isinstance(weight, Tensor) and weight.shape == factors.shape:
                del state_dict[prefix + name]
                for key, factor in factors.split(prefix + name, weight).items():
                    state_dict[f"{prefix}{name}_factors.{key}"] = factor
        super()._load_from_state_dict(state_dict, prefix, *args)


class _FreshWeights:
    """Recurrent modules keep a list of their weights: here it is made when it is read."""

    @property
    def _flat_weights(self) -> list[Tensor | None]:
        return [getattr(self, name, None) for name in getattr(self, "_flat_weights_names", ())]

    @_flat_weights.setter
    def _flat_weights(self, value: Any) -> None:
        """Ignore what would be stale at the next step."""

    def _update_flat_weights(self) -> None:
        """There is no list to update."""


def attach(module: nn.Module, name: str, factors: Factors) -> None:
    """Let a module compute a parameter from factors."""
    # `None` keeps the place of the parameter among the others.
    module._parameters[name] = None
    module.add_module(f"{name}_factors", factors)
    plain: Any = type(module)
    names: tuple[str, ...] = (name,)
    if isinstance(module, FactoredModule):
        plain, names = module.plain_class, (*module.factored, name)
    if issubclass(plain, nn.RNNBase):
        module.__dict__.pop("_flat_weights", None)
    module.__class__ = factored_class(plain, names)


def detach(module: FactoredModule) -> None:
    """Give a module its class and the objects of its parameters back."""
    originals = {name: factors_of(module, name).original() for name in module.factored}
    module.__class__ = module.plain_class
    for name, original in originals.items():
        del module._modules[f"{name}_factors"]
        module._parameters[name] = original
    if isinstance(module, nn.RNNBase):
        module._init_flat_weights()


def factors_of(module: nn.Module, name: str) -> Factors:
    """Return the factors of one of a module's parameters."""
    factors = module._modules[f"{name}_factors"]
    assert isinstance(factors, Factors)
    return factors


def factored_modules(model: nn.Module) -> list[FactoredModule]:
    """List the modules with factors."""
    return [module for module in model.modules() if isinstance(module, FactoredModule)]


@cache
def factored_class(plain: Any, names: tuple[str, ...]) -> Any:
    """Return a subclass of a module's class that computes the named parameters."""
    bases = (_FreshWeights,) if issubclass(plain, nn.RNNBase) else ()
    members = {name: _computed(name) for name in names}
    own = {"plain_class": plain, "factored": names, "__doc__": plain.__doc__, "__module__": plain.__module__}
    return type(f"Factored{plain.__name__}", (FactoredModule, *bases, plain), {**members, **own})


def _computed(name: str) -> property:
    child = f"{name}_factors"

    def weight(module: nn.Module) -> Tensor:
        result: Tensor = module._modules[child]()  # type: ignore[misc]
        return result

    return property(weight)


def _blank(plain: Any, names: tuple[str, ...]) -> nn.Module:
    made = factored_class(plain, names)
    module: nn.Module = made.__new__(made)
    return module
