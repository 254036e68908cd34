"""The checkpoint of the plain model that a steered model computes the same as."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from lightning_symmetry.surgery._computation import Computation
from lightning_symmetry.surgery._computed import ComputedModule, computation_of
from lightning_symmetry.surgery._take_off import check_foldable


def plain_state_dict(model: nn.Module, state_dict: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the ``state_dict`` that :func:`fold` would leave, and leave the model as it is.

    It has the keys of the plain model, in its order: a parameter that is computed appears under its own name,
    with the value that evaluation uses; factors, counts and records of configs do not appear. It loads
    strictly into the plain model, and strictly into the steered one, which then computes the same (up to one
    rounding of each weight: factors and offsets are found from it). How a product is shared out among factors
    is not kept: to resume a run, save ``model.state_dict()``.

    Where nothing is computed, values are those of the ``state_dict``, not copies. Tied parameters share a
    tensor.

    Args:
        model: A model, steered by :func:`remove_symmetry`, :func:`add_symmetry`, both or neither.
        state_dict: A ``state_dict`` of the same model, or of one steered in the same way, such as that of a
            checkpoint or of an average; ``None`` takes the present one.

    Returns:
        A new dictionary.

    Raises:
        TypeError: If ``model`` is no module, or ``state_dict`` no mapping.
        ValueError: If no plain model computes the same, or ``state_dict`` lacks a tensor of a computed
            parameter.

    Example:
        >>> from lightning_symmetry import Hadamard, Syre, add_symmetry, remove_symmetry
        >>> model = add_symmetry(nn.Linear(3, 2), {"weight": Hadamard()})
        >>> model = remove_symmetry(model, {"bias": Syre()})
        >>> list(plain_state_dict(model))
        ['weight', 'bias']
    """
    check_foldable(model)
    if not (state_dict is None or isinstance(state_dict, Mapping)):
        raise TypeError(f"`state_dict` must be a mapping or None, found {type(state_dict).__name__}")
    if not all(isinstance(key, str) for key in state_dict or ()):
        raise TypeError(f"`state_dict` must have texts as keys, found {list(state_dict or ())}")
    state = dict(model.state_dict() if state_dict is None else state_dict)
    plain: dict[str, Any] = {}
    weights: dict[Computation, Tensor] = {}
    for path, module in model.named_modules(remove_duplicate=False):
        prefix = f"{path}." if path else ""
        computed = dict(module.computed) if isinstance(module, ComputedModule) else {}
        for name in [*module._parameters, *module._buffers, "_extra_state"]:
            key = prefix + name
            if isinstance(module, ComputedModule) and name in computed:
                computation = computation_of(module, name)
                entries = _entries(state, key, f"{prefix}{computed[name]}.", computation)
                plain[key] = weights.setdefault(computation, computation.evaluated(entries))
            elif key in state:
                plain[key] = state.pop(key)
    return {**plain, **state}


def _entries(state: dict[str, Any], key: str, inside: str, computation: Computation) -> dict[str, Tensor]:
    """Take out of a ``state_dict`` what belongs to a computed parameter."""
    found = {name[len(inside) :]: state.pop(name) for name in list(state) if name.startswith(inside)}
    if key in state:
        found[""] = state.pop(key)
    missing = {*computation.stored_names(), "_extra_state"} - found.keys()
    if missing:
        names = ", ".join(sorted(inside + name if name else key for name in missing))
        raise ValueError(f"`state_dict` must be that of a model steered like `model`, found no {names}")
    error = computation.record_error(key, found["_extra_state"])
    if error:
        raise ValueError(error)
    return found
