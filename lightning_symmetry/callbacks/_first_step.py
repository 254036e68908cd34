"""The symmetries of what a LightningModule trains, found in its first training step without a trace in it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import Tensor
from torch.utils._pytree import tree_map_only

from .._compat import LightningModule, rank_zero_info
from ..discovery import Symmetries, TraceError
from ..discovery._program.program import Program
from ..discovery._tracing.idle import pin_idle
from ..discovery._tracing.trace import trace_fake, trace_running
from ..discovery.find import solved, steps
from ._calls import Call, Calls
from ._training_step import quiet, training_loss


class FirstStep:
    """Finds the symmetries of the loss that a module trains, or else those of what its modules put out.

    In this order:

    1. the loss of ``training_step`` on the first batch, run on fake tensors;
    2. ``forward(example_input_array)``, run on fake tensors;
    3. the modules that the real first step calls, run on fake tensors with the inputs they got;
    4. the same on copies of the real tensors: the only way that costs time and memory, that of one forward
       pass, and the only one for a model whose own control flow depends on numbers.

    Args:
        module: The model in training.
    """

    def __init__(self, module: LightningModule) -> None:
        self._module = module
        self._causes: dict[str, str] = {}
        self._calls: Calls | None = None

    @property
    def is_watching(self) -> bool:
        """Whether the real step is being watched for the modules that it calls."""
        return self._calls is not None

    def before(self, batch: Any, batch_idx: int) -> Symmetries | None:
        """Find the symmetries before the first step; if that is impossible, start to watch the step.

        Args:
            batch: A batch as ``training_step`` gets it.
            batch_idx: Its index.

        Returns:
            The symmetries, parameters named as in ``module.named_parameters()``.
        """
        found = self._find("training_step", trace_fake, training_loss, (batch, batch_idx))
        example = self._module.example_input_array
        if found is None and example is not None:
            found = self._find("forward(example_input_array)", trace_fake, _output, (example,))
        if found is None:
            self._calls = Calls(self._module)
        return found

    def after(self) -> Symmetries:
        """Find the symmetries of the modules that the step has called.

        Returns:
            The symmetries, parameters named as in ``module.named_parameters()``.

        Raises:
            TraceError: If nothing can be traced; the message gives the causes and what to do.
        """
        assert self._calls is not None
        calls = list(self._calls.made)
        self.close()
        found = None
        what = "the modules called in the first step"
        if not calls:
            self._causes[what] = "none is called, or only in compiled code"
        for where, tracer in (("", trace_fake), (", on copies of the real tensors", trace_running)):
            if calls and found is None:
                found = self._find(f"{what}{where}", tracer, _outputs, (calls,))
        if found is None:
            causes = "; ".join(f"{what}: {cause}" for what, cause in self._causes.items())
            raise TraceError(
                f"nothing that {type(self._module).__name__} computes can be traced ({causes}). Set "
                "example_input_array, or pass SymmetryMonitor(symmetries=find_symmetries(module, inputs))"
            )
        return found

    def close(self) -> None:
        """Stop watching."""
        if self._calls is not None:
            self._calls.close()
            self._calls = None

    def _find(
        self,
        what: str,
        tracer: Callable[..., Program],
        function: Callable[..., Any],
        inputs: tuple[Any, ...],
    ) -> Symmetries | None:
        try:
            found = steps(_on_this_path(tracer), self._module, partial(function, self._module), (inputs, {}))
        except TraceError as error:
            self._causes[what] = str(error)
            return None
        if self._causes:
            first, cause = next(iter(self._causes.items()))
            rank_zero_info(
                f"SymmetryMonitor watches the symmetries of {what}, as {first} cannot be traced: {cause}"
            )
        return Symmetries(solved(found))


def _on_this_path(tracer: Callable[..., Program]) -> Callable[..., Program]:
    """A tracer for a step that may use later what it does not use yet."""
    return lambda *given: pin_idle(tracer(*given))


def _output(module: LightningModule, example: Any) -> Any:
    """What forward makes of an example, which comes from wherever its author has put it."""
    precision = module.trainer.precision_plugin
    example = tree_map_only(Tensor, lambda tensor: tensor.to(module.device), precision.convert_input(example))
    with quiet(module), precision.forward_context():
        if isinstance(example, dict):
            return module(**example)
        return module(*example) if isinstance(example, tuple) else module(example)


def _outputs(module: LightningModule, calls: list[Call]) -> list[Any]:
    """What some modules put out."""
    with quiet(module), module.trainer.precision_plugin.forward_context():
        return [called(*args, **kwargs) for called, args, kwargs in calls]
