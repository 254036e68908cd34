"""What the logged quantities mean, in a sentence each, with the paper that they come from."""

from __future__ import annotations

from .quantity import Paper, Quantity
from .representations import REPRESENTATIONS

_PREFIX = "symmetry/"

BREAKING = Paper("2502.05300", "Ziyin et al.")
REMOVAL = Paper("2408.15495", "Ziyin et al.")
COLLAPSE = Paper("2306.04251", "Chen et al.")
CHARGES = Paper("2012.04728", "Kunin et al.")
ADDITION = Paper("2210.01212", "Ziyin and Wang")

_KNOWN = {
    "effective_rank": Quantity(
        "Effective rank",
        "How many directions the weights that write the hidden units use: the exponential of the entropy "
        "of their singular values. Falling rank is a collapse into a symmetric, less expressive state.",
        (BREAKING, REMOVAL),
    ),
    "participation_ratio": Quantity(
        "Participation ratio",
        "A stricter count of the directions in use, dominated by the largest singular values.",
        (BREAKING,),
    ),
    "dead_units": Quantity(
        "Dead units",
        "Hidden units smaller than a tenth of the largest of their layer. A dead unit is a symmetric "
        "state of the scaling or sign group, and of the exchange of dead units.",
        (COLLAPSE, REMOVAL),
    ),
    "distinct_units": Quantity(
        "Distinct units",
        "Living hidden units that differ from each other. Units that become equal restore the permutation "
        "symmetry between them: the network acts as a smaller one.",
        (BREAKING, COLLAPSE),
    ),
    "breaking_distance": Quantity(
        "Symmetry breaking distance",
        "How far the weights are from the states that the symmetry leaves unchanged. It grows when "
        "training breaks the symmetry and shrinks when training restores it.",
        (BREAKING,),
    ),
    "broken_share": Quantity(
        "Broken share",
        "The symmetry breaking distance as a share of all weights that the symmetry moves: one where the "
        "units have nothing in common, zero where they are all equal. No change of scale moves it.",
        (BREAKING,),
    ),
    "duplicate_units": Quantity(
        "Duplicate units",
        "Living hidden units that do what another one does already: merging them would change nothing.",
        (BREAKING, COLLAPSE),
    ),
    "unbroken": Quantity(
        "Unbroken permutations",
        "How much of the freedom to exchange units is left, on a logarithmic scale: zero where all units "
        "differ, one where none do. It grows as a symmetry is restored.",
        (BREAKING,),
    ),
    "stable_rank": Quantity(
        "Stable rank",
        "Squared Frobenius norm in units of the squared spectral norm: the strictest count of directions.",
        (BREAKING,),
    ),
    "numerical_rank": Quantity(
        "Numerical rank",
        "Directions with at least a hundredth of the largest singular value.",
        (BREAKING,),
    ),
    "effective_parameters": Quantity(
        "Effective parameters",
        "Parameters of the smaller network that computes the same: without duplicates, dead units and unused "
        "directions, and without the directions along which nothing changes.",
        (BREAKING,),
    ),
    "growth_rate": Quantity(
        "Growth rate",
        "How fast gradient descent moves the weights away from the symmetric state: above zero the symmetry "
        "is being broken, below zero it is being restored.",
        (BREAKING,),
    ),
    "orbit_leak": Quantity(
        "Orbit leak",
        "The slope of the loss along the directions that a symmetry says do not matter: zero up to rounding. "
        "Above that, something in training breaks the symmetry, such as a penalty inside the loss.",
        (CHARGES,),
    ),
    "collapse_risk": Quantity(
        "Collapse risk",
        "An early warning: the share of what is still broken that will be restored within another sixteen "
        "looks if it goes on like this. Zero unless the fall is significant and not slowing down.",
        (BREAKING, COLLAPSE),
    ),
    "stage": Quantity(
        "Stage of learning",
        "How many times the loss or an order parameter has jumped from one plateau to another.",
        (BREAKING,),
    ),
    "noether_imbalance": Quantity(
        "Noether imbalance",
        "How far incoming and outgoing weights are from balance. Gradient flow conserves the charge "
        "behind it; weight decay and gradient noise drive it towards zero.",
        (CHARGES, BREAKING),
    ),
    "charge_drift": Quantity(
        "Drift of the Noether charges",
        "How far the conserved charges have moved since the look before, as a share of what they could be.",
        (CHARGES,),
    ),
    "charge_drift_predicted": Quantity(
        "Drift that weight decay predicts",
        "How far weight decay alone would have moved the conserved charges since the look before.",
        (CHARGES,),
    ),
    "charge_drift_unexplained": Quantity(
        "Drift that weight decay does not explain",
        "How far the conserved charges are from where weight decay alone would have moved them. Gradient "
        "noise, large steps and adaptive optimizers do that.",
        (CHARGES,),
    ),
    "removal_strength": Quantity(
        "Strength of removal",
        "How strongly RemoveSymmetry breaks symmetries on purpose: the share of the offset that weights "
        "decay towards, zero while it is off.",
        (REMOVAL,),
    ),
    "addition_strength": Quantity(
        "Strength of addition",
        "How strongly AddSymmetry favours a structure: the share of the weight decay that the factors of a "
        "weight have, zero while it is off.",
        (ADDITION, BREAKING),
    ),
    **REPRESENTATIONS,
}


def quantity(key: str) -> Quantity:
    """Describe a logged key.

    Args:
        key: ``symmetry/<quantity>``, ``symmetry/<quantity>/<symmetry name>``, or any other key, which
            becomes a title itself.

    Returns:
        Title, meaning, papers and part.

    Example:
        >>> quantity("symmetry/effective_rank/model.2.permutation").part
        'model.2.permutation'
        >>> quantity("train_loss").title
        'Train loss'
    """
    name, _, part = key.removeprefix(_PREFIX).partition("/")
    if not key.startswith(_PREFIX) or name not in _KNOWN:
        words = key.replace("_", " ")
        return Quantity(words[:1].upper() + words[1:], "")
    known = _KNOWN[name]
    return Quantity(known.title, known.meaning, known.papers, part)
