"""Run the benchmarks by name, ``python -m benchmarks zoo --help`` says more."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

COMMANDS = {
    "cost": ("cost.command", "all costs in time and memory, ours and the peers' in one run"),
    "zoo": ("cost.zoo.command", "discovery on the models of timm, torchvision and transformers"),
    "discovery-speed": ("cost.speed.command", "discovery against torch-pruning and rebasin"),
    "reproduce": ("reproductions.command", "the papers' results, measured with this package"),
    "controls": (
        "reproductions.controls.command",
        "removal of symmetries beside decay, noise and re-initialisation",
    ),
    "canonical": (
        "reproductions.canonical",
        "alignments of features, gradients and weights in a small classifier",
    ),
    "within-class": (
        "reproductions.within_class",
        "variance within classes of a classifier, with its symmetries and without",
    ),
    "early-warning": (
        "reproductions.early_warning.command",
        "alarms of symmetry/collapse_risk in healthy and collapsing trainings",
    ),
    "soak": ("reliability.soak", "whether anything grows in a long training with every callback"),
    "kill-resume": ("reliability.kill_resume", "a training that is killed again and again, and resumed"),
}
"""The module of each command, and what it is about."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run what is named, the cost by default.

    Args:
        argv: The arguments after the program's name; those of the process if ``None``.

    Returns:
        0; 1 if a false symmetry was found.
    """
    given = list(sys.argv[1:] if argv is None else argv) or ["cost"]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names = parser.add_subparsers(metavar="NAME")
    completeness = names.add_parser("completeness", help="what is found of known architectures")
    completeness.set_defaults(run=_completeness)
    for name, (module, says) in COMMANDS.items():
        one = names.add_parser(name, help=says)
        if name == given[0]:  # the zoo runs where Lightning, which other commands need, cannot be imported
            command = import_module(f"benchmarks.{module}")
            one.description = command.__doc__
            command.add_arguments(one)
            one.set_defaults(run=command.run)
    options = parser.parse_args(given)
    result: int = options.run(options)
    return result


def _completeness(options: argparse.Namespace) -> int:
    from benchmarks.cost import completeness

    print(completeness.table(completeness.run()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
