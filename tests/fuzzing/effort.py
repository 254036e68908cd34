"""How long to look for mistakes: shortly, unless the environment asks for more."""

import os

from hypothesis import HealthCheck, Phase, settings

MORE = int(os.environ.get("LIGHTNING_SYMMETRY_FUZZING", "1"))
"""Times the usual number of examples; with more than one, they differ from run to run."""


def effort(examples: int) -> settings:
    """Settings for a property that usually gets so many examples."""
    return settings(
        max_examples=examples * MORE,
        deadline=None,
        derandomize=MORE == 1,
        database=None,
        # to find the smallest example takes minutes
        phases=[Phase.explicit, Phase.generate, *([Phase.shrink] if MORE > 1 else [])],
        suppress_health_check=list(HealthCheck),
    )
