"""What the computations that remove a symmetry have in common, so that they can be taken off again."""

from torch import Tensor, nn


class Installed(nn.Module):
    """Computes a parameter from the trained one that is stored in its place."""

    def right_inverse(self, weight: Tensor) -> Tensor:
        """Return what to store for a weight of the plain module; most store the weight.

        Args:
            weight: Any weight of the right shape.

        Returns:
            A value for the stored parameter.
        """
        return weight

    def settled(self, stored: Tensor) -> Tensor:
        """Return the weight that the module uses in evaluation, which fold leaves.

        Args:
            stored: The trained parameter.

        Returns:
            A weight of the plain module.
        """
        value: Tensor = self(stored)
        return value

    def undone(self, stored: Tensor) -> Tensor:
        """Return the weight that undo leaves.

        Args:
            stored: The trained parameter.

        Returns:
            A weight of the plain module.
        """
        return stored

    def attach(self, module: nn.Module) -> None:
        """Hook a module, one of whose parameters passes through here, where that is needed.

        Args:
            module: The owner of the parameter.
        """

    def detach(self, module: nn.Module) -> None:
        """Take away from a module all that :meth:`attach` put there.

        Args:
            module: The owner of the parameter.
        """
