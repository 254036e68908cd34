"""Run the benchmarks by name, ``python -m benchmarks zoo --help`` says more."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from benchmarks.cost.speed import command as speed
from benchmarks.cost.zoo import command as zoo


def main(argv: Sequence[str] | None = None) -> int:
    """Run what is named, the cost by default.

    Args:
        argv: The arguments after the program's name; those of the process if ``None``.

    Returns:
        0; 1 if a false symmetry was found.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.set_defaults(run=_cost, repeat=5)
    names = parser.add_subparsers(metavar="NAME")
    cost = names.add_parser("cost", help="a look at all order parameters beside a training step")
    cost.add_argument("--repeat", type=int, default=5, help="timings of each figure; the median counts")
    cost.set_defaults(run=_cost)
    completeness = names.add_parser("completeness", help="what is found of known architectures")
    completeness.set_defaults(run=_completeness)
    for name, command, says in (
        ("zoo", zoo, "discovery on the models of timm, torchvision and transformers"),
        ("discovery-speed", speed, "discovery against torch-pruning and rebasin"),
    ):
        one = names.add_parser(name, help=says, description=command.__doc__)
        command.add_arguments(one)
        one.set_defaults(run=command.run)
    options = parser.parse_args(argv)
    result: int = options.run(options)
    return result


def _cost(options: argparse.Namespace) -> int:
    # the zoo runs where Lightning is not installed
    from benchmarks.cost import observation

    print(observation.table(observation.run(options.repeat)))
    return 0


def _completeness(options: argparse.Namespace) -> int:
    from benchmarks.cost import completeness

    print(completeness.table(completeness.run()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
