"""The canonical representation hypothesis: six alignments of a linear layer, and which of them hold."""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from lightning_symmetry.functional._check import check
from lightning_symmetry.functional.representation.alignment import matrix_alignment, shuffled_alignment
from lightning_symmetry.functional.representation.layer_matrices import LayerMatrices

T = TypeVar("T")


class CanonicalAlignments(NamedTuple):
    """One number for each of the six relations.

    Attributes:
        forward_hg: of H and G of the outputs.
        forward_gz: of G of the outputs and W Wᵀ.
        forward_hz: of H of the outputs and W Wᵀ.
        backward_hg: of H and G of the inputs.
        backward_gz: of G of the inputs and WᵀW.
        backward_hz: of H of the inputs and WᵀW.
    """

    forward_hg: Tensor
    forward_gz: Tensor
    forward_hz: Tensor
    backward_hg: Tensor
    backward_gz: Tensor
    backward_hz: Tensor


def canonical_alignments(matrices: LayerMatrices) -> CanonicalAlignments:
    r"""Compute how far each relation of the canonical representation hypothesis holds.

    .. math:: H_b \propto G_b \propto W W^\top \ \text{(forward)}, \qquad
        H_a \propto G_a \propto W^\top W \ \text{(backward)}

    as :func:`~lightning_symmetry.functional.matrix_alignment` of each pair (arXiv 2410.03006).

    Args:
        matrices: those of a layer, from :func:`~lightning_symmetry.functional.layer_matrices` or
            :func:`~lightning_symmetry.functional.raw_layer_matrices`.

    Returns:
        Six tensors of shape ``...``. They are *not* 0 at initialisation: compare with the values there, and
        with :func:`shuffled_canonical_alignments`.

    Raises:
        ValueError: if a matrix is not real, or two of one side do not fit.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import LayerMatrices, canonical_alignments
        >>> gram = torch.diag(torch.tensor([3.0, 1.0]))
        >>> alignments = canonical_alignments(LayerMatrices(gram, gram, gram, gram, 2 * gram, torch.eye(2)))
        >>> alignments.forward_hg, alignments.forward_hz
        (tensor(1.), tensor(0.8165))
    """
    return CanonicalAlignments(*each_relation(matrix_alignment, matrix_alignment, matrices))


def shuffled_canonical_alignments(matrices: LayerMatrices) -> CanonicalAlignments:
    """Compute the alignments that are left when the features of one of two matrices are renamed at random.

    Args:
        matrices: as for :func:`canonical_alignments`.

    Returns:
        Six baselines of shape ``...``, see :func:`~lightning_symmetry.functional.shuffled_alignment`.

    Raises:
        ValueError: if a matrix is not real, or two of one side do not fit.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import LayerMatrices, shuffled_canonical_alignments
        >>> gram = torch.diag(torch.tensor([3.0, 1.0]))
        >>> matrices = LayerMatrices(gram, gram, gram, gram, 2 * gram, torch.eye(2))
        >>> shuffled_canonical_alignments(matrices).forward_hg
        tensor(0.6667)
    """
    return CanonicalAlignments(*each_relation(shuffled_alignment, shuffled_alignment, matrices))


def canonical_phase(alignments: CanonicalAlignments, threshold: float | Tensor = 0.7) -> Tensor:
    """Say which of the six relations hold; the 64 combinations are the phases (arXiv 2410.03006).

    Args:
        alignments: those of a layer.
        threshold: at least which alignment counts as holding: one number, or a tensor ``(..., 6)``, such as
            the values at initialisation, some of which lie above 0.7 already.

    Returns:
        Bool tensor ``(..., 6)``, in the order of the fields; false where an alignment is NaN.

    Raises:
        ValueError: if ``alignments`` are not six tensors.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import CanonicalAlignments, canonical_phase
        >>> canonical_phase(CanonicalAlignments(*torch.tensor([0.9, 0.8, 0.7, 0.4, 0.1, 0.75])))
        tensor([ True,  True,  True, False, False,  True])
    """
    kind = type(alignments).__name__
    check(isinstance(alignments, CanonicalAlignments), "alignments", "be CanonicalAlignments", kind)
    return torch.stack(list(alignments), dim=-1) >= threshold


def each_relation(
    forward: Callable[[Tensor, Tensor], T], backward: Callable[[Tensor, Tensor], T], matrices: LayerMatrices
) -> list[T]:
    """Measure the six pairs: first those of the outputs, then those of the inputs.

    Returns:
        Six values, in the order of the fields of :class:`CanonicalAlignments`.

    Raises:
        ValueError: if ``matrices`` are not those of a layer.
    """
    check(isinstance(matrices, LayerMatrices), "matrices", "be LayerMatrices", type(matrices).__name__)
    outputs = ((matrices.h_b, matrices.g_b), (matrices.g_b, matrices.z_b), (matrices.h_b, matrices.z_b))
    inputs = ((matrices.h_a, matrices.g_a), (matrices.g_a, matrices.z_a), (matrices.h_a, matrices.z_a))
    return [forward(*pair) for pair in outputs] + [backward(*pair) for pair in inputs]
