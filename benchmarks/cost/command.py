"""``python -m benchmarks cost``: all costs in time and memory, ours and the peers' in one run."""

from __future__ import annotations

import argparse
import json
from collections.abc import Collection, Sequence
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

import torch

from benchmarks.cost.observation.cases import CASES
from benchmarks.cost.section import Section
from benchmarks.generated import replace_part

README = Path(__file__).parent / "README.md"

PARTS = {
    "looks": "observation.looks",
    "discovery": "discovery",
    "representations": "representation",
    "alignment": "universality",
    "steering": "steering.steps",
    "sharding": "scaling.exchange",
}
"""The module of each part."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("parts", nargs="*", type=_part, help=f"of {', '.join(PARTS)}; all if left out")
    parser.add_argument("--models", nargs="+", type=_model, help=f"of {', '.join(CASES)}")
    parser.add_argument("--repeat", type=int, default=5, help="timings of each figure; the median counts")
    parser.add_argument("--accelerator", default="cpu", choices=["cpu", "gpu"], help="what computes")
    parser.add_argument("--json", type=Path, help="where to write all figures and what the machine is")
    parser.add_argument("--write-readme", action="store_true", help=f"put the tables into {README.name}")


def run(options: argparse.Namespace) -> int:
    """Measure the parts.

    Args:
        options: What :func:`add_arguments` reads.

    Returns:
        0.
    """
    # Other commands run where Lightning, which the parts need, cannot be imported.
    from benchmarks.cost.machine import measured

    machine = measured(device_of(options.accelerator), options.repeat)
    sections = []
    for name in options.parts or PARTS:
        part = import_module(f"benchmarks.cost.{PARTS[name]}")
        section: Section = part.section(machine, options.repeat, options.models)
        text = f"{machine}. {machine.pace}\n\n{section.text}"
        print(f"# {name}\n\n{text}\n", flush=True)
        if options.write_readme:
            replace_part(README, f"{name}-{options.accelerator}", text)
        sections.append(section)
        if options.json:  # after each part: a run that is cut off leaves what it has
            options.json.write_text(json.dumps({"machine": asdict(machine)} | _numbers(sections), indent=1))
    return 0


def device_of(accelerator: str) -> torch.device:
    """Return the device of an accelerator's name.

    Args:
        accelerator: ``cpu``, or ``gpu`` for whichever torch finds.

    Raises:
        ValueError: If there is none.
    """
    if accelerator == "cpu":
        return torch.device("cpu")
    found = torch.accelerator.current_accelerator(check_available=True)
    if found is None:
        raise ValueError("--accelerator must be one that torch finds here, got 'gpu' and torch finds none")
    return found


def _numbers(sections: Sequence[Section]) -> dict[str, list[dict[str, object]]]:
    return {section.name: [asdict(number) for number in section.numbers] for section in sections}


def _part(name: str) -> str:
    return _one_of(name, PARTS)


def _model(name: str) -> str:
    return _one_of(name, CASES)


def _one_of(name: str, known: Collection[str]) -> str:
    if name not in known:
        raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(known)}")
    return name
