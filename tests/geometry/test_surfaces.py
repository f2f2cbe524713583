"""Surfaces lie where the labels lie, in millimetres, closed, and no larger than a page can show."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from septum.errors import GeometryError
from septum.geometry.surfaces import label_meshes

OBLIQUE = np.array([[0.0, 0.6, 0.8, -3.0], [0.0, -0.8, 0.6, 7.0], [2.0, 0.0, 0.0, 11.0], [0, 0, 0, 1]])


def ball(shape: tuple[int, int, int], spacing: tuple[float, float, float], radius: float) -> np.ndarray:
    middle = [(n - 1) / 2 * s for n, s in zip(shape, spacing, strict=True)]
    places = np.indices(shape)
    squared = sum((places[a] * spacing[a] - middle[a]) ** 2 for a in range(3))
    return (squared <= radius**2).astype(np.uint8)


def test_a_ball_is_a_ball_in_millimetres_wherever_its_grid_lies() -> None:
    labels = 7 * ball((20, 40, 44), (2.0, 1.0, 1.0), 15.0)
    (found,) = label_meshes(labels, affine=OBLIQUE)
    middle = OBLIQUE[:3, :3] @ [9.5, 19.5, 21.5] + OBLIQUE[:3, 3]
    far = np.linalg.norm(found.vertices - middle, axis=1)
    assert found.label == 7
    assert np.abs(far - 15).max() < 1.5
    outward = np.sum((found.vertices - middle) / far[:, None] * found.normals, axis=1)
    assert np.abs(outward).mean() > 0.97
    edges = Counter(tuple(sorted(e)) for t in found.triangles.tolist() for e in zip(t, (*t[1:], t[0]), strict=True))
    assert set(edges.values()) == {2}  # closed: two triangles share each edge


def test_each_label_has_its_own_surface_and_only_the_largest_are_shown() -> None:
    labels = np.zeros((8, 8, 40), np.uint32)
    for number, value in enumerate((5, 70_000, 2, 9)):
        labels[2:6, 2:6, 2 + 9 * number : 5 + 9 * number + number] = value
    assert [one.label for one in label_meshes(labels, affine=np.eye(4))] == [2, 5, 9, 70_000]
    assert [one.label for one in label_meshes(labels, affine=np.eye(4), most_labels=2)] == [2, 9]
    single = np.zeros((5, 5, 5), np.uint8)
    single[2, 2, 2] = 1
    (one,) = label_meshes(single, affine=np.eye(4))
    assert np.allclose(one.vertices.mean(axis=0), 2)


def test_a_large_map_is_thinned_and_stays_where_it_was() -> None:
    labels = ball((60, 60, 60), (1.0, 1.0, 1.0), 25.0)
    fine, coarse = (label_meshes(labels, affine=np.eye(4), most_voxels=most)[0] for most in (10**6, 8000))
    assert len(coarse.triangles) < len(fine.triangles) / 4
    assert np.allclose(coarse.vertices.mean(axis=0), 29.5, atol=1.0)
    assert np.abs(np.linalg.norm(coarse.vertices - 29.5, axis=1) - 25).max() < 3
    few = label_meshes(labels, affine=np.eye(4), most_triangles=2000)
    assert 0 < len(few[0].triangles) <= 2000


def test_nothing_has_no_surface_and_no_volume_is_refused() -> None:
    assert label_meshes(np.zeros((4, 4, 4), np.uint8), affine=np.eye(4)) == ()
    assert len(label_meshes(np.ones((4, 4, 4), bool), affine=np.eye(4))) == 1
    for wrong in (np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4))):
        with pytest.raises(GeometryError, match="three axes"):
            label_meshes(wrong, affine=np.eye(4))
