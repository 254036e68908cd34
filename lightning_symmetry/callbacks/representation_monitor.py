"""Log what a network comes to represent while it trains."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import nn
from torch.optim import Optimizer

from .._compat import LightningModule, Trainer
from .._plain_form import integer, optional, record
from ..functional._check import check
from ..metrics._model.whole_values import is_sharded
from ._compiled import uncompiled_hook
from ._readable import check_readable
from ._representation.extent import Extent
from ._representation.initial_values import FORM as INITIAL
from ._representation.layers import layers_of
from ._representation.looking import Looking
from ._representation.observer import Observer
from ._representation.pace import Pace
from ._representation.probe import Probe
from ._run import Run
from ._switching_off import SwitchingOff

_FORM = record({"last_step": optional(integer(0)), "interval": integer(1), "initial": INITIAL})


class RepresentationMonitor(SwitchingOff):
    r"""Measure what the layers of a model represent, in its own training steps or on a fixed probe.

    Needs no configuration. In steps that are due, forward hooks and gradient hooks of tensors take samples of
    what each layer reads and writes, and of the gradient there; they are removed when the batch ends. There
    is no further forward or backward pass, and between looks there is no hook at all. The trained weights are
    the same bit for bit. A look lasts ``batches`` batches in a row, as one alone says little of the classes.

    *Features* of a linear layer or a convolution are what it reads: the rows of a matrix, tokens, or places
    of an image with their channels. Other modules may be named, too: their features are the first tensor that
    they put out. Logged through ``self.log_dict``, of each layer (``<layer>`` is its name in
    ``named_modules()``):

    - ``symmetry/alignment_<relation>/<layer>``: α of the canonical representation hypothesis, see
      :func:`~lightning_symmetry.functional.canonical_alignments`, for the relations ``forward_hg``,
      ``forward_gz``, ``forward_hz``, ``backward_hg``, ``backward_gz`` and ``backward_hz``. The gradient of
      the inputs is the one through this layer: :math:`g_a = W^\top g_b`.
    - ``symmetry/alignment_<relation>_init/<layer>``: α at the first look, which α has to be compared with.
    - ``symmetry/alignment_<relation>_shuffled/<layer>``: what is left of α when features are renamed at
      random
    - ``symmetry/canonical_relations/<layer>``: how many of the six hold, α being 0.7 or more
    - ``symmetry/canonical_phase/<layer>``: which ones hold, 0 to 63, the sum of 1, 2, 4, 8, 16 and 32 for the
      relations in the order above
    - ``symmetry/exponent_<relation>/<layer>`` and, with the endings ``_low``, ``_high`` and ``_r_squared``,
      the limits of its confidence interval and R²: the power law between the spectra, if ``exponents``
    - ``symmetry/feature_rank/<layer>``: effective rank of the features about their mean
    - ``symmetry/rankme/<layer>``: RankMe of the features, about zero
    - ``symmetry/dormant_share/<layer>``: share of dormant units, unless the layer reads the batch itself
    - ``symmetry/depth_phase/<layer>``: 1 if the rank rises up to this layer (expansion), -1 if it falls
      (reduction), 0 if it stays (transmission), see :func:`~lightning_symmetry.functional.depth_profile`

    Of the whole model:

    - ``symmetry/alignment_<relation>``, with ``_init`` and ``_shuffled``, ``symmetry/canonical_relations``,
      ``symmetry/feature_rank``, ``symmetry/dormant_share``: means over layers
    - ``symmetry/nc1``, ``symmetry/nc1_trace_ratio``, ``symmetry/nc2_equinorm``,
      ``symmetry/nc2_equiangularity``, ``symmetry/nc2_etf_distance``, the same with ``nc2_classifier_``,
      ``symmetry/nc3``, ``symmetry/nc4``: :func:`~lightning_symmetry.functional.neural_collapse`
    - ``symmetry/fisher_ratio``, ``symmetry/discriminant_ratio``, ``symmetry/nearest_centre_accuracy``:
      :func:`~lightning_symmetry.functional.separability` of what the classifier reads

    The last two groups need labels: integers, in a batch ``(inputs, labels)``, or in a mapping under
    ``labels``, ``label``, ``targets``, ``target`` or ``y``; negative ones are left out. The classifier is the
    last watched linear layer to run that has one row of outputs a label and more outputs than the largest
    label (at most 4096). Labels that are the inputs themselves are those of a language model, no classes. Of
    few samples a class, NC1 is too small by the share K/n. A mapping's ``attention_mask`` tells tokens from
    padding, which no quantity of tokens counts.

    With a ``reference``, of each layer (but one that reads the batch itself) and averaged over them:

    - ``symmetry/cka``: unbiased linear centred kernel alignment
    - ``symmetry/procrustes``: correlation after the best rotation
    - ``symmetry/inner_product_correlation``: of inner products over pairs of samples
    - ``symmetry/mutual_neighbours``, ``symmetry/mutual_neighbours_chance``: nearest neighbours in common

    Values that are not defined are not logged; the first time, a warning names one. Processes join their
    samples. Everything is accumulated in float32 or better, whatever autocast says. What gradient
    checkpointing computes again counts once. Compiled code does not see hooks that come after it: layers
    inside are named in a warning, and if there are no others the monitor switches itself off; a probe runs
    uncompiled. Parametrized weights, which are computed whenever they are read, are not looked at. If
    measuring fails, the monitor warns once with the cause and switches itself off; training goes on.

    Memory of a look: for each layer, 3 (a + 1)² + 3 (b + 1)² numbers in float32 and (a + 1)² in float64, with
    its numbers of inputs and outputs a and b or ``max_width`` where that is less, and ``max_samples`` rows
    of what it reads and writes and of the gradient. A sharded weight is gathered, one layer at a time.
    What tensor parallelism splits is put together, too: some samples of it, after the backward pass, each
    counted once. Modules to which it hands a part of the features as if it were all, such as the activation
    between two linear layers, are refused by name.

    Sources: Ziyin et al., arXiv 2410.03006 (alignment) and 2502.05300 (depth); Papyan, Han & Donoho, PNAS
    2020 (collapse); Garrido et al., arXiv 2210.02885 (RankMe); Sokar et al., arXiv 2302.12902 (dormant
    units).

    Args:
        layers: Names of modules, or patterns such as ``"model.blocks.*.mlp"``; by default all linear layers
            and convolutions, 16 of them evenly spread over depth if there are more.
        every_n_steps: Optimizer steps between two looks, at least.
        probe: A batch as ``training_step`` takes it, to look at instead of the steps: the whole step is run
            on it in evaluation mode, with copies of all buffers, silently and without a trace. The same in
            all processes.
        probe_gradients: Whether to run a backward pass for the probe, too; without it there are no
            alignments.
        reference: A module of the same architecture as the model or a part of it, or its state dict, to
            compare representations of the probe with: another model, or an earlier self.
        batches: How many batches a look at the user's steps lasts; by default as many as make 512 samples, at
            most 16. Weights move meanwhile, and the first look is over after as many steps.
        max_overhead: Share of the training time that looking may take; the interval becomes longer where it
            has to. None looks every ``every_n_steps``, whatever it costs.
        max_samples: Tokens or places of images that count in a look, evenly spread over its batches and over
            each tensor; at least one of every image.
        max_width: Features that are wider are projected onto as many random directions, always the same.
            Ranks are then too small where they are not much smaller than that.
        exponents: Whether to fit power laws.
        strict: Raise where the monitor would warn and switch itself off.

    Raises:
        ValueError: If a number is not positive, or there is no probe for a reference or gradients; in
            ``on_fit_start``, if ``layers`` matches no module.

    Example:
        >>> from lightning_symmetry import RepresentationMonitor
        >>> RepresentationMonitor(layers=["model.*"], every_n_steps=100).every_n_steps
        100

        In a Trainer: ``Trainer(callbacks=[RepresentationMonitor()])``.
    """

    def __init__(
        self,
        layers: Sequence[str] | None = None,
        every_n_steps: int = 50,
        probe: Any = None,
        probe_gradients: bool = False,
        reference: nn.Module | Mapping[str, Any] | None = None,
        batches: int | None = None,
        max_overhead: float | None = 0.01,
        max_samples: int = 2048,
        max_width: int = 512,
        exponents: bool = False,
        strict: bool = False,
    ) -> None:
        super().__init__(strict)
        whole = isinstance(every_n_steps, int) and not isinstance(every_n_steps, bool)
        check(whole and every_n_steps >= 1, "every_n_steps", "be an integer of at least 1", every_n_steps)
        if probe is None and (probe_gradients or reference is not None):
            raise ValueError("`probe` must be given with `probe_gradients` or `reference`, found None")
        names = [layers] if isinstance(layers, str) else [] if layers is None else layers
        check(
            isinstance(names, Sequence) and all(isinstance(name, str) for name in names),
            "layers",
            "be names",
            layers,
        )
        self.layers = [layers] if isinstance(layers, str) else layers
        self.every_n_steps, self.max_overhead, self.reference = every_n_steps, max_overhead, reference
        self._extent = Extent(batches, max_samples, max_width, exponents)
        self._probe = None if probe is None else Probe(probe, max_samples, probe_gradients)
        self._run = Run()
        self._looking: Looking | None = None
        self.reset()

    @property
    def state_key(self) -> str:
        """Name of this callback's state in checkpoints, with its configuration."""
        return self._generate_state_key(every_n_steps=self.every_n_steps, probe=self._probe is not None)

    @property
    def interval(self) -> int:
        """Optimizer steps between two looks at present."""
        return self._pace.interval

    @property
    def last_step(self) -> int | None:
        """Optimizer steps done when the last look began; ``None`` before the end of the first."""
        return self._pace.last_step

    def state_dict(self) -> dict[str, Any]:
        """Return the last step looked at and the values at the first look.

        A look that is under way is not part of it: a resumed run begins it anew.

        Returns:
            Plain numbers, strings and dicts.
        """
        return {
            "last_step": self._pace.last_step,
            "interval": self._pace.interval,
            "initial": self._observer.initial.state_dict(),
        }

    def go_on(self, state: Mapping[str, Any]) -> None:
        """Continue where a checkpoint was written.

        Args:
            state: What :meth:`state_dict` returned then.

        Raises:
            ValueError: If it did not return that; nothing is changed then.
        """
        _FORM(state, "state_dict")
        self._pace.last_step, self._pace.interval = state["last_step"], state["interval"]
        self._observer.initial.load_state_dict(state["initial"])

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Begin a new run, or go on with one.

        Args:
            trainer: The Trainer.
            pl_module: The model.
            stage: ``"fit"``, or another that changes nothing.
        """
        if stage == "fit" and not self._run.goes_on(trainer, pl_module):
            self.reset()

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Choose the layers.

        Args:
            trainer: The Trainer.
            pl_module: The model.

        Raises:
            ValueError: If ``layers`` matches no module.
        """
        super().on_fit_start(trainer, pl_module)
        self.require(check_readable, pl_module, type(self).__name__)
        self._looking = Looking(layers_of(pl_module, self.layers), self._extent, self._processes.agree)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Be ready for the first look.

        Args:
            trainer: The Trainer.
            pl_module: The model.
        """
        super().on_train_start(trainer, pl_module)
        if not self._is_off:
            self._observer.watch(self._looking)

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Watch the batch if it is part of a look; look at a probe before the first step.

        Args:
            trainer: The Trainer.
            pl_module: The model.
            batch: The batch.
            batch_idx: Its index.
        """
        self._pace.batch_starts()
        if self._observer.starts(trainer.global_step):
            self._adapt(self.together(self._look, self._observer.start, pl_module, batch))
        self.attempt(self._pace.timed, self._observer.before, batch)

    @uncompiled_hook
    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer
    ) -> None:
        """Measure what was seen, as long as the weights are still those of the step.

        Args:
            trainer: The Trainer.
            pl_module: The model.
            optimizer: The optimizer that is about to step.
        """
        if self._observer.is_looking:
            self._go_on(pl_module, self._observer.collect)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Remove all hooks, and log what a look has found.

        Args:
            trainer: The Trainer.
            pl_module: The model.
            outputs: What the training step returned.
            batch: The batch.
            batch_idx: Its index.
        """
        self._pace.batch_ends()
        if self._observer.ends(trainer.global_step):
            self._adapt(self.together(self._look, self._observer.end, pl_module))
        else:
            if self._observer.is_looking:
                self._go_on(pl_module, self._observer.after)
            self._observer.pass_on()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Remove the hooks of a batch that another callback has skipped.

        Args:
            trainer: The Trainer.
            pl_module: The model.
        """
        self._observer.close()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Leave the model alone when its step fails.

        Args:
            trainer: The Trainer.
            pl_module: The model.
            exception: Any.
        """
        self._observer.close()

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Forget the layers, which belong to the model.

        Args:
            trainer: The Trainer.
            pl_module: The model.
            stage: Any.
        """
        self._looking = None
        self._observer.watch(None)

    def fail(self, error: Exception) -> None:
        """Remove all hooks and switch off until the next fit.

        Args:
            error: The cause.
        """
        self._observer.watch(None)
        super().fail(error)

    def _go_on(self, pl_module: LightningModule, act: Callable[[], None]) -> None:
        # weights that are sharded take all processes
        if any(map(is_sharded, pl_module.parameters())):
            self.together(self._look, act)
        else:
            self.attempt(self._pace.timed, act)

    def _look(self, act: Callable[..., None], *args: Any) -> int:
        self._processes.agree("a look at representations")
        self._pace.timed(act, *args)
        return self._pace.next_interval() if self._pace.is_over else 0

    def _adapt(self, interval: int | None) -> None:
        if interval:
            self._pace.interval = interval

    def reset(self) -> None:
        """Forget what an earlier run has found."""
        self._pace = Pace(self.every_n_steps, self.max_overhead)
        self._observer = Observer("RepresentationMonitor", self._pace, self._probe, self.reference)
