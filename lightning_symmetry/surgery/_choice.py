"""Which config, of several under patterns, applies to which part of a model."""

from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from torch import Tensor, nn

from lightning_symmetry.discovery import Symmetry

Filter = Callable[[str, Any], bool] | Sequence[Symmetry]

_SHOWN = 5


def _are_symmetries(filter: object) -> bool:
    return isinstance(filter, Sequence) and all(isinstance(each, Symmetry) for each in filter)


class Choice:
    """The first pattern that matches a name decides, among the configs that act on such a part.

    What is not trained is passed over, as long as its pattern has something else to steer and is not its very
    name.

    Args:
        config: A config, or a mapping of patterns to configs; ``None`` leaves a part as it is.
        filter: Keeps some of the parts.

    Attributes:
        single: Whether one config stands for every part that it acts on by itself.
        picks: Whether a pattern or a filter picks parts, so that others may be meant as well.
    """

    def __init__(self, config: object, filter: Filter | None) -> None:
        if not (filter is None or callable(filter) or _are_symmetries(filter)):
            raise TypeError(f"`filter` must be a function or a sequence of symmetries, found {filter!r}")
        self.single = not isinstance(config, Mapping)
        self.picks = filter is not None or not self.single
        self._patterns = dict(config) if isinstance(config, Mapping) else {"*": config}
        self._filter = filter
        self._deciding: set[str] = set()
        self._steering: set[str] = set()
        self._passed_over: dict[str, str] = {}
        self._seen: list[str] = []

    def of(
        self,
        names: Sequence[str],
        target: Tensor | nn.Module,
        kinds: tuple[type, ...],
        untrained: str | None = None,
    ) -> Any:
        """Return the config for a part of the model, if any.

        Args:
            names: Its names.
            target: The parameter or module.
            kinds: What configs act on it.
            untrained: Why it is not trained, where it is not.

        Returns:
            A config of these kinds, or ``None``.

        Raises:
            ValueError: If it is not trained, and is named.
        """
        self._seen.append(names[0])
        pattern = self._pattern(names, kinds)
        if pattern is None or self._patterns[pattern] is None or not self._passes(names, target):
            return None
        if untrained:
            refusal = f"`{names[0]}` must {untrained}; leave it out with `filter`"
            if pattern in names:
                raise ValueError(refusal)
            self._passed_over.setdefault(pattern, refusal)
            return None
        self._steering.add(pattern)
        return self._patterns[pattern]

    def check(self) -> None:
        """Refuse patterns that steer nothing or only what is not trained, and filters that keep nothing."""
        for pattern in self._patterns:
            if pattern in self._passed_over and pattern not in self._steering:
                raise ValueError(
                    f"`config` and `filter` must choose something that is trained by {pattern!r}: "
                    f"{self._passed_over[pattern]}"
                )
            if pattern not in self._deciding and not self.single:
                raise ValueError(
                    "every pattern of `config` must be the first to match a part of `model` that its config "
                    f"acts on, found none for {pattern!r}: {self._patterns[pattern]!r} among {self._some()}"
                )
        if not self._steering:
            raise ValueError(
                "`config` and `filter` must choose at least one part of `model` that the config acts on, "
                f"found none among {self._some()}"
            )

    def _pattern(self, names: Sequence[str], kinds: tuple[type, ...]) -> str | None:
        for pattern, config in self._patterns.items():
            acts = config is None or isinstance(config, kinds)
            if acts and any(fnmatchcase(name, pattern) for name in names):
                self._deciding.add(pattern)
                return pattern
        return None

    def _passes(self, names: Sequence[str], target: Tensor | nn.Module) -> bool:
        if self._filter is None:
            return True
        if callable(self._filter):
            return any(self._filter(name, target) for name in names)
        moved = {leg.parameter for symmetry in self._filter for leg in symmetry.legs}
        if isinstance(target, nn.Module):
            moved = {name.rpartition(".")[0] for name in moved}
        return any(name in moved for name in names)

    def _some(self) -> str:
        names = list(dict.fromkeys(filter(None, self._seen)))
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        return (", ".join(names[:_SHOWN]) or "no parts") + more
