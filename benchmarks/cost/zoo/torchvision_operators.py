"""Stand-ins for torchvision's compiled operators, where they do not fit the torch that is installed.

A torchvision that was built for another variant of torch (CUDA beside CPU, for instance) cannot load its
operators and then refuses to be imported. Its Python needs only non-maximum suppression.
"""

from __future__ import annotations

import torch
from torch import Tensor


def complete_torchvision() -> None:
    """Let torchvision be imported, if it is there, also by libraries that import it themselves."""
    try:
        import torchvision  # noqa: F401
    except ImportError:
        return
    except RuntimeError:
        _define()


def _define() -> None:
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.impl("nms", _suppressed, "CPU")
    _LIBRARIES.append(library)
    from torchvision.ops import boxes

    # asks for the compiled operators, which are not missed any more
    boxes._assert_has_ops = lambda: None


_LIBRARIES: list[torch.library.Library] = []
"""A library that is collected takes its operators along."""


def _suppressed(boxes: Tensor, scores: Tensor, threshold: float) -> Tensor:
    """Return the boxes, best first, that overlap no better one by more than the threshold."""
    order = scores.argsort(descending=True)
    boxes = boxes[order]
    area = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    inner = torch.minimum(boxes[:, None, 2:], boxes[:, 2:]) - torch.maximum(boxes[:, None, :2], boxes[:, :2])
    shared = inner.clamp(min=0).prod(-1)
    worse = (shared / (area[:, None] + area - shared) > threshold).triu(1)
    kept = torch.ones_like(area, dtype=torch.bool)
    for row in range(len(boxes)):
        if kept[row]:
            kept &= ~worse[row]
    return order[kept]
