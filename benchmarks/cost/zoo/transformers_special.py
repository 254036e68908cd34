"""What some model types of transformers need beyond the usual small sizes and inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

IMAGE = 98
"""The token that stands for a piece of an image: the last of the vocabulary."""

STAGES: dict[str, Any] = {"patch_size": 4, "embed_dim": 16, "num_heads": (1, 2, 2, 4), "window_size": 2}

BACKBONE: dict[str, Any] = {
    "model_type": "resnet",
    "embedding_size": 16,
    "hidden_sizes": [16, 32, 48, 64],
    "depths": [1, 1, 1, 1],
    "out_features": ["stage4"],
}

DETECTOR: dict[str, Any] = {"backbone": None, "use_timm_backbone": False, "backbone_config": BACKBONE}

SERIES: dict[str, Any] = {
    "prediction_length": 4,
    "context_length": 8,
    "lags_sequence": [1, 2],
    "num_time_features": 1,
}

PATCHES: dict[str, Any] = {
    "context_length": 32,
    "patch_length": 8,
    "patch_stride": 8,
    "num_input_channels": 3,
}

LATENT: dict[str, Any] = {"head_dim": 4, "num_key_value_heads": 4}
"""Attention through latent keys and values: the rotated part is a head of its own."""

CHANGES: dict[str, dict[str, Any]] = {
    "audio-spectrogram-transformer": {"max_length": 64},
    "bit": {"num_groups": 4},
    "conditional_detr": DETECTOR,
    "convnext": {"patch_size": 4},
    "convnextv2": {"patch_size": 4},
    "decision_transformer": {"state_dim": 5, "act_dim": 3},
    "deepseek_v2": LATENT
    | {"topk_group": 1, "n_group": 2, "topk_method": "greedy", "num_experts_per_tok": 2},
    "deepseek_v3": LATENT,
    "deformable_detr": DETECTOR | {"num_feature_levels": 1},
    "detr": DETECTOR,
    "encodec": {"hidden_size": 32, "num_filters": 8, "codebook_dim": 32},
    "ernie4_5_moe": {"moe_k": 2},
    "falcon_h1": {"mamba_d_ssm": 64, "mamba_n_groups": 2},
    "glm4_moe_lite": LATENT,
    "got_ocr2": {"image_token_id": IMAGE},
    "gpt_neo": {"attention_types": [[["global", "local"], 1]], "num_layers": 2},
    "granitemoehybrid": {"layer_types": ["mamba", "attention"]},
    "idefics3": {"image_token_id": IMAGE, "scale_factor": 2},
    "informer": SERIES,
    "internvl": {"image_token_id": IMAGE},
    "layoutlmv3": {"input_size": 64, "coordinate_size": 6, "shape_size": 4, "max_2d_position_embeddings": 64},
    "levit": {"num_attention_heads": (2, 2, 2), "key_dim": (8, 8, 8), "hidden_sizes": (16, 32, 48)},
    "lilt": {"channel_shrink_ratio": 2, "hidden_size": 48},
    "llava": {"image_token_index": IMAGE, "image_token_id": IMAGE},
    "lxmert": {"visual_feat_dim": 16},
    "mamba2": {"num_heads": 8, "head_dim": 8, "n_groups": 2},
    "minicpm3": LATENT,
    "mobilevit": {"hidden_sizes": (16, 24, 32), "neck_hidden_sizes": (8, 8, 16, 16, 16, 16, 32)},
    "moonshine": {"encoder_num_key_value_heads": 4, "decoder_num_key_value_heads": 4},
    "parakeet_ctc": {"encoder_config": {"subsampling_conv_channels": 16}},
    "patchtsmixer": PATCHES,
    "patchtst": PATCHES,
    "pvt_v2": {"num_attention_heads": (1, 2, 2, 4)},
    "qwen2_vl": {
        "image_token_id": IMAGE,
        "vision_start_token_id": IMAGE - 1,
        "vision_end_token_id": IMAGE - 2,
        "video_token_id": IMAGE - 3,
        "text_config": {
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [2, 1, 1]}
        },
    },
    "reformer": {"axial_pos_embds_dim": (8, 24), "axial_pos_shape": (4, 16)},
    "segformer": {"num_attention_heads": (1, 2, 2, 4), "decoder_hidden_size": 16},
    "sew": {"conv_dim": (16,) * 13},
    "siglip2": {"vision_config": {"num_patches": 16}},
    "smolvlm": {"image_token_id": IMAGE, "scale_factor": 2},
    "speech_to_text": {"conv_channels": 16, "input_feat_per_channel": 16},
    "swin": STAGES,
    "swinv2": STAGES,
    "time_series_transformer": SERIES,
    "timesfm": {"patch_length": 8, "context_length": 32, "horizon_length": 8},
    "timesformer": {"num_frames": 4},
    "videomae": {"num_frames": 4},
    "vivit": {"num_frames": 4, "tubelet_size": [2, 16, 16]},
    "wav2vec2-bert": {"feature_projection_input_dim": 16},
    "xmod": {"languages": ["en"], "default_language": "en"},
    "yolos": {"image_size": (64, 64)},
}
"""Changes of the configuration by type."""


def _tokens(images: int = 0) -> Tensor:
    """Text behind the tokens of an image."""
    return torch.cat([torch.full((2, images), IMAGE), torch.randint(3, IMAGE - 3, (2, 8))], 1)


def _captioned(images: int, *shape: int) -> dict[str, Any]:
    return {"input_ids": _tokens(images), "pixel_values": torch.randn(2, *shape), "use_cache": False}


def _video() -> dict[str, Any]:
    return {"pixel_values": torch.randn(2, 4, 3, 64, 64)}


def _spectrum() -> dict[str, Any]:
    return {"input_features": torch.randn(2, 64, 16)}


def _page() -> dict[str, Any]:
    return {"input_ids": _tokens(), "bbox": torch.zeros(2, 8, 4, dtype=torch.long)}


def _series() -> dict[str, Any]:
    return {
        "past_values": torch.randn(2, 10),
        "past_time_features": torch.randn(2, 10, 1),
        "past_observed_mask": torch.ones(2, 10),
        "future_values": torch.randn(2, 4),
        "future_time_features": torch.randn(2, 4, 1),
    }


def _trajectory() -> dict[str, Any]:
    parts = {"states": 5, "actions": 3, "rewards": 1, "returns_to_go": 1}
    given: dict[str, Any] = {name: torch.randn(2, 6, width) for name, width in parts.items()}
    return given | {"timesteps": torch.arange(6).expand(2, 6), "attention_mask": torch.ones(2, 6)}


def _grids() -> dict[str, Any]:
    images = torch.cat([torch.full((2, 1), IMAGE - 1), _tokens(4)], 1)
    return {
        "input_ids": images,
        "mm_token_type_ids": (images == IMAGE).int(),
        "pixel_values": torch.randn(32, 1536),
        "image_grid_thw": torch.tensor([[1, 4, 4], [1, 4, 4]]),
        "use_cache": False,
    }


def _ragged() -> dict[str, Any]:
    shapes = {
        "spatial_shapes": torch.tensor([[4, 4], [4, 4]]),
        "pixel_attention_mask": torch.ones(2, 16).long(),
    }
    return {"input_ids": _tokens(), "pixel_values": torch.randn(2, 16, 768)} | shapes


INPUTS: dict[str, Callable[[], dict[str, Any]]] = {
    "audio-spectrogram-transformer": lambda: {"input_values": torch.randn(2, 64, 16)},
    "decision_transformer": _trajectory,
    "encodec": lambda: {"input_values": torch.randn(2, 1, 3200)},
    "got_ocr2": lambda: _captioned(1, 3, 64, 64),
    "idefics3": lambda: _captioned(4, 1, 3, 64, 64),
    "informer": _series,
    "internvl": lambda: _captioned(4, 3, 64, 64),
    "layoutlmv3": lambda: _page() | {"pixel_values": torch.randn(2, 3, 64, 64)},
    "lilt": _page,
    "llava": lambda: _captioned(16, 3, 64, 64),
    "lxmert": lambda: {
        "input_ids": _tokens(),
        "visual_feats": torch.randn(2, 5, 16),
        "visual_pos": torch.randn(2, 5, 4),
    },
    "parakeet_ctc": _spectrum,
    "patchtsmixer": lambda: {"past_values": torch.randn(2, 32, 3)},
    "patchtst": lambda: {"past_values": torch.randn(2, 32, 3)},
    "qwen2_vl": _grids,
    "siglip2": _ragged,
    "smolvlm": lambda: _captioned(4, 1, 3, 64, 64),
    "speech_to_text": lambda: _spectrum() | {"decoder_input_ids": _tokens(), "use_cache": False},
    "time_series_transformer": _series,
    "timesfm": lambda: {
        "past_values": torch.randn(2, 32),
        "past_values_padding": torch.zeros(2, 32),
        "freq": torch.zeros(2, 1, dtype=torch.long),
    },
    "timesformer": _video,
    "udop": lambda: {
        "input_ids": _tokens(),
        "bbox": torch.zeros(2, 8, 4),
        "pixel_values": torch.randn(2, 3, 64, 64),
        "decoder_input_ids": _tokens(),
        "use_cache": False,
    },
    "videomae": _video,
    "vivit": _video,
    "wav2vec2-bert": _spectrum,
}
"""Inputs by type, where those by the names of its parameters do not do."""
