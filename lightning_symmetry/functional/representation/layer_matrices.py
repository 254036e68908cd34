"""What a linear layer is compared by: covariances of what it reads and writes, of gradients, and weights."""

from typing import NamedTuple

from torch import Tensor

from lightning_symmetry.functional._check import check
from lightning_symmetry.functional._gram import inner_products
from lightning_symmetry.functional._legs import as_rows
from lightning_symmetry.functional.representation.moments import moments
from lightning_symmetry.functional.representation.normalised_samples import normalised_samples


class LayerMatrices(NamedTuple):
    r"""The six matrices of a layer :math:`h_b = W h_a`, each up to a factor.

    Attributes:
        h_a: H of the inputs, tensor ``(..., k_a, k_a)``.
        g_a: G, of the gradients of the loss with respect to the inputs.
        z_a: :math:`W^\top W`.
        h_b: H of the outputs, tensor ``(..., k_b, k_b)``.
        g_b: G of the outputs.
        z_b: :math:`W W^\top`.
    """

    h_a: Tensor
    g_a: Tensor
    z_a: Tensor
    h_b: Tensor
    g_b: Tensor
    z_b: Tensor


def layer_matrices(
    inputs: Tensor,
    input_gradients: Tensor,
    outputs: Tensor,
    output_gradients: Tensor,
    weight: Tensor,
    mask: Tensor | None = None,
) -> LayerMatrices:
    r"""Compute the matrices of a layer from samples that are normalised and centred.

    .. math:: H = \operatorname{cov}\Bigl(\frac{h}{\lVert h \rVert}\Bigr), \qquad
        G = \operatorname{cov}\Bigl(\frac{g}{\lVert g \rVert}\Bigr), \qquad g = \frac{\partial L}{\partial h}

    As in the experiments of arXiv 2410.03006. No sample counts more than another, so the gradients may be
    those of a mean or of a sum.

    Args:
        inputs: h_a, tensor ``(..., n, k_a)``.
        input_gradients: their gradients, of the same shape: of everything that reads them, or
            ``output_gradients @ weight`` for this layer alone.
        outputs: h_b, before the activation function, tensor ``(..., n, k_b)``.
        output_gradients: their gradients, of the same shape.
        weight: W, tensor ``(..., k_b, k_a)``.
        mask: bool tensor ``(..., n)``, false for samples that are padding.

    Returns:
        The matrices, float32 or better.

    Raises:
        ValueError: if a tensor is not real, or two do not fit.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import layer_matrices
        >>> layer, inputs = torch.nn.Linear(3, 2), torch.randn(16, 3, requires_grad=True)
        >>> outputs = layer(inputs)
        >>> gradients = torch.autograd.grad(outputs.square().sum(), [inputs, outputs])
        >>> layer_matrices(inputs, gradients[0], outputs, gradients[1], layer.weight).h_b.shape
        torch.Size([2, 2])
    """
    samples = checked_samples(inputs, input_gradients, outputs, output_gradients, weight)
    h_a, g_a, h_b, g_b = (moments(normalised_samples(rows), mask).covariance() for rows in samples)
    return LayerMatrices(h_a, g_a, _gram(weight.mT), h_b, g_b, _gram(weight))


def raw_layer_matrices(
    inputs: Tensor,
    input_gradients: Tensor,
    outputs: Tensor,
    output_gradients: Tensor,
    weight: Tensor,
    mask: Tensor | None = None,
) -> LayerMatrices:
    r"""Compute the matrices of a layer as the theory has them, from raw moments.

    .. math:: H = \mathbb E[h h^\top], \qquad G = \mathbb E[g g^\top]

    The theorems of arXiv 2410.03006 are about these; samples of large norm dominate them.

    Args:
        inputs: as for :func:`layer_matrices`.
        input_gradients: as for :func:`layer_matrices`.
        outputs: as for :func:`layer_matrices`.
        output_gradients: as for :func:`layer_matrices`.
        weight: as for :func:`layer_matrices`.
        mask: as for :func:`layer_matrices`.

    Returns:
        The matrices, float32 or better. Squares of gradients below 1e-19 are lost in float32.

    Raises:
        ValueError: if a tensor is not real, or two do not fit.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import raw_layer_matrices
        >>> one = torch.tensor([[3.0]])
        >>> raw_layer_matrices(one, one, 2 * one, one / 2, torch.tensor([[2.0]])).h_b
        tensor([[36.]])
    """
    samples = checked_samples(inputs, input_gradients, outputs, output_gradients, weight)
    h_a, g_a, h_b, g_b = (moments(rows, mask).second_moment() for rows in samples)
    return LayerMatrices(h_a, g_a, _gram(weight.mT), h_b, g_b, _gram(weight))


def checked_samples(
    inputs: Tensor, input_gradients: Tensor, outputs: Tensor, output_gradients: Tensor, weight: Tensor
) -> list[Tensor]:
    """Check that samples are those of one layer.

    Returns:
        The four tensors of samples, float32 or better.

    Raises:
        ValueError: if a tensor is not real, or two do not fit.
    """
    given = {
        "inputs": inputs,
        "input_gradients": input_gradients,
        "outputs": outputs,
        "output_gradients": output_gradients,
    }
    rows = [as_rows(tensor, name) for name, tensor in given.items()]
    copies, count, width = rows[0].shape[:-2], rows[0].shape[-2], rows[0].shape[-1]
    wide = as_rows(weight, "weight").shape
    check(wide[-1] == width, "weight", f"have {width} columns, one an input", tuple(wide))
    shapes = [rows[0].shape, rows[0].shape, *[(*copies, count, wide[-2])] * 2]
    for name, tensor, shape in zip(given, rows, shapes, strict=True):
        check(tensor.shape == shape, name, f"have shape {tuple(shape)}", tuple(tensor.shape))
    return rows


def _gram(rows: Tensor) -> Tensor:
    wide = as_rows(rows, "weight")
    return inner_products(wide, wide)
