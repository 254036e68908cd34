"""Remove symmetries of an existing model, in its layers."""

from collections.abc import Mapping
from typing import TypeVar

import torch
from torch import nn

from lightning_symmetry.layers.asymmetric_activation import AsymmetricActivation
from lightning_symmetry.layers.offset import Offset
from lightning_symmetry.surgery._asymmetry import Asymmetry
from lightning_symmetry.surgery._choice import Choice, Filter
from lightning_symmetry.surgery._computed import attach
from lightning_symmetry.surgery._installed import Installed
from lightning_symmetry.surgery._module import check_module
from lightning_symmetry.surgery._named import Named, named_once
from lightning_symmetry.surgery._steerable import check_steerable, untrained
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

    Everything is checked before anything is changed. Parameters stay the same objects under the same names,
    so optimizers go on, and tied ones are changed together, once. ``layer.weight`` is computed from what is
    trained when it is read; it cannot be assigned. Checkpoints of the plain model load. Those of the steered
    model record the config and the name of each parameter, by which they are told apart, and load strictly
    into a model steered in the same way; :func:`plain_state_dict` makes plain ones. Pickles, copies and
    ``torch.compile`` work. With Syre the function stays what it is, up to one rounding of each weight; with
    the others it changes.

    Parameters that are frozen or quantised are passed over, so that of a model with adapters these are
    steered; one that is named without a wildcard is refused, and so is a config with nothing else to steer.

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
        TypeError: If ``model``, ``config`` or ``filter`` is of another type.
        ValueError: If a config decides nothing or only what is frozen or quantised, or chooses what is
            steered already, in half precision, sharded or without a value.

    Example:
        >>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
        >>> layers = {"*.bias": None, "0.*": WeightAsymmetry(fixed=2), "*": Syre(std=0.05)}
        >>> model = remove_symmetry(model, layers)
        >>> list(model.state_dict())[:3]
        ['0.weight', '0.bias', '0.weight_asymmetry._extra_state']
    """
    check_module(model)
    for entry in config.values() if isinstance(config, Mapping) else [config]:
        if not isinstance(entry, Removal) and not (entry is None and isinstance(config, Mapping)):
            raise TypeError(
                f"`config` must be a Syre, WeightAsymmetry, ActivationAsymmetry or AttentionBias, "
                f"or a mapping of patterns to these, found {entry!r}"
            )
    choice = Choice(config, filter)
    found = named_once(model)
    removals = _Removals()
    _of_parameters(model, found, choice, removals)
    _of_attention(model, found, choice, removals)
    activations = _of_activations(model, choice)
    choice.check()
    removals.install()
    replace_modules(model, activations)
    return model


class _Removals:
    """What parameters are to pass through; a bias may get an offset and unlearned entries."""

    def __init__(self) -> None:
        self._of: dict[nn.Parameter, tuple[Named, list[Installed], list[str]]] = {}

    def add(self, named: Named, removal: Installed, config: Removal) -> None:
        _, removals, said = self._of.setdefault(named.parameter, (named, [], []))
        removals.append(removal)
        # The name is that which the draws depend on: under another name they are others.
        said.append(f"{config!r} of {named.names[0]}")

    @torch.no_grad()
    def install(self) -> None:
        for parameter, (named, removals, said) in self._of.items():
            asymmetry = Asymmetry(parameter, removals, ", ".join(said))
            parameter.copy_(asymmetry.entries(named.names[0], parameter)[""])
            for module, name in named.owners:
                attach(module, name, asymmetry, stored=parameter)


def _of_parameters(model: nn.Module, found: list[Named], choice: Choice, removals: _Removals) -> None:
    for named in found:
        kinds = (Syre, WeightAsymmetry) if named.parameter.ndim > 1 else (Syre,)
        config = choice.of(named.names, named.parameter, kinds, untrained(named))
        if config is None:
            continue
        check_steerable(named)
        if isinstance(config, Syre) and config.spread:
            raise ValueError(
                "`spread` must be 0 in layers, where each entry could have its own decay only through its "
                f"own scale, which changes the steps along the gradient too, found {config.spread}; use "
                "`RemoveSymmetry` or `OffsetDecay`"
            )
        removal: Installed = (
            Offset(syre_offset(model, named.names[0], config))
            if isinstance(config, Syre)
            else fixed_weights(named.parameter, named.names[0], config)
        )
        removals.add(named, removal, config)


def _of_activations(model: nn.Module, choice: Choice) -> dict[nn.Module, nn.Module]:
    found: dict[nn.Module, nn.Module] = {}
    replaced = [module.replaced for module in model.modules() if isinstance(module, AsymmetricActivation)]
    for name, module in model.named_modules():
        if isinstance(module, (*ACTIVATIONS, AsymmetricActivation)) and module not in replaced:
            config = choice.of((name,), module, (ActivationAsymmetry,))
            if config is not None:
                found[module] = asymmetric_activation(model, name, config)
    return found


def _of_attention(model: nn.Module, found: list[Named], choice: Choice, removals: _Removals) -> None:
    for name, module in model.named_modules():
        whole = isinstance(module, nn.MultiheadAttention)
        linear = isinstance(module, nn.Linear) and not isinstance(module, _Output)
        if not whole and not (linear and choice.picks):
            continue
        attribute = "in_proj_bias" if whole else "bias"
        named = next((each for each in found if (module, attribute) in each.owners), None)
        reason = None if named is None else untrained(named)
        config = choice.of((name,), module, (AttentionBias,), reason)
        if config is None:
            continue
        if named is None:
            raise ValueError(
                f"`{name}` must have a bias for it to be replaced, found none; leave it out with `filter`"
            )
        packed = whole or module.out_features == 3 * module.in_features
        if packed != (config.part == "packed"):
            raise ValueError(
                f"`part` must say what the bias of `{name}` belongs to, found {config.part!r} for {module}"
            )
        check_steerable(named)
        removals.add(named, unlearned_bias(named.parameter, named.names[0], config), config)
