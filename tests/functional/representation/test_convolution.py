import pytest
import torch
from torch import nn

from lightning_symmetry.functional import convolution_samples, layer_matrices

CASES = {
    "plain": (nn.Conv2d(3, 4, 3), (9, 8)),
    "strided": (nn.Conv2d(3, 4, (3, 2), stride=(2, 1), padding=(1, 2)), (9, 8)),
    "dilated": (nn.Conv2d(2, 4, 3, dilation=(2, 1), padding=2), (9, 8)),
    "grouped": (nn.Conv2d(4, 6, 3, groups=2, padding="same"), (5, 5)),
    "even": (nn.Conv2d(2, 3, (4, 2), padding="same", dilation=(1, 3)), (9, 8)),
    "depthwise": (nn.Conv2d(4, 8, 3, groups=4), (5, 5)),
    "reflected": (nn.Conv2d(2, 3, 3, padding=1, padding_mode="reflect"), (5, 5)),
    "circular": (nn.Conv1d(2, 3, 3, padding=1, padding_mode="circular", stride=2), (9,)),
    "a line": (nn.Conv1d(4, 2, 5, padding="valid", groups=2), (9,)),
    "a volume": (nn.Conv3d(2, 3, 2, stride=2), (4, 5, 6)),
}
# torch copies the images for it, and says so
pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning")

every_case = pytest.mark.parametrize("case", CASES)


def run(case):
    layer, size = CASES[case]
    layer = layer.double()
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(
        2, layer.in_channels, *size, generator=generator, dtype=torch.float64
    ).requires_grad_()
    outputs = layer(images)
    gradients = torch.autograd.grad(outputs.sin().sum(), [images, outputs])
    names = ("stride", "padding", "dilation", "groups", "padding_mode")
    return layer, outputs, gradients, images, {name: getattr(layer, name) for name in names}


@every_case
def test_patches_times_weights_are_the_outputs(case):
    layer, outputs, gradients, images, options = run(case)
    samples = convolution_samples(images, outputs, gradients[1], layer.weight, **options)
    bias = layer.bias.view(layer.groups, 1, -1)
    torch.testing.assert_close(samples.inputs @ samples.weight.mT + bias, samples.outputs)
    places = outputs[0, 0].numel()
    assert samples.outputs.shape == (layer.groups, 2 * places, layer.out_channels // layer.groups)
    expected = outputs.flatten(start_dim=2).movedim(1, -1).flatten(end_dim=1)
    torch.testing.assert_close(samples.outputs.movedim(0, 1).flatten(start_dim=1), expected)


def test_gradients_of_patches_add_up_to_those_of_the_pixels():
    layer, outputs, gradients, images, options = run("plain")
    samples = convolution_samples(images, outputs, gradients[1], layer.weight, **options)
    patches = samples.input_gradients.view(2, -1, samples.inputs.shape[-1]).mT
    torch.testing.assert_close(nn.functional.fold(patches, (9, 8), 3), gradients[0])


def test_a_pointwise_convolution_is_the_linear_layer():
    generator = torch.Generator().manual_seed(0)
    images, weight = (
        torch.randn(2, 3, 4, 4, generator=generator),
        torch.randn(5, 3, 1, 1, generator=generator),
    )
    outputs = nn.functional.conv2d(images, weight)
    rows = [t.movedim(1, -1).flatten(end_dim=-2) for t in (images, outputs)]
    matrix = weight.flatten(start_dim=1)
    expected = layer_matrices(rows[0], rows[1] @ matrix, rows[1], rows[1], matrix)
    found = layer_matrices(*convolution_samples(images, outputs, outputs, weight))
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one[0], other)


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((2, 3, 4, 4), (5, 3), (2, 5, 2, 2)), "`weight` must have one to three dimensions of space"),
        (((3, 4, 4), (5, 3, 3, 3), (2, 5, 2, 2)), "`inputs` must have 4 dimensions"),
        (((2, 2, 4, 4), (5, 3, 3, 3), (2, 5, 2, 2)), "`inputs` must have 3 channels"),
        (((2, 3, 4, 4), (5, 3, 3, 3), (2, 5, 4, 4)), r"`outputs` must have shape \(2, 5, 2, 2\)"),
    ],
)
def test_shapes_that_do_not_fit_are_named(shapes, message):
    images, weight, outputs = (torch.ones(shape) for shape in shapes)
    with pytest.raises(ValueError, match=message):
        convolution_samples(images, outputs, outputs, weight)
