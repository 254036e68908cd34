"""How far vectors are from a simplex equiangular tight frame."""

import torch
from torch import Tensor

from lightning_symmetry.functional._finite import ratio
from lightning_symmetry.functional._gram import inner_products
from lightning_symmetry.functional._norm import frobenius_norm


def simplex(vectors: Tensor, present: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Compare lengths, angles and inner products with those of a simplex.

    Args:
        vectors: tensor ``(..., K, d)``, zero where absent.
        present: which of them there are, boolean ``(..., K)``; the results mean something from two on.

    Returns:
        Coefficient of variation of the lengths, mean absolute difference of the cosines from −1/(K − 1), and
        distance of the Gram matrices, both of Frobenius norm one.
    """
    there = present.to(vectors.dtype)
    number = there.sum(dim=-1)
    lengths = torch.linalg.vector_norm(vectors, dim=-1)
    mean = lengths.sum(dim=-1) / number
    variance = (there * (lengths - mean.unsqueeze(-1)).square()).sum(dim=-1) / number
    units = ratio(vectors, lengths.unsqueeze(-1).expand_as(vectors))
    pairs = there.unsqueeze(-1) * there.unsqueeze(-2)
    others = pairs - torch.diag_embed(there)
    between = inner_products(units, units) + 1 / (number - 1)[..., None, None]
    angles = (others * between).abs().sum(dim=(-2, -1)) / (number * (number - 1))
    gram = inner_products(vectors, vectors)
    ideal = torch.diag_embed(there) - pairs / number[..., None, None]
    ideal = ideal / (number - 1).sqrt()[..., None, None]
    norm = frobenius_norm(gram)[..., None, None].expand_as(gram)
    return ratio(variance.sqrt(), mean), angles, frobenius_norm(ratio(gram, norm) - ideal)
