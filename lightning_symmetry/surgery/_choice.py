"""Which config, of several under patterns, applies to a part of a model."""

from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from torch import Tensor, nn

from lightning_symmetry.discovery import Symmetry

Filter = Callable[[str, Any], bool] | Sequence[Symmetry]


class Choice:
    """The first pattern that matches a name decides, among the configs that act on such a part."""

    def __init__(self, config: object, filter: Filter | None) -> None:
        self._patterns = dict(config) if isinstance(config, Mapping) else {"*": config}
        self._filter = filter
        self._matched: set[str] = set()
        self._chosen = False

    def of(self, names: Sequence[str], target: Tensor | nn.Module, kinds: tuple[type, ...]) -> Any:
        """Return the config for what has these names and is acted on by these kinds of configs, if any."""
        matching = [
            (pattern, config)
            for pattern, config in self._patterns.items()
            if (config is None or isinstance(config, kinds)) and any(fnmatchcase(n, pattern) for n in names)
        ]
        self._matched.update(pattern for pattern, _ in matching)
        if not matching or matching[0][1] is None or not self._passes(names, target):
            return None
        self._chosen = True
        return matching[0][1]

    def check(self) -> None:
        """Refuse patterns without a match, and a filter that keeps nothing."""
        for pattern, config in self._patterns.items():
            if pattern not in self._matched:
                raise ValueError(
                    f"`config` must act on a part of `model`, found none for {pattern!r}: {config!r}"
                )
        if not self._chosen:
            raise ValueError("`config` and `filter` must choose at least one part of `model`, found none")

    def _passes(self, names: Sequence[str], target: Tensor | nn.Module) -> bool:
        if self._filter is None:
            return True
        if callable(self._filter):
            return any(self._filter(name, target) for name in names)
        moved = {leg.parameter for symmetry in self._filter for leg in symmetry.legs}
        if isinstance(target, nn.Module):
            moved = {name.rpartition(".")[0] for name in moved}
        return any(name in moved for name in names)
