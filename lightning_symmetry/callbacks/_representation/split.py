"""Samples of tensors that tensor parallelism splits: each process takes its part, and waits for nobody."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from torch import Tensor

from ...metrics._model.whole_values import is_sharded


def sampled(tensor: Tensor, sample: Callable[[Tensor], Tensor]) -> Tensor:
    """Take samples of features that are the last dimension.

    Args:
        tensor: ``(..., features)``, plain or a ``DTensor`` for which :func:`is_even` holds.
        sample: Makes ``(n, features)`` of a plain tensor; of parts of one shape, as many.

    Returns:
        ``(n, features)``, split as the tensor is.
    """
    if not is_sharded(tensor):
        return sample(tensor)
    # imported late because builds of torch without distributed support lack the module
    from torch.distributed.tensor import DTensor, Shard

    assert isinstance(tensor, DTensor)
    rows, features = sample(tensor.to_local()), tensor.shape[-1]
    placements, count = list(tensor.placements), len(rows)
    for mesh_dim, dim in _splits(tensor):
        is_of_features = dim == tensor.ndim - 1
        placements[mesh_dim] = Shard(1 if is_of_features else 0)
        count *= 1 if is_of_features else tensor.device_mesh.size(mesh_dim)
    return DTensor.from_local(
        rows,
        tensor.device_mesh,
        placements,
        run_check=False,
        shape=rows.new_empty((count, features), device="meta").shape,
        stride=(features, 1),
    )


def has_all_rows(tensor: Tensor) -> bool:
    """Say whether a process holds something of every row.

    Args:
        tensor: ``(..., features)``, plain or a ``DTensor``.

    Returns:
        False where the processes have different ones, as in sequence parallelism.
    """
    return all(dim == tensor.ndim - 1 for _, dim in _splits(tensor))


def is_even(tensor: Tensor) -> bool:
    """Say whether all processes hold as many rows.

    Args:
        tensor: ``(..., features)``, plain or a ``DTensor``.

    Returns:
        False if one has fewer.
    """
    return all(
        dim == tensor.ndim - 1 or tensor.shape[dim] % tensor.device_mesh.size(mesh_dim) == 0  # type: ignore[attr-defined]
        for mesh_dim, dim in _splits(tensor)
    )


def _splits(tensor: Tensor) -> Iterator[tuple[int, int]]:
    """The dimensions of the mesh that split a tensor, each with the dimension that it splits."""
    for mesh_dim, placement in enumerate(getattr(tensor, "placements", ())):
        if placement.is_shard():
            yield mesh_dim, placement.dim % tensor.ndim
