"""What the quantities of representations mean, in a sentence each."""

from __future__ import annotations

from .quantity import Paper, Quantity

ALIGNMENT = Paper("2410.03006", "Ziyin et al.")
RANKS = Paper("2210.02885", "Garrido et al.")
DORMANT = Paper("2302.12902", "Sokar et al.")
COLLAPSE = Paper("2008.08186", "Papyan et al.")
SYMMETRY = Paper("2502.05300", "Ziyin et al.")

_SIDES = {"forward": "what a layer puts out", "backward": "what a layer reads"}
_PAIRS = {
    "hg": "the features and the gradient",
    "gz": "the gradient and the weights",
    "hz": "the features and the weights",
}

REPRESENTATIONS = {
    f"alignment_{side}_{pair}": Quantity(
        f"Alignment, {side} {pair.upper()}",
        f"How far {both} agree in {where}. It is not zero at random weights: compare with the first value.",
        (ALIGNMENT,),
    )
    for side, where in _SIDES.items()
    for pair, both in _PAIRS.items()
} | {
    "canonical_relations": Quantity(
        "Canonical relations",
        "How many of the six alignments of a layer hold: all six are the canonical representation.",
        (ALIGNMENT,),
    ),
    "feature_rank": Quantity(
        "Rank of features",
        "How many directions the features of a layer use. Over depth it rises, falls and stays.",
        (SYMMETRY,),
    ),
    "rankme": Quantity(
        "RankMe", "The smooth rank of the features, by which representations are compared.", (RANKS,)
    ),
    "dormant_share": Quantity(
        "Dormant units",
        "Units that hardly ever respond: the layer learns as if it were narrower.",
        (DORMANT,),
    ),
    "nc1": Quantity(
        "Neural collapse 1",
        "Variability within classes against that between them: zero where all features of a class coincide.",
        (COLLAPSE,),
    ),
    "nc3": Quantity(
        "Neural collapse 3",
        "How far the classifier is from the class means that it reads: zero where they coincide.",
        (COLLAPSE,),
    ),
    "nc4": Quantity(
        "Neural collapse 4",
        "Share of samples that the network classifies otherwise than by the nearest class mean.",
        (COLLAPSE,),
    ),
    "cka": Quantity(
        "Kernel alignment",
        "How far two networks agree on which samples are alike: one where they do up to a rotation.",
        (SYMMETRY,),
    ),
}
