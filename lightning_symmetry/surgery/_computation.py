"""What computes a parameter of a module, from what the module stores in its place."""

import hashlib
from abc import ABC, abstractmethod
from typing import Any, ClassVar

import torch
from torch import Size, Tensor, nn

# A config that is longer, such as one with a matrix, is recorded by its beginning and a digest.
_LONGEST = 200


class Computation(nn.Module, ABC):
    """A child of the module whose parameter it computes; tied parameters share one.

    Args:
        shape: Shape of the parameter.
        said: What it was made from. It is written into checkpoints, which tells them from those of the plain
            model and of other configs.
    """

    suffix: ClassVar[str]

    def __init__(self, shape: Size, said: str) -> None:
        super().__init__()
        self.shape = shape
        digest = hashlib.sha256(said.encode()).hexdigest()
        self.said = said if len(said) <= _LONGEST else f"{said[:_LONGEST]}… sha256:{digest}"

    def get_extra_state(self) -> Tensor:
        """Return what to record, in a tensor, since many tools expect nothing else in a ``state_dict``."""
        return torch.tensor(list(self.said.encode()), dtype=torch.uint8)

    def set_extra_state(self, state: Any) -> None:
        """Do nothing: the module that owns the parameter compares records before anything is loaded."""

    def record_error(self, name: str, record: Any) -> str | None:
        """Say what is wrong with the record that a checkpoint has for a parameter, if anything is."""
        # where a checkpoint holds no record, torch.distributed.checkpoint leaves something that is no tensor
        if not isinstance(record, Tensor):
            return None
        said = bytes(record.tolist()).decode(errors="replace")
        if said == self.said:
            return None
        return f"parameter `{name}` must have been steered by {self.said}, found {said} in the checkpoint"

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        record = state_dict.get(f"{prefix}_extra_state")
        # What another config trained is not loaded; that it is refused is said by the owner.
        if record is None or self.record_error(prefix, record) is None:
            super()._load_from_state_dict(state_dict, prefix, *args)

    @abstractmethod
    def forward(self, stored: Tensor | None) -> Tensor:
        """Return the parameter.

        Args:
            stored: The trained tensor that the owner keeps in its place, if any.
        """

    @abstractmethod
    def entries(self, name: str, weight: Tensor) -> dict[str, Tensor]:
        """Return what stands in a checkpoint of the owner for a weight of the plain model.

        Args:
            name: Name of the parameter, for messages.
            weight: Its value.

        Returns:
            The trained tensors, by their names here; the one that the owner keeps has the empty name.
        """

    @abstractmethod
    def evaluated(self, entries: dict[str, Tensor]) -> Tensor:
        """Return the weight of the plain model for such tensors, the inverse of :meth:`entries`."""

    @abstractmethod
    def stored_names(self) -> set[str]:
        """Return the names of the trained tensors."""

    @abstractmethod
    def original(self, stored: nn.Parameter | None) -> nn.Parameter:
        """Return the parameter of the plain model, the very object."""

    @abstractmethod
    def undone(self, stored: nn.Parameter | None) -> Tensor:
        """Return the value with which undo leaves the parameter."""

    @abstractmethod
    def settled(self, stored: nn.Parameter | None) -> Tensor:
        """Return the value with which fold leaves the parameter."""

    def attach(self, module: nn.Module) -> None:
        """Hook the owner where that is needed."""

    def detach(self, module: nn.Module) -> None:
        """Take away what :meth:`attach` put there."""
