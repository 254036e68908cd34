"""Add symmetries to an existing model."""

from collections.abc import Mapping
from typing import TypeVar

from torch import nn

from lightning_symmetry.surgery._choice import Choice, Filter
from lightning_symmetry.surgery._computed import attach
from lightning_symmetry.surgery._factors import Factors
from lightning_symmetry.surgery._module import check_module
from lightning_symmetry.surgery._named import named_once
from lightning_symmetry.surgery._steerable import check_steerable, untrained
from lightning_symmetry.surgery.factorisation import Factorisation

Model = TypeVar("Model", bound=nn.Module)


def add_symmetry(
    model: Model,
    config: Factorisation | Mapping[str, Factorisation | None],
    filter: Filter | None = None,
) -> Model:
    r"""Write parameters as functions of factors, whose weight decay then favours a structure.

    What the model computes does not change: outputs of a layer are equal to 1e-12 in float64 and 1e-6 in
    float32, relative to their size. Its modules keep their attributes (``layer.weight`` is computed when it
    is read), ``isinstance`` holds, and the parameter ``weight`` becomes ``weight_factors.*``. Checkpoints of
    the plain model load into the changed one, whose own checkpoints load into a model changed in the same
    way. Pickles, copies and ``torch.compile`` work. Weight decay does the rest, so **apply this before the
    optimizer is made**, and give the factors weight decay: coupled, as in SGD and Adam, for the penalties
    that the configs state. Without it the added symmetry favours nothing.

    A parameter shared by several modules gets one set of factors, which they share. Parameters that are
    frozen or quantised are passed over, so that of a model with adapters these are changed; one that is named
    without a wildcard is refused, and so is a config with nothing else to change. Parameters that are sharded
    or less precise than float32 are refused: apply this before ``torch.compile`` and before sharding, and
    train with mixed precision. All is checked before anything is changed. The memory of one more copy of each
    chosen parameter goes to :func:`undo`.

    Args:
        model: Any model. It is changed in place.
        config: What to add: a :class:`ScalarGate`, :class:`Hadamard`, :class:`GroupGate`, :class:`LowRank` or
            :class:`Mirror`. One config stands for every parameter of at least two dimensions. A mapping of
            shell patterns of parameter names to configs names any, also biases and gains. **The first
            pattern that matches decides**, so the general one comes last; ``None`` leaves a parameter as it
            is. Names are those of ``model.named_parameters()``; a tied parameter has several.
        filter: Keeps some of those parameters: called with a name and a parameter, or a sequence of
            symmetries, such as some that :func:`find_symmetries` returned, for the parameters they move.

    Returns:
        The model.

    Raises:
        TypeError: If ``model`` is no module, a config is none of the above, or ``filter`` is no filter.
        ValueError: If no parameter is chosen, a pattern decides none, or a chosen parameter is refused.
        RuntimeError: If the model has an added symmetry already.

    Example:
        >>> from torch import nn
        >>> from lightning_symmetry import GroupGate, Hadamard, add_symmetry, fold
        >>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
        >>> model = add_symmetry(model, {"0.weight": GroupGate(), "*.weight": Hadamard()})
        >>> list(model.state_dict())[:3]
        ['0.bias', '0.weight_factors.weight', '0.weight_factors.gate1']
        >>> [name for name, _ in fold(model).named_parameters()]
        ['0.weight', '0.bias', '2.weight', '2.bias']

        By symmetry: ``add_symmetry(model, LowRank(), filter=[s for s in find_symmetries(model, x) if s.group
        == "general_linear"])``.
    """
    check_module(model)
    if any(isinstance(module, Factors) for module in model.modules()):
        raise RuntimeError(
            "`model` must not have an added symmetry already, found one; take it back with `undo` or `fold`"
        )
    for own in config.values() if isinstance(config, Mapping) else (config,):
        if not isinstance(own, Factorisation) and not (own is None and isinstance(config, Mapping)):
            raise TypeError(
                "`config` must be a ScalarGate, Hadamard, GroupGate, LowRank or Mirror, or a mapping of "
                f"patterns to them, found {own!r}"
            )
    choice, found = Choice(config, filter), []
    for named in named_once(model):
        kinds = (Factorisation,) if named.parameter.ndim > 1 or not choice.single else ()
        chosen = choice.of(named.names, named.parameter, kinds, untrained(named))
        if chosen is not None:
            check_steerable(named)
            chosen.check(named.names[0], named.parameter)
            found.append((named, chosen))
    choice.check()
    made = [Factors(chosen, named.parameter) for named, chosen in found]
    for (named, _), factors in zip(found, made, strict=True):
        for module, name in named.owners:
            attach(module, name, factors, stored=None)
    return model
