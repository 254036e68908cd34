import pytest
import torch

from lightning_symmetry.functional import as_samples


def test_images_have_a_sample_a_position():
    images = torch.arange(2 * 3 * 4 * 5.0).reshape(2, 3, 4, 5)
    rows = as_samples(images, dim=1)
    expected = [images[b, :, h, w] for b in range(2) for h in range(4) for w in range(5)]
    assert torch.equal(rows, torch.stack(expected))
    assert torch.equal(as_samples(images, dim=-3), rows)


def test_padding_is_left_out_of_ragged_sequences():
    sequences = [
        torch.randn(length, 3, generator=torch.Generator().manual_seed(length)) for length in (4, 1, 2)
    ]
    padded = torch.nn.utils.rnn.pad_sequence(sequences, batch_first=True, padding_value=torch.nan)
    mask = torch.arange(4) < torch.tensor([[4], [1], [2]])
    assert torch.equal(as_samples(padded, mask=mask), torch.cat(sequences))
    channels_first = padded.movedim(-1, 1)
    assert torch.equal(as_samples(channels_first, dim=1, mask=mask), torch.cat(sequences))


def test_rows_stay_what_they_are():
    rows = torch.ones(4, 3, dtype=torch.bfloat16)
    assert as_samples(rows) is not None and torch.equal(as_samples(rows), rows)
    assert as_samples(rows).dtype == torch.bfloat16
    assert as_samples(rows, mask=torch.zeros(4, dtype=torch.bool)).shape == (0, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[1.0]],), "`features` must be a tensor, got 'list'"),
        (
            (torch.ones(2, 3, dtype=torch.int64),),
            "`features` must be real and floating-point, got torch.int64",
        ),
        ((torch.ones(3),), r"`features` must have at least two dimensions, got \(3,\)"),
        ((torch.ones(2, 3), 2), r"`dim` must be a dimension of \(2, 3\), got 2"),
        ((torch.ones(2, 3), -1, torch.ones(2)), "`mask` must be boolean, got torch.float32"),
        (
            (torch.ones(2, 3), -1, torch.ones(3, dtype=torch.bool)),
            r"`mask` must have shape \(2,\), got \(3,\)",
        ),
    ],
)
def test_wrong_layouts_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        as_samples(*arguments)
