"""The command line: ``lightning-symmetry inspect TARGET`` and ``lightning-symmetry demo``."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from torch import nn

from lightning_symmetry.discovery import Symmetries, TraceError, explain
from lightning_symmetry.discovery.verify import TOLERANCE
from lightning_symmetry.inspection import InputSpec, InspectionError, load_model

_INSPECT = """Print the parameter symmetries of a model.

This imports the module that TARGET names and calls the callable: name only code that you trust. The model is
then run once on fake tensors, which allocates nothing and reads no weight, however large it is. With
--verify it is also run for real, in float64."""

_EXAMPLES = """examples:
  lightning-symmetry inspect torchvision.models:resnet18 --input 1x3x224x224
  lightning-symmetry inspect src/model.py:build --input 1x16:int64:50000 --verify --json symmetries.json
  lightning-symmetry inspect torchvision.models:vit_b_16 --input 1x3x224x224 --why conv_proj"""

_INPUT = """one input of the model, given once for each, in order: lengths of the axes; then, after a colon,
the type (float32 if left out); for integers, after another colon, the bound of their random values (zeros if
left out)"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message}; {self.prog} --help says more\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: The arguments after the program's name; those of the process if ``None``.

    Returns:
        0 for success; 1 if ``--verify`` finds an error of 1e-8 or more, or none that is a number; 2 if what
        was asked for cannot be done, after one line on the standard error stream that says why.

    Example:
        >>> main(["inspect", "torch.nn:ReLU", "--input", "2x3"])
        2
    """
    parser = _parser()
    arguments = parser.parse_args(argv)
    try:
        return _demo(arguments) if arguments.command == "demo" else _inspect(arguments)
    except InspectionError as error:
        print(f"{parser.prog} {arguments.command}: error: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="lightning-symmetry", description="See the parameter symmetries of PyTorch models.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    inspect = commands.add_parser(
        "inspect",
        help="print the symmetries of a model",
        description=_INSPECT,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    inspect.add_argument(
        "target",
        metavar="TARGET",
        help="package.module:callable or path/to/file.py:callable, called without arguments; it returns "
        "the model",
    )
    inspect.add_argument(
        "--input", action="append", required=True, dest="inputs", metavar="SHAPE[:DTYPE[:BELOW]]", help=_INPUT
    )
    inspect.add_argument("--eval", action="store_true", help="inspect the model in evaluation mode")
    inspect.add_argument(
        "--why",
        action="append",
        default=[],
        dest="names",
        metavar="NAME",
        help="say, instead of the table, what acts on every axis of a parameter, a module, a symmetry or its "
        "space, and for what does not the operation that keeps it from acting; may be given several times",
    )
    inspect.add_argument(
        "--verify",
        action="store_true",
        help=f"prove each symmetry numerically in float64; exit with 1 if an error is not below "
        f"{TOLERANCE:g}",
    )
    inspect.add_argument("--json", type=Path, metavar="FILE", help="write the symmetries to FILE as JSON")
    demo = commands.add_parser(
        "demo",
        help="watch weight decay collapse a network, and symmetry removal prevent it",
        description="Train the same network on scikit-learn's handwritten digits without weight decay, "
        "with weight decay, and with weight decay and RemoveSymmetry; print what became of it "
        "and write report.html and summary.json.",
    )
    demo.add_argument(
        "--out", type=Path, default=Path("demo-out"), metavar="DIR", help="default: %(default)s"
    )
    return parser


def _inspect(arguments: argparse.Namespace) -> int:
    inputs = [InputSpec.parse(text).tensor() for text in arguments.inputs]
    model = load_model(arguments.target)
    if arguments.eval:
        model.eval()
    try:
        explanation = explain(model, *inputs)
        answers = [explanation.text(name) for name in arguments.names]
    except TraceError as error:
        raise InspectionError(
            f"{arguments.target} must run on --input {' --input '.join(arguments.inputs)}; it does not: "
            f"{error}"
        ) from error
    except ValueError as error:
        raise InspectionError(f"{arguments.target} cannot be inspected: {error}") from error
    symmetries = explanation.symmetries
    nothing = f"{arguments.target} has no symmetries that were found"
    print("\n".join(answers) or (symmetries.table() if symmetries else nothing))
    errors = _errors(symmetries, model, inputs) if arguments.verify else {}
    if arguments.json is not None:
        _write(arguments, symmetries, model, errors)
    # `not <` counts NaN as a failure.
    return int(any(not size < TOLERANCE for size in errors.values()))


def _errors(symmetries: Symmetries, model: nn.Module, inputs: Sequence[Any]) -> dict[str, float]:
    try:
        errors = symmetries.errors(model, *inputs)
    except Exception as error:
        raise InspectionError("--verify needs a model that runs in float64; it raised", error) from error
    width = max(map(len, errors))
    print("\nlargest relative change of the outputs under a random group element, in float64")
    for name, size in errors.items():
        print(f"{name.ljust(width)}  {size:.1e}{'' if size < TOLERANCE else '  FAILED'}")
    failed = sum(not size < TOLERANCE for size in errors.values())
    # Failures, NaN first, sort above everything else.
    worst = max(errors.values(), key=lambda size: (math.isnan(size), size))
    print(f"largest error {worst:.1e}: {f'{failed} FAILED' if failed else 'every symmetry holds'}")
    return errors


def _write(
    arguments: argparse.Namespace, symmetries: Symmetries, model: nn.Module, errors: dict[str, float]
) -> None:
    described = {
        **symmetries.to_dict(),
        "model": {
            "target": arguments.target,
            "class": f"{type(model).__module__}.{type(model).__qualname__}",
            "parameters": sum(parameter.numel() for parameter in model.parameters()),
            "training": model.training,
            "inputs": arguments.inputs,
        },
    }
    if errors:
        # JSON has neither NaN nor infinity.
        described["errors"] = {name: size if math.isfinite(size) else None for name, size in errors.items()}
    try:
        arguments.json.write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise InspectionError(
            f"--json must name a file that can be written; found {str(arguments.json)!r}", error
        ) from error


def _demo(arguments: argparse.Namespace) -> int:
    try:
        from lightning_symmetry.demo import run_demo
    except ModuleNotFoundError as error:
        # A missing module of this package would be a mistake of its own, which advice on installing would
        # hide.
        missing = (error.name or __package__).partition(".")[0]
        if missing == __package__:
            raise
        raise InspectionError(f'the demo needs {missing}: pip install "lightning-symmetry[demo]"') from error
    try:
        arguments.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InspectionError(f"--out must name a folder; found {str(arguments.out)!r}", error) from error
    run_demo(arguments.out)
    return 0
