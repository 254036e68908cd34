"""The polynomial alignment hypothesis: powers in place of the six proportions."""

from functools import partial

from lightning_symmetry.functional.representation.canonical import CanonicalAlignments, each_relation
from lightning_symmetry.functional.representation.layer_matrices import LayerMatrices
from lightning_symmetry.functional.representation.power_law import PowerLaw, spectral_power_law


def canonical_exponents(matrices: LayerMatrices, confidence: float = 0.95) -> dict[str, PowerLaw]:
    r"""Fit the power of each of the six relations of a layer.

    .. math:: H \propto G^\gamma, \qquad G \propto Z^\gamma, \qquad H \propto Z^\gamma

    The canonical representation hypothesis says γ = 1. Where it breaks, powers from -1 to 3 are predicted
    (arXiv 2410.03006).

    Args:
        matrices: those of a layer, from :func:`~lightning_symmetry.functional.layer_matrices` or
            :func:`~lightning_symmetry.functional.raw_layer_matrices`.
        confidence: of the intervals, between 0 and 1.

    Returns:
        A fit for every field of :class:`~lightning_symmetry.functional.CanonicalAlignments`, as
        :func:`~lightning_symmetry.functional.spectral_power_law` makes it.

    Raises:
        ValueError: if a matrix is not real and square, two of one side do not fit, or ``confidence`` is not
            between 0 and 1.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import LayerMatrices, canonical_exponents
        >>> z = torch.diag(torch.tensor([1.0, 2.0, 4.0, 8.0]))
        >>> laws = canonical_exponents(LayerMatrices(z, z, z, z @ z, z, z))
        >>> laws["forward_hg"].exponent, laws["backward_hg"].exponent
        (tensor(2.), tensor(1.))
    """
    fit = partial(spectral_power_law, confidence=confidence)
    return dict(zip(CanonicalAlignments._fields, each_relation(fit, fit, matrices), strict=True))
