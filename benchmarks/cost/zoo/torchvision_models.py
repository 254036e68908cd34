"""torchvision: classification, segmentation, detection, video, optical flow; small models of each design."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from benchmarks.cost.zoo.specimen import Library, Specimen
from benchmarks.cost.zoo.torchvision_operators import complete_torchvision

complete_torchvision()

from torchvision import models  # noqa: E402

KINDS = {
    "classification": """
        alexnet convnext_tiny densenet121 densenet161 efficientnet_b0 efficientnet_b3 efficientnet_v2_s
        googlenet inception_v3 maxvit_t mnasnet0_5 mnasnet1_0 mobilenet_v2 mobilenet_v3_large
        mobilenet_v3_small regnet_x_400mf regnet_x_1_6gf regnet_y_400mf regnet_y_1_6gf resnet18 resnet34
        resnet50 resnext50_32x4d shufflenet_v2_x0_5 shufflenet_v2_x1_0 squeezenet1_0 squeezenet1_1 swin_t
        swin_v2_t vgg11 vgg11_bn vit_b_32 vit_b_16 wide_resnet50_2
    """,
    "segmentation": """
        deeplabv3_mobilenet_v3_large deeplabv3_resnet50 fcn_resnet50 lraspp_mobilenet_v3_large
    """,
    "detection": """
        fasterrcnn_mobilenet_v3_large_320_fpn fasterrcnn_resnet50_fpn fcos_resnet50_fpn
        keypointrcnn_resnet50_fpn maskrcnn_resnet50_fpn retinanet_resnet50_fpn ssd300_vgg16
        ssdlite320_mobilenet_v3_large
    """,
    "video": "mc3_18 r2plus1d_18 r3d_18 s3d mvit_v2_s swin3d_t",
    "optical flow": "raft_small",
}


def _image(side: int = 128) -> Callable[[], tuple[object, ...]]:
    return lambda: (torch.randn(2, 3, side, side),)


def _images() -> tuple[list[Tensor]]:
    return ([torch.rand(3, 96, 128)],)


def _video(frames: int, side: int) -> Callable[[], tuple[object, ...]]:
    return lambda: (torch.randn(1, 3, frames, side, side),)


def _pair() -> tuple[Tensor, Tensor]:
    return torch.randn(1, 3, 128, 128), torch.randn(1, 3, 128, 128)


INPUTS: dict[str, Callable[[], tuple[object, ...]]] = {
    "vit_b_32": _image(224),
    "vit_b_16": _image(224),
    "maxvit_t": _image(224),
    "swin3d_t": _video(8, 64),
    "mvit_v2_s": _video(16, 224),
    "s3d": _video(16, 224),
    "raft_small": _pair,
}
"""Inputs of models that take neither the usual image nor, by their kind, images or a video."""

BY_KIND: dict[str, Callable[[], tuple[object, ...]]] = {
    "classification": _image(),
    "segmentation": _image(),
    "detection": _images,
    "video": _video(4, 64),
}

REGIONS = {
    "min_size": 96,
    "max_size": 128,
    "rpn_pre_nms_top_n_test": 50,
    "rpn_post_nms_top_n_test": 20,
    "box_detections_per_img": 5,
    "box_score_thresh": 0.0,  # none of 91 classes is likely
}
ANCHORS = {"min_size": 96, "max_size": 128, "topk_candidates": 20, "detections_per_img": 5}
SINGLE_SHOT = {"topk_candidates": 20, "detections_per_img": 5}
"""What keeps detectors small: of random weights they find hundreds of objects."""


def _detector(name: str) -> Mapping[str, float]:
    if "rcnn" in name:
        return REGIONS
    return SINGLE_SHOT if name.startswith("ssd") else ANCHORS


def _build(name: str) -> Specimen:
    kind = next(kind for kind, names in KINDS.items() if name in names.split())
    options: dict[str, object] = {"weights": None}
    if kind in ("segmentation", "detection"):
        options["weights_backbone"] = None
    if kind == "detection":
        options |= _detector(name)
    if name in ("googlenet", "inception_v3"):
        options["init_weights"] = False
    model = models.get_model(name, **options)
    return Specimen(model.eval(), INPUTS.get(name, BY_KIND.get(kind, _image()))())


LIBRARY = Library("torchvision", {kind: tuple(names.split()) for kind, names in KINDS.items()}, _build)
