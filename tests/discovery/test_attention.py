"""Attention, fused or not: heads, their inner coordinates, and what the softmax cannot see."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightning_symmetry.discovery import find_symmetries

from .claims import Case, assert_complete, assert_exactly, assert_found, assert_proved, described, gaussian

aten = torch.ops.aten


class Attention(nn.Module):
    """Self-attention of six features by heads of three, ``share`` of which ask the same keys."""

    def __init__(self, kernel: Callable[..., Any], heads: int = 2, share: int = 1, bias: bool = True) -> None:
        super().__init__()
        self.kernel = kernel
        self.q = nn.Linear(6, 3 * heads * share, bias)
        self.k = nn.Linear(6, 3 * heads, bias)
        self.v = nn.Linear(6, 3 * heads, bias)
        self.o = nn.Linear(3 * heads * share, 6, bias)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (part(x).unflatten(-1, (-1, 3)).transpose(1, 2) for part in (self.q, self.k, self.v))
        out = self.kernel(q, k, v)
        return self.o((out if isinstance(out, Tensor) else out[0]).transpose(1, 2).flatten(2))


class Relative(Attention):
    """Learned scores of relative places, a table for each head."""

    def __init__(self) -> None:
        super().__init__(lambda q, k, v: F.scaled_dot_product_attention(q, k, v, attn_mask=self.places))
        self.places = nn.Parameter(torch.randn(2, 5, 5))


class SelfAttention(nn.Module):
    """The module of torch, attending to itself."""

    def __init__(self, need_weights: bool, **options: Any) -> None:
        super().__init__()
        self.attend = nn.MultiheadAttention(6, 2, batch_first=True, **options)
        self.need_weights = need_weights

    def forward(self, x: Tensor) -> Tensor:
        return self.attend(x, x, x, need_weights=self.need_weights)[0]


def attention(heads: int = 2, share: int = 1, bias: bool = True, **options: Any) -> Callable[[], nn.Module]:
    if share > 1:
        options["enable_gqa"] = True
    kernel = partial(F.scaled_dot_product_attention, **options)
    return lambda: Attention(kernel, heads, share, bias)


HEADS = """
    permutation 2: q.weight q.bias k.weight k.bias v.weight v.bias o.weight
    """
INNER = """
    general_linear 3 x2: q.weight q.bias k.weight^-1 k.bias^-1
    general_linear 3 x2: v.weight v.bias o.weight^-1
    """
BLIND = """
    translation 6: k.bias
    """
MEANS = """
    translation 6: v.bias o.bias^-1
    """
W, B, OUT = "attend.in_proj_weight", "attend.in_proj_bias", "attend.out_proj"
PACKED = f"""
    permutation 2: {W} {W}@6,0 {W}@12,0 {B} {B}@6 {B}@12 {OUT}.weight
    general_linear 3 x2: {W} {W}@6,0^-1 {B} {B}@6^-1
    general_linear 3 x2: {W}@12,0 {B}@12 {OUT}.weight^-1
    """
MASK = torch.randn(5, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

CASES = {
    "plain": Case(
        attention(bias=False),
        gaussian(5, 6),
        """
        permutation 2: q.weight k.weight v.weight o.weight
        general_linear 3 x2: q.weight k.weight^-1
        general_linear 3 x2: v.weight o.weight^-1
        """,
        nullity=36,
        outputs=30,
    ),
    "biases": Case(attention(), gaussian(5, 6), HEADS + INNER + BLIND + MEANS, nullity=48, outputs=30),
    "causal": Case(
        attention(is_causal=True), gaussian(5, 6), HEADS + INNER + BLIND + MEANS, nullity=48, outputs=30
    ),
    "scaled": Case(
        attention(scale=0.3), gaussian(5, 6), HEADS + INNER + BLIND + MEANS, nullity=48, outputs=30
    ),
    "masked": Case(attention(attn_mask=MASK), gaussian(5, 6), HEADS + INNER + BLIND),
    "a query that may look at nothing": Case(
        attention(attn_mask=torch.ones(5, 5, dtype=torch.bool).tril(-1)),
        gaussian(5, 6),
        HEADS + INNER + BLIND,
        nullity=42,
        outputs=30,
    ),
    "dropout": Case(attention(dropout_p=0.3), gaussian(5, 6), HEADS + INNER + BLIND),
    "shared keys": Case(
        attention(share=2),
        gaussian(5, 6),
        HEADS + INNER + BLIND + MEANS + "permutation 2 x2: q.weight q.bias o.weight",
        nullity=48,
        outputs=30,
    ),
    "one key for all": Case(
        attention(heads=1, share=3),
        gaussian(5, 6),
        """
        permutation 3: q.weight q.bias o.weight
        general_linear 3: q.weight q.bias k.weight^-1 k.bias^-1
        general_linear 3: v.weight v.bias o.weight^-1
        translation 3: k.bias
        translation 3: v.bias o.bias^-1
        """,
        nullity=24,
        outputs=30,
    ),
    "learned places": Case(
        Relative,
        gaussian(5, 6),
        INNER
        + BLIND
        + """
        permutation 2: q.weight q.bias k.weight k.bias v.weight v.bias places o.weight
        translation 10: places
        """,
    ),
    "module": Case(
        lambda: SelfAttention(need_weights=False),
        gaussian(5, 6),
        PACKED + f"translation 6: {B}@6 \n translation 6: {B}@12 {OUT}.bias^-1",
        nullity=48,
        outputs=30,
    ),
    "module that puts out its weights": Case(
        lambda: SelfAttention(need_weights=True),
        gaussian(5, 6),
        PACKED + f"translation 6: {B}@6 \n translation 6: {B}@12 {OUT}.bias^-1",
        nullity=48,
        outputs=30,
    ),
    "module with a key of zeros": Case(
        lambda: SelfAttention(need_weights=False, add_zero_attn=True),
        gaussian(5, 6),
        PACKED,
        nullity=36,
        outputs=30,
    ),
    "module with dropout": Case(
        lambda: SelfAttention(need_weights=False, dropout=0.3),
        gaussian(5, 6),
        PACKED + f"translation 6: {B}@6",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_exactly_the_groups_of_the_theory_are_found_and_hold(case):
    assert_found(case)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.nullity is not None])
def test_no_continuous_direction_is_missing(name):
    assert_complete(CASES[name])


KERNELS = {
    "flash": lambda q, k, v: aten._scaled_dot_product_flash_attention(q, k, v),
    "memory-efficient": lambda q, k, v: aten._scaled_dot_product_efficient_attention(q, k, v, None, True),
    "cudnn": lambda q, k, v: aten._scaled_dot_product_cudnn_attention(q, k, v, None, True),
    "overrideable": lambda q, k, v: aten._scaled_dot_product_fused_attention_overrideable(q, k, v),
    "mps": lambda q, k, v: aten._scaled_dot_product_attention_math_for_mps(q, k, v),
}


@pytest.mark.parametrize("kernel", KERNELS.values(), ids=KERNELS)
def test_kernels_of_other_devices_mean_the_same(kernel):
    symmetries = find_symmetries(Attention(kernel), torch.randn(3, 5, 6))
    assert_exactly(symmetries, HEADS + INNER + BLIND + MEANS)


def test_draws_that_stay_inside_a_kernel_tell_the_heads_apart():
    kernel = partial(aten._scaled_dot_product_flash_attention, dropout_p=0.3)
    assert_exactly(find_symmetries(Attention(kernel), torch.randn(3, 5, 6)), INNER + BLIND)


def test_whoever_reads_the_denominator_of_the_softmax_pins_the_scores():
    def kernel(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        out, denominator = aten._scaled_dot_product_flash_attention_for_cpu(q, k, v)
        return out * denominator.unsqueeze(-1)

    torch.manual_seed(0)
    model, x = Attention(kernel).double(), torch.randn(3, 5, 6, dtype=torch.float64)
    symmetries = find_symmetries(model, x)
    assert not any(leg.parameter.startswith(("q.", "k.")) for s in symmetries for leg in s.legs)
    assert_proved(symmetries, model, x)


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors is in prototype stage")
@pytest.mark.parametrize("training", [True, False])
def test_the_fast_path_of_an_encoder_that_skips_padding_has_the_same_symmetries(training):
    class Padded(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            layer = nn.TransformerEncoderLayer(6, 2, 7, dropout=0.0, batch_first=True)
            self.encoder = nn.TransformerEncoder(layer, 2)

        def forward(self, x: Tensor, padding: Tensor) -> Tensor:
            return self.encoder(x, src_key_padding_mask=padding)

    case = Case(Padded, gaussian(5, 6), "")
    model, padding = case.model(), torch.arange(5) >= torch.tensor([[3], [4], [5]])
    x = case.data(3)[0]
    expected = list(map(described, find_symmetries(model.train(), x, padding)))
    symmetries = find_symmetries(model.train(training), x, padding)
    assert list(map(described, symmetries)) == expected
    assert sum(s.group == "general_linear" for s in symmetries) == 4
    with torch.no_grad():
        assert_proved(symmetries, model, x, padding)
