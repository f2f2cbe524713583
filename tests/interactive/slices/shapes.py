"""Balls, and slices of them."""

import numpy as np


def ball(shape=(25, 40, 40), radius=10.0, centre=None, spacing=(1.0, 1.0, 1.0)):
    middle = np.array(centre if centre is not None else [(n - 1) / 2 for n in shape])
    away = [((np.arange(n) - c) * s) ** 2 for n, c, s in zip(shape, middle, spacing, strict=True)]
    return (away[0][:, None, None] + away[1][:, None] + away[2] <= radius**2).astype(np.uint8)


def drawn_only(labels, slices, axis=0):
    sparse = np.zeros_like(labels)
    np.moveaxis(sparse, axis, 0)[slices] = np.moveaxis(labels, axis, 0)[slices]
    return sparse


def dice(a, b):
    return 2 * np.count_nonzero((a > 0) & (b > 0) & (a == b)) / (np.count_nonzero(a) + np.count_nonzero(b))


def picture_of(labels, seed=0):
    noise = np.random.default_rng(seed).normal(0, 0.15, labels.shape)
    return (labels > 0) * 1.0 + labels * 0.5 + noise
