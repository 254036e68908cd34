"""Whether a fit goes on with the run before it."""

from __future__ import annotations

from .._compat import LightningModule, Trainer


class Run:
    """Remembers of which model the latest fit was."""

    def __init__(self) -> None:
        self._model: int | None = None

    def goes_on(self, trainer: Trainer, pl_module: LightningModule) -> bool:
        """Say whether a Trainer fits the model of the latest fit further, when the fit is set up.

        A run that is resumed begins anew: its state comes from the checkpoint, later.

        Args:
            trainer: The Trainer.
            pl_module: The model.

        Returns:
            False for a new Trainer, which has made no step, and for another model.
        """
        before, self._model = self._model, id(pl_module)
        return trainer.global_step > 0 and before == self._model
