"""Small configurations and fitting inputs for model types of transformers."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor, nn
from transformers import CONFIG_MAPPING, AutoConfig, PreTrainedConfig
from transformers.models.auto import modeling_auto

WIDTHS = {
    32: """
        hidden_size d_model n_embd embed_dim dim hidden_dim embedding_size emb_dim encoder_hidden_size
        decoder_hidden_size encoder_embed_dim word_embed_proj_dim attention_hidden_size embedding_dim
        output_hidden_size out_hidden_size projector_hidden_size text_hidden_size vision_hidden_size
        cross_attention_hidden_size pooler_hidden_size pooler_output_size
    """,
    48: """
        intermediate_size encoder_ffn_dim decoder_ffn_dim ffn_dim d_ff d_inner n_inner ffn_hidden_size
        mlp_dim decoder_intermediate_size ffn_size encoder_intermediate_size hidden_mlp_dim
        encoder_feedforward_dim dim_feedforward
    """,
    24: """
        moe_intermediate_size shared_expert_intermediate_size shared_intermediate_size projection_dim
        image_text_hidden_size classifier_proj_size
    """,
    16: """
        bottleneck_size codebook_dim codevector_dim fusion_hidden_size num_conv_pos_embeddings num_mel_bins
        proj_codevector_dim q_lora_rank xvector_output_dim
    """,
    12: "kv_lora_rank qk_head_dim",
    8: """
        head_dim d_kv d_head qk_nope_head_dim v_head_dim index_head_dim state_size mamba_d_state
        mamba_n_heads mamba_d_head linear_key_head_dim linear_value_head_dim hidden_size_per_layer_input
    """,
    4: """
        num_attention_heads n_head n_heads num_heads encoder_attention_heads decoder_attention_heads
        decoder_num_attention_heads encoder_num_attention_heads num_experts num_local_experts
        n_routed_experts moe_num_experts qk_rope_head_dim index_topk mamba_chunk_size chunk_size
        time_step_rank mamba_dt_rank linear_num_value_heads num_conv_pos_embedding_groups rotary_dim
        sliding_window num_query_tokens
    """,
    2: """
        num_hidden_layers n_layer num_layers n_layers encoder_layers decoder_layers num_decoder_layers
        num_encoder_layers depth decoder_num_hidden_layers encoder_num_hidden_layers num_key_value_heads
        decoder_num_key_value_heads encoder_num_key_value_heads num_kv_heads num_experts_per_tok moe_topk
        n_group index_n_heads mamba_expand linear_num_key_heads type_vocab_size
    """,
    1: "topk_group first_k_dense_replace",
}
"""Sizes by the names that configurations give them."""

LENGTHS = {
    99: "vocab_size vocab_size_per_layer_input",
    64: """
        max_position_embeddings n_positions max_target_positions n_ctx seq_length max_length image_size
    """,
    32: "max_source_positions codebook_size",
    16: "patch_size",
    5: "num_queries",
    2: "eos_token_id sep_token_id forced_eos_token_id",
    1: "bos_token_id cls_token_id",
    0: "pad_token_id decoder_start_token_id",
}
"""Sizes of data, and tokens, likewise."""

SMALL: dict[str, Any] = {
    name: size for table in (WIDTHS, LENGTHS) for size in table for name in table[size].split()
}
SMALL |= {"conv_dim": (16,) * 7, "neck_hidden_sizes": (16,) * 4, "tdnn_dim": (16,) * 3}

HEADS = (
    modeling_auto.MODEL_FOR_MASKED_LM_MAPPING,
    modeling_auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING,
    modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING,
    modeling_auto.MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING,
    modeling_auto.MODEL_MAPPING,
)
"""What a model is to end in: the first of these that its type has."""


def small_model(kind: str, **changes: Any) -> nn.Module:
    """Return a small model of a type with its usual head, in evaluation mode.

    Args:
        kind: Name of the type.
        **changes: What this type needs beyond the usual sizes.

    Returns:
        The model, with random weights.

    Raises:
        KeyError: If the type has no model of its own.
    """
    config = _small(CONFIG_MAPPING[kind], changes)
    for head in HEADS:
        if type(config) in head:
            kinds = head[type(config)]
            model: nn.Module = (kinds[0] if isinstance(kinds, (list, tuple)) else kinds)(config)
            return model.eval()
    raise KeyError(f"{kind} has no model of its own")


def _small(config: type[PreTrainedConfig], changes: dict[str, Any]) -> PreTrainedConfig:
    usual = config()
    plain = usual.to_dict()
    sizes = {name: size for name, size in SMALL.items() if plain.get(name) is not None}
    sizes |= {name: SMALL[name] for name in ("head_dim", "num_key_value_heads") if name in plain}
    for name in ("hidden_sizes", "embed_dims"):
        if isinstance(plain.get(name), (list, tuple)):
            sizes[name] = [16 * (stage + 1) for stage in range(len(plain[name]))]
    if isinstance(plain.get("depths"), (list, tuple)):
        sizes["depths"] = [1] * len(plain["depths"])
    nested: dict[str, Any] = {}
    for name, declared in config.sub_configs.items():
        given = getattr(usual, name, None)
        kind = type(given) if isinstance(given, PreTrainedConfig) else declared
        changed = changes.get(name, {})
        if kind is not AutoConfig and "model_type" not in changed:
            nested[name] = _small(kind, changed).to_dict()
    return config(**sizes | changes | nested)


def small_inputs(model: nn.Module) -> dict[str, Any]:
    """Return what a model is called with: tokens, images, sound, by what its forward method takes."""
    config: Any = model.config
    takes = inspect.signature(model.forward).parameters
    given: dict[str, Any] = {}
    if model.main_input_name == "input_ids" or {"input_ids", "pixel_values"} <= set(takes):
        given["input_ids"] = _tokens(config)
    if "pixel_values" in takes:
        given["pixel_values"] = torch.randn(2, _found(config, "num_channels", 3), *_sides(config))
    if model.main_input_name == "input_features":
        given["input_features"] = torch.randn(2, _found(config, "num_mel_bins", 16), 64)
    if model.main_input_name == "input_values":
        given["input_values"] = torch.randn(2, 3200)
    if config.is_encoder_decoder and "decoder_input_ids" in takes:
        given["decoder_input_ids"] = _tokens(config)
    if "use_cache" in takes:
        given["use_cache"] = False
    return given


def _tokens(config: Any) -> Tensor:
    # below three are special tokens
    return torch.randint(3, _found(config, "vocab_size", 99), (2, 8))


def _sides(config: Any) -> tuple[int, int]:
    side = _found(config, "image_size", 64)
    return (side, side) if isinstance(side, int) else tuple(side)


def _found(config: Any, name: str, otherwise: int) -> Any:
    """An attribute of a configuration or of one nested in it."""
    nested = ("text_config", "vision_config", "audio_config", "encoder", "decoder", "backbone_config")
    for part in (config, *(getattr(config, part, None) for part in nested)):
        if getattr(part, name, None) is not None:
            return getattr(part, name)
    return otherwise
