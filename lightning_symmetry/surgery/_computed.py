"""Modules that compute some of their parameters.

``torch.nn.utils.parametrize`` does nearly the same. It forbids pickling, gives recurrent modules a stale
weight that cannot be copied, lets plain checkpoints fail, renames what is trained, forgets the order and the
object of a parameter of several factors, and does not share the factors of a tied one.
"""

from functools import cache
from typing import Any

from torch import Tensor, nn

from lightning_symmetry.surgery._computation import Computation


class ComputedModule(nn.Module):
    """Mixin of the classes that :func:`attach` makes; not to be built directly."""

    plain_class: Any
    computed: tuple[tuple[str, str], ...]
    _loading = False

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        # The class is made while the program runs, so a pickle says how to make it.
        reduced = super().__reduce_ex__(protocol)
        assert isinstance(reduced, tuple)
        return (_blank, (self.plain_class, self.computed), *reduced[2:])

    def register_parameter(self, name: str, param: nn.Parameter | None) -> None:
        """Refuse a new parameter in the place of a computed one, which would hide it."""
        if name in dict(self.computed) and not self._loading:
            raise AttributeError(
                f"`{name}` of {type(self).__name__} must not be assigned, found that it is computed by "
                f"`{dict(self.computed)[name]}`; call `undo` or `fold` first"
            )
        super().register_parameter(name, param)

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: Any,
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        other = [
            message for name, _ in self.computed if (message := self._translate(state_dict, prefix, name))
        ]
        error_msgs.extend(other)
        if not other:
            self._loading = True
            arguments = (local_metadata, strict, missing_keys, unexpected_keys, error_msgs)
            super()._load_from_state_dict(state_dict, prefix, *arguments)
            del self._loading

    def _translate(self, state_dict: dict[str, Any], prefix: str, name: str) -> str | None:
        """Write what a checkpoint of the plain model has as this module stores it."""
        computation, key = computation_of(self, name), prefix + name
        inside = f"{prefix}{dict(self.computed)[name]}."
        recorded = state_dict.get(f"{inside}_extra_state")
        if isinstance(recorded, Tensor):
            return computation.record_error(key, recorded)
        weight = state_dict.get(key)
        if isinstance(weight, Tensor) and weight.shape == computation.shape:
            del state_dict[key]
            state_dict[f"{inside}_extra_state"] = computation.get_extra_state()
            for entry, value in computation.entries(key, weight).items():
                state_dict[inside + entry if entry else key] = value
        return None


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


def attach(module: nn.Module, name: str, computation: Computation, stored: nn.Parameter | None) -> None:
    """Let a module compute a parameter.

    Args:
        module: The owner of the parameter.
        name: Name of the parameter there.
        computation: What computes it.
        stored: What is trained in its place; ``None`` keeps the place among the parameters.
    """
    child = f"{name}_{computation.suffix}"
    module._parameters[name] = stored
    module.add_module(child, computation)
    plain: Any = type(module)
    computed: tuple[tuple[str, str], ...] = ((name, child),)
    if isinstance(module, ComputedModule):
        plain, computed = module.plain_class, (*module.computed, (name, child))
    if issubclass(plain, nn.RNNBase):
        module.__dict__.pop("_flat_weights", None)
    module.__class__ = computed_class(plain, computed)
    computation.attach(module)


def detach(module: ComputedModule) -> None:
    """Give a module its class and the objects of its parameters back."""
    found = {name: computation_of(module, name) for name, _ in module.computed}
    for name, computation in found.items():
        computation.detach(module)
        module._parameters[name] = computation.original(module._parameters[name])
    for _, child in module.computed:
        del module._modules[child]
    module.__class__ = module.plain_class
    if isinstance(module, nn.RNNBase):
        module._init_flat_weights()


def computation_of(module: ComputedModule, name: str) -> Computation:
    """Return what computes one of a module's parameters."""
    computation = module._modules[dict(module.computed)[name]]
    assert isinstance(computation, Computation)
    return computation


def computed_modules(model: nn.Module) -> list[ComputedModule]:
    """List the modules that compute parameters."""
    return [module for module in model.modules() if isinstance(module, ComputedModule)]


@cache
def computed_class(plain: Any, computed: tuple[tuple[str, str], ...]) -> Any:
    """Return a subclass of a module's class that computes the named parameters by the named children."""
    bases = (_FreshWeights,) if issubclass(plain, nn.RNNBase) else ()
    members = {name: _computed(name, child) for name, child in computed}
    own = {
        "plain_class": plain,
        "computed": computed,
        "__doc__": plain.__doc__,
        "__module__": plain.__module__,
    }
    return type(f"Steered{plain.__name__}", (ComputedModule, *bases, plain), {**members, **own})


def _computed(name: str, child: str) -> property:
    def weight(module: nn.Module) -> Tensor:
        result: Tensor = module._modules[child](module._parameters[name])  # type: ignore[misc]
        return result

    return property(weight)


def _blank(plain: Any, computed: tuple[tuple[str, str], ...]) -> nn.Module:
    made = computed_class(plain, computed)
    module: nn.Module = made.__new__(made)
    return module
