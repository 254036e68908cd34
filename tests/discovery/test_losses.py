"""Losses: what they are blind to, besides what the outputs are blind to."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from .claims import Case, assert_exactly, assert_found, assert_proved, gaussian


def _mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3))


HIDDEN = """
        permutation 5: 0.weight 0.bias 2.weight
        positive_scaling 5: 0.weight 0.bias 2.weight^-1
        """
CLASSES = torch.tensor([0, 1, 2, 0, 1, 2, 0])
TARGET = torch.rand(7, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
LOSSES = {
    "mse": lambda y: F.mse_loss(y, TARGET),
    "each mse": lambda y: F.mse_loss(y, TARGET, reduction="none"),
    "l1": lambda y: F.l1_loss(y, TARGET),
    "smooth l1": lambda y: F.smooth_l1_loss(y, TARGET),
    "bce": lambda y: F.binary_cross_entropy(y.sigmoid(), TARGET),
    "each bce": lambda y: F.binary_cross_entropy(y.sigmoid(), TARGET, reduction="none"),
    "bce of logits": lambda y: F.binary_cross_entropy_with_logits(y, TARGET),
    "weighted bce": lambda y: F.binary_cross_entropy_with_logits(y, TARGET, TARGET + 1, pos_weight=TARGET[0]),
    "huber": lambda y: F.huber_loss(y, TARGET, delta=0.3),
    "weighted mse": lambda y: F.mse_loss(y, TARGET, weight=TARGET + 1),
    "soft margins": lambda y: F.soft_margin_loss(y, TARGET.round() * 2 - 1),
    "soft margins of many labels": lambda y: F.multilabel_soft_margin_loss(y, TARGET.round()),
    "poisson": lambda y: F.poisson_nll_loss(y, TARGET),
    "hinge embedding": lambda y: F.hinge_embedding_loss(y, TARGET.round() * 2 - 1),
    "dice": lambda y: 1 - 2 * (y.sigmoid() * TARGET).sum() / (y.sigmoid() + TARGET).sum(),
}
BLIND = {
    "cross-entropy": lambda y: F.cross_entropy(y, CLASSES),
    "summed cross-entropy": lambda y: F.cross_entropy(y, CLASSES, reduction="sum"),
    "cross-entropy of probabilities": lambda y: F.cross_entropy(y, TARGET),
    "smoothed cross-entropy": lambda y: F.cross_entropy(y, CLASSES, label_smoothing=0.1),
    "divergence": lambda y: F.kl_div(y.log_softmax(1), TARGET, reduction="batchmean"),
    "divergence from logs": lambda y: F.kl_div(
        y.log_softmax(1), TARGET.log(), reduction="sum", log_target=True
    ),
    "weighted cross-entropy": lambda y: F.cross_entropy(y, CLASSES, weight=TARGET[0]),
    "cross-entropy of some": lambda y: F.cross_entropy(y, CLASSES, ignore_index=2),
    "cross-entropy of pixels": lambda y: F.cross_entropy(y.view(7, 3, 1, 1), CLASSES.view(7, 1, 1)),
    "margins": lambda y: F.multi_margin_loss(y, CLASSES),
    "margins of many labels": lambda y: F.multilabel_margin_loss(y, torch.tensor([[0, 2, -1]] * 7)),
    "focal": lambda y: (-((1 - y.softmax(1)) ** 2) * y.log_softmax(1)).gather(1, CLASSES[:, None]).mean(),
    "connectionist": lambda y: F.ctc_loss(y.log_softmax(1), torch.tensor([1, 2]), (7,), (2,)),
}


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_a_loss_that_sees_all_of_the_output_adds_nothing(loss):
    assert_found(Case(_mlp, gaussian(4), HIDDEN, loss=loss))


@pytest.mark.filterwarnings("ignore:Sequential does not run on fake tensors:UserWarning")
@pytest.mark.parametrize("loss", BLIND.values(), ids=BLIND)
def test_cross_entropy_lets_all_logits_shift_together(loss):
    shifts = """
        translation 5: 2.weight
        translation 1: 2.bias
        """
    assert_found(Case(_mlp, gaussian(4), HIDDEN + shifts, loss=loss))


def test_the_shift_of_the_logits_is_the_same_in_every_row():
    case = Case(_mlp, gaussian(4), "", loss=BLIND["cross-entropy"])
    model = case.model()
    params = {name: p.detach() for name, p in model.named_parameters()}
    for symmetry in case.find(model):
        if symmetry.group == "translation":
            name = symmetry.legs[0].parameter
            shift = symmetry.act(params, symmetry.sample())[name] - params[name]
            torch.testing.assert_close(shift, shift[:1].expand_as(shift))
            assert shift.abs().min() > 0


def test_the_loss_is_remembered_by_a_part_of_the_symmetries():
    case = Case(_mlp, gaussian(4), "", loss=BLIND["cross-entropy"])
    model = case.model()
    shifts = [s for s in case.find(model) if s.group == "translation"]
    part = case.find(model)[2:]
    assert list(part) == shifts
    x = case.data(7)[0]
    assert max(part.errors(model, x).values()) < 1e-12
    assert part.errors(model, x, loss=lambda y: y)["all together"] > 1e-3
    assert part.completeness(model, case.data(7)[0], loss=_per_example).leak < 1e-12


def _per_example(y: torch.Tensor) -> torch.Tensor:
    return y.log_softmax(1).repeat(10, 1)


FROZEN = {
    "nothing": (
        (),
        """
        general_linear 4: 0.weight 0.bias 1.weight^-1
        translation 4: 0.bias 1.bias^-1
        permutation 5: 1.weight 1.bias 3.weight
        positive_scaling 5: 1.weight 1.bias 3.weight^-1
        """,
    ),
    "first weight": (
        ("0.weight",),
        """
        translation 4: 0.bias 1.bias^-1
        permutation 5: 1.weight 1.bias 3.weight
        positive_scaling 5: 1.weight 1.bias 3.weight^-1
        """,
    ),
    "middle weight": (
        ("1.weight",),
        """
        positive_scaling 1: 0.weight 0.bias 1.bias 3.weight^-1
        translation 4: 0.bias 1.bias^-1
        """,
    ),
    "middle bias": (
        ("1.bias",),
        """
        general_linear 4: 0.weight 0.bias 1.weight^-1
        """,
    ),
    "first bias": (
        ("0.bias",),
        """
        permutation 5: 1.weight 1.bias 3.weight
        positive_scaling 5: 1.weight 1.bias 3.weight^-1
        """,
    ),
    "last": (
        ("3.weight", "3.bias"),
        """
        general_linear 4: 0.weight 0.bias 1.weight^-1
        translation 4: 0.bias 1.bias^-1
        """,
    ),
    "all but one": (("0.weight", "0.bias", "1.weight", "3.weight", "3.bias"), ""),
}


@pytest.mark.parametrize("frozen", FROZEN.values(), ids=FROZEN)
def test_what_would_move_a_frozen_parameter_is_gone(frozen):
    names, expected = frozen

    def build() -> nn.Module:
        model = nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3))
        for name in names:
            model.get_parameter(name).requires_grad_(False)
        return model

    assert_found(Case(build, gaussian(6), expected))


def test_unused_parameters_may_do_anything():
    def build() -> nn.Module:
        model = nn.Sequential(nn.Linear(4, 3))
        model.register_parameter("unused", nn.Parameter(torch.randn(2)))
        return model

    case = Case(build, gaussian(4), "")
    symmetries = case.find(case.model())
    assert {leg.parameter for s in symmetries for leg in s.legs} == {"unused"}
    assert_exactly(symmetries, "translation 2: unused")


class Pair(nn.Module):
    """Two embeddings of the same input; ``loss`` compares them."""

    def __init__(self, loss) -> None:
        super().__init__()
        self.a, self.b, self.loss = nn.Linear(4, 3), nn.Linear(4, 3), loss

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.loss(self.a(x), self.b(x))


DISTANCE = """
    orthogonal 3: a.weight a.bias b.weight b.bias
    translation 3: a.bias b.bias
    """
SPHERE = """
    orthogonal 3: a.weight a.bias b.weight b.bias
    """
ENTRIES = """
    permutation 3: a.weight a.bias b.weight b.bias
    sign 3: a.weight a.bias b.weight b.bias
    translation 3: a.bias b.bias
    """
CONTRASTS = {
    "mse": (lambda a, b: F.mse_loss(a, b), DISTANCE),
    "each mse": (lambda a, b: F.mse_loss(a, b, reduction="none").sum(1), DISTANCE),
    "huber": (lambda a, b: F.huber_loss(a, b), ENTRIES),
    "smooth l1": (lambda a, b: F.smooth_l1_loss(a, b), ENTRIES),
    "l1": (lambda a, b: F.l1_loss(a, b), ENTRIES),
    "triplets": (
        lambda a, b: F.triplet_margin_with_distance_loss(
            a, b, b.roll(1, 0), distance_function=lambda u, v: (u - v).square().sum(1)
        ),
        DISTANCE,
    ),
}


@pytest.mark.parametrize(("loss", "expected"), CONTRASTS.values(), ids=CONTRASTS)
def test_a_loss_of_two_embeddings_lets_them_move_together(loss, expected):
    assert_found(Case(lambda: Pair(loss), gaussian(4), expected))


def test_similarities_in_a_cross_entropy_let_the_sphere_rotate():
    def loss(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        a, b = (h / h.square().sum(1, keepdim=True).sqrt() for h in (a, b))
        return F.cross_entropy(a @ b.T / 0.1, torch.arange(7))

    case = Case(lambda: Pair(loss), gaussian(4), "")
    model = case.model()
    symmetries = case.find(model)
    assert {"orthogonal", "scale_invariance"} >= {
        s.group for s in symmetries if s.group != "positive_scaling"
    }
    assert sum(s.dimension for s in symmetries) == 3 + 2
    assert_proved(symmetries, model, *case.data(7))


LEARNED = {
    "targets": lambda a, b: F.nll_loss(b.log_softmax(1), (a > 0).long().argmax(1)),
    "many targets": lambda a, b: F.nll_loss(b.log_softmax(1).view(7, 3, 1).expand(7, 3, 3), (a > 0).long()),
    "weights": lambda a, b: F.cross_entropy(b, CLASSES, weight=a[0].detach().exp()),
    "weights of entries": lambda a, b: F.binary_cross_entropy_with_logits(b, TARGET, a.detach().exp()),
    "margins": lambda a, b: F.multi_margin_loss(b, CLASSES, weight=a[0].detach().exp()),
    "entropy": lambda a, b: torch.xlogy(a, b.exp()).sum(),
    "entropy of a number": lambda a, b: torch.xlogy(2.0, b.exp() + a * a).sum(),
    "variances": lambda a, b: F.gaussian_nll_loss(a, TARGET, b.exp()),
}


@pytest.mark.filterwarnings("ignore:Pair does not run on fake tensors:UserWarning")
@pytest.mark.parametrize("loss", LEARNED.values(), ids=LEARNED)
def test_what_the_network_says_about_its_loss_is_no_constant(loss):
    case = Case(lambda: Pair(loss), gaussian(4), "")
    model = case.model()
    assert_proved(case.find(model), model, *case.data(7))
