"""Features in float64, where squares of float32 numbers are exact and their sums keep half of the digits."""

import torch
from torch import Tensor


def precise(tensor: Tensor) -> Tensor:
    """Convert to float64, on the CPU if the device has none.

    Args:
        tensor: real floating-point tensor.

    Returns:
        The same values; from MPS, which has no float64, on the CPU.
    """
    return tensor.to("cpu" if tensor.device.type == "mps" else tensor.device).double()


def like(value: Tensor, features: Tensor) -> Tensor:
    """Convert a result back to where the features are.

    Args:
        value: float64 tensor.
        features: what it was computed from.

    Returns:
        The same values on the device of the features, in their dtype if that is float32 or better.
    """
    return value.to(device=features.device, dtype=torch.promote_types(features.dtype, torch.float32))
