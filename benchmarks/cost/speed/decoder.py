"""A decoder of seven billion parameters that takes no memory."""

from __future__ import annotations

import torch

from benchmarks.cost.zoo.specimen import Specimen
from benchmarks.cost.zoo.torchvision_operators import complete_torchvision


def decoder() -> Specimen:
    """Return Llama 7B on the meta device, and a sentence of 128 tokens."""
    complete_torchvision()
    from transformers import LlamaConfig, LlamaForCausalLM

    with torch.device("meta"):
        model = LlamaForCausalLM(LlamaConfig())
        tokens = torch.zeros(1, 128, dtype=torch.long)
    return Specimen(model.eval(), kwargs={"input_ids": tokens, "use_cache": False})
