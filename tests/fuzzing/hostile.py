"""What people and broken programs hand to a function."""

import numpy as np
import torch
from hypothesis import strategies as st

DTYPES = (
    torch.float32,
    torch.float64,
    torch.float16,
    torch.bfloat16,
    torch.int64,
    torch.uint8,
    torch.bool,
    torch.complex64,
)
SHAPES = (
    (),
    (0,),
    (1,),
    (3,),
    (0, 3),
    (3, 0),
    (1, 1),
    (4, 3),
    (3, 4),
    (2, 4, 3),
    (0, 4, 3),
    (1, 2, 4, 3),
    (300, 2),
)
SCALES = {"zero": 0.0, "nan": float("nan"), "inf": float("inf"), "huge": 1e300, "tiny": 1e-300}
FILLINGS = ("normal", "zero", "nan", "inf", "one nan", "huge", "tiny")


def tensor(shape, dtype, filling, device):
    """A tensor with the numbers that are asked for, as far as its dtype has them."""
    if device == "meta":
        return torch.empty(shape, dtype=dtype, device="meta")
    values = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    if filling == "one nan" and values.numel():
        values.view(-1)[0] = float("nan")
    scale = {"zero": 0.0, "nan": float("nan"), "inf": float("inf"), "huge": 1e300, "tiny": 1e-300}.get(
        filling, 1.0
    )
    values = values * scale
    if not (dtype.is_floating_point or dtype.is_complex):
        values = values.nan_to_num(0.0, 1.0, 0.0).clamp(0, 3)
    return values.to(dtype)


tensors = st.builds(
    tensor,
    st.sampled_from(SHAPES),
    st.sampled_from(DTYPES[:1] * 4 + DTYPES),
    st.sampled_from(FILLINGS),
    st.sampled_from(["cpu", "cpu", "cpu", "meta"]),
)
"""Real ones more often than others, so that more than the first check is passed."""

numbers = st.sampled_from(
    [
        0,
        1,
        -1,
        2,
        10**30,
        -(10**30),
        0.0,
        0.5,
        -0.5,
        1.0,
        1e308,
        float("nan"),
        float("inf"),
        -float("inf"),
        True,
    ]
)
others = st.sampled_from(
    [
        None,
        "",
        "0.weight",
        b"bytes",
        [],
        {},
        (),
        [1.0],
        object(),
        np.ones((4, 3)),
        np.float32(1.0),
        lambda: None,
    ]
)
anything = st.one_of(tensors, numbers, others, st.lists(tensors, max_size=3))
