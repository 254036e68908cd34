"""timm: at least one model of every family, in the sizes that are published."""

from __future__ import annotations

import warnings
from contextlib import suppress

import torch

from benchmarks.cost.zoo.specimen import Library, Specimen
from benchmarks.cost.zoo.torchvision_operators import complete_torchvision

complete_torchvision()

import timm  # noqa: E402

FAMILIES = """
    beit_base_patch16_224 halonet_h1 botnet26t_256 mobileone_s1 bat_resnext26ts cait_xxs24_224 coat_tiny
    convit_tiny convmixer_768_32 convnext_zepto_rms convnext_atto cpubone_nano crossvit_tiny_240 csatv2
    cs3darknet_focus_s cspnext_tiny davit_tiny deepseek_vit_412m deit_tiny_patch16_224 densenet121 dla46x_c
    dpn48b edgenext_xx_small efficientformer_l1 efficientformerv2_s0 mobilenetv2_035 efficientnet_b0
    efficientvim_m1 efficientvit_b0 efficientvit_m0 vit_tiny_patch16_dinov3_qkvb eva02_tiny_patch14_224
    fasternet_t0 fastvit_t8 focalnet_tiny_srf gcvit_xxtiny gemma4_vit_167m ghostnet_050 hardcorenas_b
    hgnetv2_b0 hiera_tiny_224 sam2_hiera_tiny hrnet_w18_small iformer_t inception_next_atto
    inception_resnet_v2 inception_v3 inception_v4 lcnetv2_small levit_128s lowformer_b0 mambaout_femto
    maxvit_pico_rw_256 coatnet_pico_rw_224 poolformerv2_s12 caformer_s18 gmlp_ti16_224 mixer_s32_224
    mobilenetv3_small_050 mobilenetv5_base mobilevit_xxs mvitv2_tiny naflexvit_base_patch16_parfac_gap
    nasnetalarge nest_tiny nextvit_small nf_regnet_b0 pit_ti_224 pnasnet5large pvt_v2_b0 qwen3_vit_88m
    rdnet_tiny regnetx_002 regnety_002 repghostnet_050 repvit_m1 res2next50 resnest14d resnet10t resnet18
    resnetv2_18 rexnet_100 selecsls42 legacy_seresnet18 sequencer2d_s shvit_s1 skresnet18 starnet_s050
    swiftformer_xs swin_tiny_patch4_window7_224 swinv2_tiny_window8_256 swinv2_cr_tiny_224 tiny_vit_5m_224
    tnt_s_legacy_patch16_224 tresnet_m twins_svt_small vgg11 visformer_tiny vit_tiny_patch16_224
    vit_tiny_r_s16_p8_224 vit_srelpos_small_patch16_224 samvit_base_patch16_224 vitamin_small_224
    volo_d1_224 ese_vovnet19b_slim_dw legacy_xception xception41p xcit_nano_12_p8_224
"""
"""The smallest published model of every family, and further designs where a family holds several."""

SIDE = 128
"""Images are made as small as this where the architecture allows it."""


def _build(name: str) -> Specimen:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        options, side = _smallest(name)
        model = timm.create_model(name, **options)
    return Specimen(model.eval(), (torch.randn(2, 3, side, side),))


def _smallest(name: str) -> tuple[dict[str, int], int]:
    """The options and the side of the smallest images that a model runs on."""
    for options in ({"img_size": SIDE}, {}):
        with torch.device("meta"), suppress(Exception):
            timm.create_model(name, **options).eval()(torch.empty(2, 3, SIDE, SIDE))
            return options, SIDE
    return {}, timm.get_pretrained_cfg(name).input_size[-1]


def _kinds() -> dict[str, tuple[str, ...]]:
    """The listed models that this version knows, and the first model of every family that has none."""
    known = {name: family for family in timm.list_modules() for name in timm.list_models(module=family)}
    listed = [name for name in FAMILIES.split() if name in known]
    seen = {known[name] for name in listed}
    others = [timm.list_models(module=family)[0] for family in timm.list_modules() if family not in seen]
    return {"vision": tuple(listed + others)}


LIBRARY = Library("timm", _kinds(), _build)
