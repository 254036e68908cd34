"""Every metric of features over batches, a stream to feed it, and the function that sees all at once."""

import torch

from lightning_symmetry import functional as F
from lightning_symmetry import metrics as M

CLASSES, SIZE, NUMBER = 3, 5, 40


def normal(*shape, seed):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# Far from zero, as after a ReLU, and with padding: samples without a class.
LABELS = torch.arange(NUMBER) % (CLASSES + 1)
LABELS[LABELS == CLASSES] = -100
FEATURES = 30 + normal(CLASSES + 1, SIZE, seed=0)[LABELS.clamp(min=-1)] + 0.3 * normal(NUMBER, SIZE, seed=1)
HIDDEN = FEATURES.relu() @ normal(SIZE, 2, seed=2)
WEIGHT = normal(CLASSES, SIZE, seed=3)
DECISIONS = torch.where(LABELS < 0, -1, (FEATURES @ WEIGHT.mT).argmax(dim=-1))
MOMENTS = F.class_moments(FEATURES, LABELS, CLASSES)


def collapse():
    found = F.neural_collapse(FEATURES.double(), LABELS, CLASSES, WEIGHT.double())
    return {name: value for name, value in found._asdict().items() if name != "nc4"}


def separation():
    found = F.separability(FEATURES.double(), LABELS, CLASSES)
    return {"fisher_ratio": found.fisher_ratio, "discriminant_ratio": found.discriminant_ratio}


# A metric, what one update takes of samples in a slice, and its value for all of them.
CASES = {
    "NeuralCollapse": (
        lambda: M.NeuralCollapse(CLASSES, SIZE),
        lambda part: (FEATURES[part], LABELS[part], WEIGHT),
        collapse,
    ),
    "Separability": (
        lambda: M.Separability(CLASSES, SIZE),
        lambda part: (FEATURES[part], LABELS[part]),
        separation,
    ),
    "NearestCentreDisagreement": (
        M.NearestCentreDisagreement,
        lambda part: (FEATURES[part], DECISIONS[part], MOMENTS.means),
        lambda: F.neural_collapse(FEATURES.double(), LABELS, CLASSES, WEIGHT.double()).nc4,
    ),
    "NearestCentreAccuracy": (
        M.NearestCentreAccuracy,
        lambda part: (FEATURES[part], LABELS[part], MOMENTS.means, MOMENTS.counts),
        lambda: F.separability(FEATURES.double(), LABELS, CLASSES).accuracy,
    ),
    "RankMe": (
        lambda: M.RankMe(SIZE),
        lambda part: (FEATURES[part],),
        lambda: F.rankme(FEATURES.double()),
    ),
    "FeatureRanks": (
        lambda: M.FeatureRanks(SIZE),
        lambda part: (FEATURES[part],),
        lambda: F.feature_ranks(FEATURES.double())._asdict(),
    ),
    "DormantUnits": (
        lambda: M.DormantUnits(SIZE, threshold=1.0),
        lambda part: (FEATURES[part],),
        lambda: F.dormant_units(FEATURES.double(), 1.0),
    ),
    "DepthProfile": (
        lambda: M.DepthProfile({"first.0": SIZE, "last": 2}),
        lambda part: ({"first.0": FEATURES[part], "last": HIDDEN[part]},),
        lambda: {
            "first.0": F.feature_ranks(FEATURES.double()).effective_rank,
            "last": F.feature_ranks(HIDDEN.double()).effective_rank,
        },
    ),
}
