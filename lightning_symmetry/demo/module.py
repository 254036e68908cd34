"""The network of the demo, as a user of Lightning would write it: it knows nothing of symmetries."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from lightning_symmetry._compat import LightningModule


class DigitClassifier(LightningModule):
    r"""A ReLU network 64-64-64-10 trained by stochastic gradient descent with momentum.

    Args:
        penalty: Strength :math:`\gamma` of the penalty :math:`\gamma \|\theta\|^2` on all parameters. Torch
            calls :math:`2 \gamma` the weight decay.
        learning_rate: Learning rate.

    Example:
        >>> DigitClassifier(penalty=3e-3).configure_optimizers().defaults["weight_decay"]
        0.006
    """

    def __init__(self, penalty: float, learning_rate: float = 0.1) -> None:
        super().__init__()
        self.penalty = penalty
        self.learning_rate = learning_rate
        self.model = nn.Sequential(
            nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)
        )

    def forward(self, images: Tensor) -> Tensor:
        """Classify images.

        Args:
            images: ``(n, 64)``.

        Returns:
            Logits ``(n, 10)``.
        """
        logits: Tensor = self.model(images)
        return logits

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Compute the cross-entropy.

        Args:
            batch: Images ``(n, 64)`` and labels ``(n,)``.
            batch_idx: Index of the batch.

        Returns:
            The mean loss; its mean over the epoch is logged as ``train_loss``.
        """
        images, labels = batch
        loss = cross_entropy(self.model(images), labels)
        self.log("train_loss", loss, on_step=False, on_epoch=True)
        return loss

    def test_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Log the share of right answers as ``test_accuracy``.

        Args:
            batch: Images ``(n, 64)`` and labels ``(n,)``.
            batch_idx: Index of the batch.
        """
        images, labels = batch
        right = self.model(images).argmax(dim=1) == labels
        self.log("test_accuracy", right.float().mean(), batch_size=len(labels))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return the optimizer.

        Returns:
            SGD with momentum 0.9.
        """
        return torch.optim.SGD(
            self.parameters(), lr=self.learning_rate, momentum=0.9, weight_decay=2 * self.penalty
        )
