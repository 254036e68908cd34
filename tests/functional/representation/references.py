"""Universality measures as they are defined: kernels of n x n, in NumPy."""

import numpy as np


def centring(n):
    return np.eye(n) - 1 / n


def hsic(k, l):  # noqa: E741
    h = centring(len(k))
    return np.trace(k @ h @ l @ h)


def hsic_1(k, l):  # noqa: E741
    n = len(k)
    k, l = (kernel - np.diag(np.diag(kernel)) for kernel in (k, l))  # noqa: E741
    one = np.ones(n)
    last = 2 / (n - 2) * one @ k @ l @ one
    return (np.trace(k @ l) + (one @ k @ one) * (one @ l @ one) / ((n - 1) * (n - 2)) - last) / (n * (n - 3))


def alignment(criterion, k, l):  # noqa: E741
    return criterion(k, l) / np.sqrt(criterion(k, k) * criterion(l, l))


def rbf_kernel(x, fraction):
    distances = np.linalg.norm(x[:, None] - x[None], axis=-1)
    pairs = np.sort(distances[np.triu_indices(len(x), 1)])
    return np.exp(-(distances**2) / (2 * (fraction * pairs[(len(pairs) - 1) // 2]) ** 2))


def linear_cka(a, b):
    return alignment(hsic, a @ a.T, b @ b.T)


def unbiased_linear_cka(a, b):
    return alignment(hsic_1, a @ a.T, b @ b.T)


def unbiased_rbf_cka(a, b, fraction=0.8):
    return alignment(hsic_1, rbf_kernel(a, fraction), rbf_kernel(b, fraction))


def mutual_nearest_neighbours(a, b, neighbours):
    found = []
    for x in (a, b):
        x = x / np.linalg.norm(x, axis=1, keepdims=True)
        similarity = x @ x.T
        np.fill_diagonal(similarity, -np.inf)
        found.append(np.argsort(-similarity, axis=1)[:, :neighbours])
    return np.mean([len(set(one) & set(other)) / neighbours for one, other in zip(*found, strict=True)])


def procrustes_similarity(a, b):
    width = max(a.shape[1], b.shape[1])
    a, b = (np.pad(centring(len(x)) @ x, ((0, 0), (0, width - x.shape[1]))) for x in (a, b))
    u, _, vt = np.linalg.svd(a.T @ b)
    return np.sum((a / np.linalg.norm(a)) @ (u @ vt) * (b / np.linalg.norm(b)))


def procrustes_distance(a, b):
    return np.arccos(min(1, procrustes_similarity(a, b)))


def inner_product_correlation(a, b):
    pairs = ~np.eye(len(a), dtype=bool)
    return np.corrcoef((a @ a.T)[pairs], (b @ b.T)[pairs])[0, 1]


def inner_product_error(a, b):
    pairs = ~np.eye(len(a), dtype=bool)
    one, other = (a @ a.T)[pairs], (b @ b.T)[pairs]
    scale = max(0, one @ other / (one @ one))
    return np.linalg.norm(scale * one - other) / np.linalg.norm(other)
