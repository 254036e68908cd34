"""Run the benchmarks by name: ``python -m benchmarks [cost | completeness]``."""

import argparse

from benchmarks.cost import completeness, observation


def main() -> None:
    """Run what is named, the cost by default."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "name", nargs="?", choices=["cost", "completeness"], default="cost", help="what to run"
    )
    parser.add_argument("--repeat", type=int, default=5, help="timings of each figure; the median counts")
    options = parser.parse_args()
    if options.name == "completeness":
        print(completeness.table(completeness.run()))
        return
    print(observation.table(observation.run(options.repeat)))


if __name__ == "__main__":
    main()
