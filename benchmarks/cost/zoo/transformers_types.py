"""transformers: small models of many types, each with its usual head."""

from __future__ import annotations

import warnings

from benchmarks.cost.zoo.specimen import Library, Specimen
from benchmarks.cost.zoo.torchvision_operators import complete_torchvision

complete_torchvision()

from transformers import logging  # noqa: E402

from benchmarks.cost.zoo.transformers_small import small_inputs, small_model  # noqa: E402
from benchmarks.cost.zoo.transformers_special import CHANGES, INPUTS  # noqa: E402

logging.set_verbosity_error()

KINDS = {
    "encoder": """
        albert bert big_bird camembert canine convbert data2vec-text deberta deberta-v2 distilbert dpr
        electra ernie eurobert flaubert fnet funnel gte ibert jina_embeddings_v3 layoutlm lilt longformer
        markuplm megatron-bert mobilebert modernbert mpnet mra nomic_bert nystromformer reformer rembert
        roberta roberta-prelayernorm roformer splinter squeezebert tapas xlm xlm-roberta xlm-roberta-xl
        xlnet xmod yoso
    """,
    "decoder": """
        apertus arcee bert-generation biogpt bitnet bloom codegen cohere cohere2 ctrl decision_transformer
        diffllama doge ernie4_5 exaone4 falcon gemma gemma2 gemma3_text gemma4_text glm glm4 gpt2
        gpt_bigcode gpt_neo gpt_neox gpt_neox_japanese gptj granite helium hunyuan_v1_dense internlm3 jais2
        llama minicpm3 ministral mistral modernbert-decoder mpt nanochat nemotron olmo olmo2 olmo3
        openai-gpt opt persimmon phi phi3 qwen2 qwen3 seed_oss smollm3 stablelm starcoder2 vaultgemma xglm
    """,
    "encoder-decoder": """
        bart bigbird_pegasus blenderbot blenderbot-small fsmt led longt5 m2m_100 marian mbart mt5 mvp
        pegasus pegasus_x plbart prophetnet t5 t5gemma umt5
    """,
    "mixture of experts": """
        afmoe aria_text deepseek_v2 deepseek_v3 ernie4_5_moe exaone_moe flex_olmo glm4_moe glm4_moe_lite
        gpt_oss granitemoe granitemoehybrid granitemoeshared hunyuan_v1_moe jetmoe llama4_text minimax
        mixtral nllb-moe olmoe phimoe qwen2_moe qwen3_moe solar_open switch_transformers
    """,
    "state space": """
        bamba falcon_h1 falcon_mamba jamba lfm2 mamba mamba2 nemotron_h olmo_hybrid qwen3_next
        recurrent_gemma rwkv xlstm
    """,
    "vision": """
        aimv2_vision_model beit bit conditional_detr convnext convnextv2 data2vec-vision deformable_detr
        deit detr dinov2 dinov2_with_registers dinov3_convnext dinov3_vit dpt focalnet ijepa imagegpt levit
        mlcd_vision_model mobilenet_v1 mobilenet_v2 mobilevit pixio poolformer pvt_v2 regnet resnet
        sam_vision_model segformer siglip_vision_model swiftformer swin swinv2 timesformer videomae vit
        vit_mae vit_msn vitdet vivit yolos
    """,
    "speech": """
        audio-spectrogram-transformer data2vec-audio encodec fastspeech2_conformer hubert moonshine
        parakeet_ctc qwen2_audio_encoder sew speech_to_text unispeech unispeech-sat voxtral_encoder wav2vec2
        wav2vec2-bert wav2vec2-conformer wavlm whisper
    """,
    "multimodal": """
        aimv2 altclip blip chinese_clip clip clipseg flava git got_ocr2 groupvit idefics3 internvl
        kosmos-2.5 layoutlmv3 llava lxmert metaclip_2 mllama owlv2 owlvit qwen2_vl siglip siglip2 smolvlm
        udop vilt vision-text-dual-encoder visual_bert
    """,
    "time series": "informer patchtsmixer patchtst time_series_transformer timesfm",
}


def _build(name: str) -> Specimen:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = small_model(name, **CHANGES.get(name, {}))
    return Specimen(model, kwargs=INPUTS[name]() if name in INPUTS else small_inputs(model))


LIBRARY = Library("transformers", {kind: tuple(names.split()) for kind, names in KINDS.items()}, _build)
