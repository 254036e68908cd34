"""Single operations between two linear layers: those without a rule pin, and no rule promises too much."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from lightning_symmetry.discovery import find_symmetries

from .claims import assert_exactly, assert_proved
from .test_writes import Net


def parts(h: Tensor) -> Tensor:
    return torch.cat([F.elu(h[:, :1]), h[:, 1:2].tanh(), h[:, 2:].tanh()], 1)


UNKNOWN = {
    "random leak": lambda h: F.rrelu(h, training=True),
    "draws that depend": lambda h: torch.bernoulli(h.sigmoid()) * h,
}

MAPS = {
    "sort": lambda h: h.sort(dim=1).values,
    "cumsum": lambda h: h.cumsum(1),
    "flip": lambda h: h.flip(1),
    "roll": lambda h: h.roll(1, 1),
    "strided slice": lambda h: h[:, ::2].repeat(1, 2),
    "index": lambda h: h[:, [0, 2, 4, 1, 3, 5]],
    "topk": lambda h: h.topk(6, dim=1).values,
    "triu": lambda h: h.triu(),
    "pad with ones": lambda h: F.pad(h, (0, 1), value=1.0)[:, 1:],
    "parts of a layer norm": lambda h: parts(F.layer_norm(h, [6])),
    "parts of a gained layer norm": lambda h: parts(
        F.layer_norm(h, [6], torch.full((6,), 2.0, dtype=h.dtype))
    ),
    "parts of a softmax": lambda h: parts(h.softmax(1)),
    "layer norm of parts": lambda h: F.layer_norm(torch.cat([h[:, :1], h[:, 1:].tanh()], 1), [6]),
    "softmax of parts": lambda h: torch.cat([h[:, :1], h[:, 1:].tanh()], 1).softmax(1),
    "means of parts": lambda h: parts(h - h.mean(1, keepdim=True)),
    "crop": lambda h: F.pad(F.pad(h, (-1, 0)), (0, 1)),
    "round trip through integers": lambda h: (10 * h).long().to(h.dtype),
    "copy into integers": lambda h: torch.zeros(h.shape, dtype=torch.long).copy_(h.detach() * 10).to(h.dtype),
    "count": lambda h: h * torch.norm(h.relu(), p=0, dim=1, keepdim=True),
    "exp of zeros": lambda h: h * torch.zeros(6, dtype=h.dtype).exp(),
    "exp of padding": lambda h: F.pad(h[:, :4], (0, 2)).exp(),
    "small and large": lambda h: torch.tanh((h * 1e-8) * 1e8),
    "third": lambda h: torch.tanh(h / 3 - h * 0.1),
    "self product": lambda h: h * h,
    "ratio with itself": lambda h: h / h + h.tanh(),
    "gram": lambda h: h @ h.T @ h,
    "relu6": F.relu6,
    "hardtanh": F.hardtanh,
    "prelu": lambda h: F.prelu(h, torch.tensor([0.2], dtype=h.dtype)),
    "elu": F.elu,
    "softplus": F.softplus,
    "sin": torch.sin,
    "cos": torch.cos,
    "cube": lambda h: h**3,
    "square": torch.square,
    "root": lambda h: h.abs().sqrt(),
    "power": lambda h: h.abs() ** 1.5,
    "base": lambda h: 2**h,
    "reciprocal": torch.reciprocal,
    "log": lambda h: (h * h).log(),
    "exp": torch.exp,
    "log of exp": lambda h: (h.exp() * 2).log(),
    "shifted": lambda h: (h + 0.7).relu(),
    "reversed": lambda h: (1 - h).relu() + 2 - h,
    "maximum": lambda h: torch.maximum(h, 2 * h),
    "clamp": lambda h: h.clamp(min=0),
    "rounding mode": lambda h: torch.div(h, 0.3, rounding_mode="floor"),
    "division": lambda h: h / (1 + h.abs()),
    "addcmul": lambda h: torch.addcmul(h, h.tanh(), h.sigmoid(), value=0.3),
    "lerp": lambda h: torch.lerp(h, h.tanh(), 0.3),
    "where": lambda h: torch.where(h > 0, h, 0.1 * h),
    "masked": lambda h: h.masked_fill(h > 1, 0.0),
    "negative": lambda h: (-h).relu(),
    "layer statistics": lambda h: (h - h.mean(1, keepdim=True)) / h.std(1, keepdim=True),
    "variance": lambda h: h / torch.var_mean(h, 1, keepdim=True)[0],
    "vector norm": lambda h: h / torch.linalg.vector_norm(h, dim=1, keepdim=True),
    "maximum over units": lambda h: h - h.amax(1, keepdim=True),
    "maximum with index": lambda h: h * h.max(1, keepdim=True).values,
    "logsumexp": lambda h: h - h.logsumexp(1, keepdim=True),
    "product over units": lambda h: h * h.prod(1, keepdim=True),
    "log softmax": lambda h: h.log_softmax(1),
    "glu": lambda h: F.glu(torch.cat([h, h.flip(1)], 1)),
    "gate of halves": lambda h: torch.cat([F.glu(h, 1), h[:, :3]], 1),
    "statistics of a norm": lambda h: h * torch.native_layer_norm(h, [6], None, None, 1e-5)[2],
    "mean of a norm": lambda h: h * torch.native_layer_norm(h, [6], None, None, 1e-5)[1].sin(),
    "batch dot": lambda h: torch.einsum("bi,bj->bij", h, h).sum(2),
    "stack": lambda h: torch.stack([h, h.tanh()]).mean(0),
    "outer": lambda h: torch.outer(h[:, 0], h[0]).tanh(),
    "unbind": lambda h: torch.stack([part.relu() for part in h.unbind(1)], 1),
    "unflatten": lambda h: h.unflatten(1, (2, 3)).softmax(2).flatten(1),
    "swap of halves": lambda h: h.view(-1, 2, 3).transpose(1, 2).reshape(-1, 6).relu(),
    "expand": lambda h: (h.unsqueeze(1).expand(7, 3, 6).relu()).mean(1),
    "mv": lambda h: h * torch.mv(h, h[0].tanh()).unsqueeze(1),
    "dot": lambda h: h * torch.dot(h[0], h[1]),
    "baddbmm": lambda h: torch.baddbmm(
        h.unsqueeze(1), h.unsqueeze(1), torch.ones(7, 6, 6, dtype=h.dtype), beta=0.5
    ).squeeze(1),
    "huber": lambda h: F.huber_loss(h, h.tanh(), reduction="none"),
    "mean square": lambda h: h * F.mse_loss(h, h.tanh()),
    "absolute": lambda h: F.l1_loss(h, 2 * h, reduction="none"),
    "noise": lambda h: h + torch.rand_like(h),
    "symmetric noise": lambda h: (h * torch.randn_like(h)).tanh(),
    "noise of a unit": lambda h: h * torch.randn(6, dtype=h.dtype),
    "alpha dropout": lambda h: F.alpha_dropout(h, 0.3, training=True),
    "drawn twice": lambda h: F.dropout(h.relu() * torch.bernoulli(torch.full_like(h, 0.5)), 0.3),
    "dropout of all": lambda h: F.dropout(h, 1.0) + h.relu(),
    "product with nothing": lambda h: h * 0 + h.tanh(),
}


@pytest.mark.parametrize("middle", UNKNOWN.values(), ids=UNKNOWN)
def test_an_operation_without_a_rule_pins_what_it_touches(middle):
    torch.manual_seed(0)
    model, x = Net(middle).double(), torch.randn(7, 4, dtype=torch.float64)
    assert_exactly(find_symmetries(model, x), "")


@pytest.mark.parametrize("middle", MAPS.values(), ids=MAPS)
def test_no_rule_promises_too_much(middle):
    torch.manual_seed(0)
    model, x = Net(middle).double(), torch.randn(7, 4, dtype=torch.float64)
    symmetries = find_symmetries(model, x)
    assert_proved(symmetries, model, x)
