"""The random walker: against scikit-image and direct solvers, on phantoms; its multigrid against the whole system."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage, sparse
from scipy.sparse.linalg import spsolve
from skimage.segmentation import random_walker as peer

from septum.errors import Cancelled, ConfigError, GeometryError
from septum.interactive.marks.walker import random_walker, walker_probabilities
from septum.interactive.tool import UNMARKED, Box


def scenery(shape: tuple[int, ...], seed: int = 0, labels: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """A smooth image with noise, and two seeds of each label."""
    rng = np.random.default_rng(seed)
    image = ndimage.gaussian_filter(rng.standard_normal(shape), 1.5) + rng.normal(0, 0.02, shape)
    seeds = np.full(shape, UNMARKED, np.int32)
    seeds.flat[rng.choice(image.size, 2 * labels, replace=False)] = np.arange(2 * labels) % labels
    return image, seeds


def islands(shape: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Blocks of 5 voxels of two intensities, as different as can be, in noise; three strokes."""
    rng = np.random.default_rng(1)
    coarse = rng.integers(0, 2, [-(-n // 5) for n in shape])
    image = np.kron(coarse, np.ones((5, 5, 5)))[tuple(slice(n) for n in shape)] + rng.normal(0, 0.03, shape)
    seeds = np.full(shape, UNMARKED, np.int32)
    for label, place in enumerate(rng.integers(5, min(shape) - 5, (3, 3))):
        seeds[place[0], place[1], place[2] - 4 : place[2] + 4] = label
    return image, seeds


def directly(image: np.ndarray, seeds: np.ndarray, beta: float, spacing: tuple[float, ...]) -> np.ndarray:
    """Probabilities of each label by a sparse LU in float64, from the definition (Grady 2006, eq. 3 and 10)."""
    low, high = np.percentile(image, (0.5, 99.5))
    grey = (image - low) / (high - low)
    node = np.arange(image.size).reshape(image.shape)
    system = sparse.lil_array((image.size, image.size))
    for axis in range(image.ndim):
        near, far = (np.moveaxis(node, axis, 0)[cut].ravel() for cut in (slice(None, -1), slice(1, None)))
        for a, b in zip(near, far, strict=True):
            weight = max(np.exp(-beta * (grey.flat[a] - grey.flat[b]) ** 2), 1e-5) * (min(spacing) / spacing[axis]) ** 2
            system[a, b] = system[b, a] = -weight
            system[a, a] += weight
            system[b, b] += weight
    flat = seeds.ravel()
    free = np.flatnonzero(flat < 0)
    held = np.flatnonzero(flat >= 0)
    whole = system.tocsc()
    found = []
    for label in np.unique(flat[held]):
        x = np.zeros(flat.size)
        x[held] = flat[held] == label
        x[free] = spsolve(whole[free][:, free], -(whole[free][:, held] @ x[held]))
        found.append(x.reshape(image.shape))
    return np.array(found)


@pytest.mark.parametrize(
    ("shape", "spacing", "beta"),
    [((19, 23), (2.0, 1.0), 300.0), ((7, 11, 9), (3.0, 1.0, 1.5), 300.0), ((7, 11, 9), (1.0, 1.0, 1.0), 20.0)],
)
def test_probabilities_are_those_of_a_direct_solution(shape, spacing, beta) -> None:
    image, seeds = scenery(shape)
    found, values = walker_probabilities(image, seeds=seeds, spacing=spacing, beta=beta, tolerance=1e-6)
    assert values == (0, 1, 2)
    np.testing.assert_allclose(found, directly(image, seeds, beta, spacing), atol=2e-4)


def test_labels_are_those_of_scikit_image() -> None:
    image, seeds = scenery((24, 30, 20), labels=2)
    image = ndimage.gaussian_filter(image, 1)
    image /= np.subtract(*np.percentile(image, (99.5, 0.5)))
    # scikit-image divides beta by ten standard deviations, and shifts its weights by 1e-10
    beta = 300.0 * 10 * image.std()
    expected = peer(image, seeds + 1, beta=beta, mode="cg_j", tol=1e-6) - 1
    found = random_walker(image, np.zeros(image.shape, np.uint8), seeds=seeds, tolerance=1e-5).labels
    assert np.mean(found == expected) > 0.999


def test_a_noisy_ball_behind_its_border_comes_back_in_millimetres() -> None:
    spacing = (2.0, 1.0, 1.0)
    z, y, x = np.indices((16, 40, 40))
    ball = (2.0 * (z - 8)) ** 2 + (y - 20.0) ** 2 + (x - 20.0) ** 2 <= 12.0**2
    image = 100.0 * ball + np.random.default_rng(0).normal(0, 10, ball.shape)
    seeds = np.full(ball.shape, UNMARKED, np.int32)
    seeds[8, 20, 16:24], seeds[0, 0, :] = 1, 0
    found = random_walker(image, np.zeros(ball.shape, np.uint8), seeds=seeds, spacing=spacing).labels > 0
    assert 2 * np.sum(found & ball) / (found.sum() + ball.sum()) > 0.98


@settings(max_examples=15, deadline=None)
@given(st.permutations([0, 1, 2]), st.floats(0.1, 50), st.floats(-100, 100))
def test_axes_and_scale_of_the_intensities_do_not_matter(order: list[int], factor: float, shift: float) -> None:
    image, seeds = scenery((6, 9, 8))
    spacing = (2.0, 1.0, 1.5)
    plain, _ = walker_probabilities(image, seeds=seeds, spacing=spacing, tolerance=1e-6)
    turned, _ = walker_probabilities(
        (image * factor + shift).transpose(order),
        seeds=seeds.transpose(order),
        spacing=[spacing[axis] for axis in order],
        tolerance=1e-6,
    )
    np.testing.assert_allclose(turned, plain.transpose(0, *(axis + 1 for axis in order)), atol=2e-3)


@given(st.integers(0, 10**6), st.sampled_from([(1, 17), (12, 13), (1, 1, 9), (5, 6, 7)]))
@settings(max_examples=25, deadline=None)
def test_probabilities_are_shares_of_one(seed: int, shape: tuple[int, ...]) -> None:
    image, seeds = scenery(shape, seed)
    prob, _ = walker_probabilities(image, seeds=seeds)
    assert prob.min() >= 0
    np.testing.assert_allclose(prob.sum(axis=0), 1, atol=1e-3)
    for index in range(3):
        assert (prob[index][seeds == index] == 1).all()


def test_islands_behind_strong_edges_cost_no_more_steps() -> None:
    image, seeds = islands((60, 50, 55))
    asked = 0

    def count() -> bool:
        nonlocal asked
        asked += 1
        return False

    found = random_walker(image, np.zeros(image.shape, np.uint8), seeds=seeds, cancelled=count).labels
    assert asked <= 2 * 20  # two systems; conjugate gradients alone take several hundred steps each
    loose, tight = found, random_walker(image, np.zeros(image.shape, np.uint8), seeds=seeds, tolerance=1e-6).labels
    assert np.mean(loose == tight) > 0.99


def test_where_everything_is_marked_nothing_is_solved() -> None:
    seeds = np.array([[0, 0, 3, 3]])
    assert random_walker([[1, 2, 3, 4]], np.zeros((1, 4), np.uint8), seeds=seeds).labels.tolist() == seeds.tolist()


def test_a_constant_image_is_shared_by_distance() -> None:
    seeds = np.full((1, 9), UNMARKED, np.int32)
    seeds[0, 0], seeds[0, 8] = 4, 2
    found = random_walker(np.full((1, 9), 7.0), np.zeros((1, 9), np.uint8), seeds=seeds)
    assert found.labels[0, :4].tolist() == [4] * 4
    assert found.labels[0, 5:].tolist() == [2] * 4


def test_only_the_region_is_seen_and_changed() -> None:
    image, seeds = scenery((20, 20), labels=2)
    box = Box((4, 5), (16, 18))
    seeds[6, 7], seeds[14, 15] = 0, 1
    found = random_walker(image, np.zeros((20, 20), np.uint8), seeds=seeds, region=box)
    alone = random_walker(image[4:16, 5:18], np.zeros((12, 13), np.uint8), seeds=seeds[4:16, 5:18])
    assert found.box == box
    assert (found.labels == alone.labels).all()


def test_it_stops_when_it_is_told_to() -> None:
    image, seeds = scenery((20, 20))
    with pytest.raises(Cancelled):
        random_walker(image, np.zeros((20, 20), np.uint8), seeds=seeds, cancelled=lambda: True)


@pytest.mark.parametrize(
    ("changed", "error", "what"),
    [
        ({"beta": 0.0}, ConfigError, "beta"),
        ({"tolerance": -1.0}, ConfigError, "tolerance"),
        ({"seeds": np.full((20, 20), UNMARKED)}, ConfigError, "seeds"),
        ({"seeds": np.where(np.eye(20) > 0, 1, UNMARKED)}, ConfigError, "seeds"),
        ({"seeds": np.arange(400).reshape(20, 20)}, ConfigError, "32 labels"),
        ({"seeds": np.zeros((3, 3), int)}, GeometryError, "seeds"),
        ({"spacing": (1.0, -1.0)}, GeometryError, "spacing"),
    ],
)
def test_bad_input_is_refused(changed, error, what: str) -> None:
    image, seeds = scenery((20, 20))
    with pytest.raises(error, match=what):
        random_walker(image, np.zeros((20, 20), np.uint8), **{"seeds": seeds, **changed})
