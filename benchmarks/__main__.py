"""Run the benchmarks by name, ``python -m benchmarks zoo --help`` says more."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from benchmarks.cost import universality
from benchmarks.cost.observation import command as cost
from benchmarks.cost.speed import command as speed
from benchmarks.cost.zoo import command as zoo
from benchmarks.reproductions import canonical
from benchmarks.reproductions.early_warning import command as early_warning


def main(argv: Sequence[str] | None = None) -> int:
    """Run what is named, the cost by default.

    Args:
        argv: The arguments after the program's name; those of the process if ``None``.

    Returns:
        0; 1 if a false symmetry was found.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names = parser.add_subparsers(metavar="NAME")
    completeness = names.add_parser("completeness", help="what is found of known architectures")
    completeness.set_defaults(run=_completeness)
    for name, command, says in (
        ("cost", cost, "a look at all order parameters beside a training step and other looks"),
        ("zoo", zoo, "discovery on the models of timm, torchvision and transformers"),
        ("discovery-speed", speed, "discovery against torch-pruning and rebasin"),
        ("cka", universality, "alignment of two networks over a data set against n × n and torch-cka"),
        ("canonical", canonical, "alignments of features, gradients and weights in a small classifier"),
        (
            "early-warning",
            early_warning,
            "alarms of symmetry/collapse_risk in healthy and collapsing trainings",
        ),
    ):
        one = names.add_parser(name, help=says, description=command.__doc__)
        command.add_arguments(one)
        one.set_defaults(run=command.run)
    options = parser.parse_args((sys.argv[1:] if argv is None else argv) or ["cost"])
    result: int = options.run(options)
    return result


def _completeness(options: argparse.Namespace) -> int:
    from benchmarks.cost import completeness

    print(completeness.table(completeness.run()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
