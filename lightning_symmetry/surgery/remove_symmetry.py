"""Remove symmetries of an existing model, in its layers."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar

import torch
from torch import nn
from torch.nn.utils import parametrize

from lightning_symmetry.layers.asymmetric_activation import AsymmetricActivation
from lightning_symmetry.layers.offset import Offset
from lightning_symmetry.surgery._choice import Choice, Filter
from lightning_symmetry.surgery._installed import Installed
from lightning_symmetry.surgery._plain_name import plain_name
from lightning_symmetry.surgery._selection import Named
from lightning_symmetry.surgery._steerable import check_steerable, plainly_named
from lightning_symmetry.surgery._take_off import replace_modules
from lightning_symmetry.surgery.activation_asymmetry import (
    ACTIVATIONS,
    ActivationAsymmetry,
    asymmetric_activation,
)
from lightning_symmetry.surgery.attention_bias import AttentionBias, unlearned_bias
from lightning_symmetry.surgery.syre import Syre, syre_offset
from lightning_symmetry.surgery.weight_asymmetry import WeightAsymmetry, fixed_weights

Removal = Syre | WeightAsymmetry | ActivationAsymmetry | AttentionBias

Model = TypeVar("Model", bound=nn.Module)

_Change = Callable[[], None]
# The projection that ends `nn.MultiheadAttention` holds neither queries nor values.
_Output = nn.modules.linear.NonDynamicallyQuantizableLinear


def remove_symmetry(
    model: Model,
    config: Removal | Mapping[str, Removal | None],
    filter: Filter | None = None,
) -> Model:
    r"""Put layers into a model, in place, whose loss has fewer symmetries.

    What a config acts on by itself: :class:`Syre` on every parameter, :class:`WeightAsymmetry` on every
    parameter of two or more dimensions, :class:`ActivationAsymmetry` on every activation module,
    :class:`AttentionBias` on every ``nn.MultiheadAttention``, and on linear layers that a ``filter`` or a
    pattern names.

    Everything is checked before anything is changed. Parameters stay the same objects, so optimizers go on,
    and tied ones are changed together, once. Checkpoints of the plain model load; those of the steered model
    have ``parametrizations.<name>.original`` in the place of ``<name>``. With Syre the function stays what it
    is, up to one rounding of each weight; with the others it changes.

    Call it before the model is sharded or compiled, and before a Trainer makes the optimizers. For a model
    whose training runs, :class:`~lightning_symmetry.callbacks.RemoveSymmetry` does the same as Syre here, at
    no cost in the forward pass; without weight decay neither removes anything.

    Args:
        model: Any model.
        config: What to do; or a mapping from patterns of names (``fnmatch``) to what to do there, of which
            **the first that matches a name and acts on such a part decides**, so the general one comes last;
            ``None`` leaves a part as it is.
        filter: Keeps some parts: called with the name and value of each parameter, or the name of each module
            and itself; or a sequence of symmetries, such as some that :func:`find_symmetries` returned, for
            the parameters they move and the modules that own these.

    Returns:
        The same model.

    Raises:
        TypeError: If ``config`` is of another type.
        ValueError: If a config matches nothing, or matches what is steered already, frozen, quantised or in
            half precision, sharded or without a value.

    Example:
        >>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
        >>> layers = {"*.bias": None, "0.*": WeightAsymmetry(fixed=2), "*": Syre(std=0.05)}
        >>> model = remove_symmetry(model, layers)
        >>> [name for name, _ in model.named_parameters()][:2]
        ['0.bias', '0.parametrizations.weight.original']
    """
    for entry in config.values() if isinstance(config, Mapping) else [config]:
        if not isinstance(entry, Removal) and not (entry is None and isinstance(config, Mapping)):
            raise TypeError(
                f"`config` must be a Syre, WeightAsymmetry, ActivationAsymmetry or AttentionBias, "
                f"or a mapping of patterns to these, found {entry!r}"
            )
    choice = Choice(config, filter)
    found = plainly_named(model)
    named = filter is not None or isinstance(config, Mapping)
    changes = [*_of_parameters(model, found, choice), *_of_modules(model, found, choice, named)]
    choice.check()
    for change in changes:
        change()
    return model


def _of_parameters(model: nn.Module, found: list[Named], choice: Choice) -> list[_Change]:
    changes: list[_Change] = []
    for named in found:
        kinds = (Syre, WeightAsymmetry) if named.parameter.ndim > 1 else (Syre,)
        config = choice.of(named.names, named.parameter, kinds)
        if config is None:
            continue
        check_steerable(named)
        parametrisation: Installed = (
            Offset(syre_offset(model, named.names[0], config))
            if isinstance(config, Syre)
            else fixed_weights(named.parameter, plain_name(named.names[0]), config)
        )
        changes.append(partial(_install, named, parametrisation))
    return changes


def _of_modules(model: nn.Module, found: list[Named], choice: Choice, named: bool) -> list[_Change]:
    changes: list[_Change] = []
    replaced = [module.replaced for module in model.modules() if isinstance(module, AsymmetricActivation)]
    for name, module in model.named_modules():
        if isinstance(module, (*ACTIVATIONS, AsymmetricActivation)) and module not in replaced:
            config = choice.of((name,), module, (ActivationAsymmetry,))
            if config is not None:
                by: dict[nn.Module, nn.Module] = {module: asymmetric_activation(model, name, config)}
                changes.append(partial(replace_modules, model, by))
        if isinstance(module, nn.MultiheadAttention) or (
            named and isinstance(module, nn.Linear) and not isinstance(module, _Output)
        ):
            config = choice.of((name,), module, (AttentionBias,))
            if config is not None:
                changes.append(_of_attention(name, module, found, config))
    return changes


def _of_attention(
    name: str, module: nn.Linear | nn.MultiheadAttention, found: list[Named], config: AttentionBias
) -> _Change:
    attribute = "in_proj_bias" if isinstance(module, nn.MultiheadAttention) else "bias"
    packed = isinstance(module, nn.MultiheadAttention) or module.out_features == 3 * module.in_features
    if packed != (config.part == "packed"):
        raise ValueError(
            f"`part` must say what the bias of `{name}` belongs to, found {config.part!r} for {module}"
        )
    owner: nn.Module = module
    if parametrize.is_parametrized(module, attribute):
        owner, attribute = module.parametrizations[attribute], "original"  # type: ignore[assignment, index]
    for named in found:
        if any(holder is owner and held == attribute for holder, held in named.owners):
            check_steerable(named)
            bias = unlearned_bias(named.parameter, plain_name(named.names[0]), config)
            return partial(_install, named, bias)
    raise ValueError(
        f"`{name}` must have a bias for it to be replaced, found none; leave it out with `filter`"
    )


@torch.no_grad()
def _install(named: Named, parametrisation: Installed) -> None:
    weight = named.parameter.detach().clone()
    for module, attribute in named.owners:
        order = list(module._parameters)
        parametrize.register_parametrization(module, attribute, parametrisation)
        # `None` keeps the place of the parameter among the others.
        module._parameters.update({name: module._parameters.pop(name, None) for name in order})
        parametrisation.attach(module)
    # Each registration of a tied parameter stores its own idea of it.
    named.parameter.copy_(parametrisation.right_inverse(weight))
