"""What the parametrisations of this package have in common, so that they can be taken off again."""

from typing import Any

from torch import Tensor, nn


class Installed(nn.Module):
    """A parametrisation of one parameter that knows what it leaves behind.

    Any subclass is registered by ``torch.nn.utils.parametrize``, which keeps the parameter itself as
    ``original``, and is found by its type.
    """

    def right_inverse(self, weight: Tensor) -> Tensor:
        """Return what to store for a weight of the plain module; most store the weight.

        Args:
            weight: Any weight of the right shape.

        Returns:
            A value for the parameter.
        """
        return weight

    def settled(self, original: Tensor) -> Tensor:
        """Return the value with which :meth:`undone` leaves what the module uses in evaluation.

        Args:
            original: The trained parameter.

        Returns:
            A value for the parameter.
        """
        value: Tensor = self(original)
        return value

    def undone(self, original: Tensor) -> Tensor:
        """Return the value that the parameter has once the parametrisation is gone.

        Args:
            original: The trained parameter.

        Returns:
            A value for the parameter.
        """
        return original

    def attach(self, module: nn.Module) -> None:
        """Let a module, one of whose parameters passes through here, load checkpoints of the plain module.

        Args:
            module: The owner of the parameter.
        """
        if not _loaders(module):
            module.register_load_state_dict_pre_hook(_load_plain)  # type: ignore[no-untyped-call]

    def detach(self, module: nn.Module) -> None:
        """Take away from a module all that :meth:`attach` put there.

        Args:
            module: The owner of the parameter.
        """
        for number in _loaders(module):
            del module._load_state_dict_pre_hooks[number]


def _loaders(module: nn.Module) -> list[int]:
    hooks: dict[int, Any] = dict(module._load_state_dict_pre_hooks)
    return [number for number, hook in hooks.items() if hook.hook is _load_plain]


def _load_plain(module: Any, state: dict[str, Any], prefix: str, *rest: Any) -> None:
    for attribute, parametrisations in module.parametrizations.items():
        installed = parametrisations[0]
        if isinstance(installed, Installed) and prefix + attribute in state:
            inside = f"{prefix}parametrizations.{attribute}"
            weight = state.pop(prefix + attribute).to(parametrisations.original)
            state[f"{inside}.original"] = installed.right_inverse(weight)
            for name, buffer in installed.state_dict().items():
                state[f"{inside}.0.{name}"] = buffer
