"""Fingerprints of phantoms whose numbers are known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from septum import io
from septum.errors import DatasetError
from septum.geometry import Grid, Image, LabelMap
from septum.workflows.data.cases import Case, Source
from septum.workflows.data.classes import ClassMap
from septum.workflows.model import fingerprint
from septum.workflows.model.fingerprint import take_fingerprint

TWO = ClassMap((0, 1), ("background", "thing"))


def make_case(
    folder: Path, name: str, shape: tuple[int, ...], spacing: tuple[float, ...], *, suffix: str, dark: bool = False
) -> Case:
    """A box of half the width of the image in every direction, brighter than its surroundings or darker."""
    grid = Grid.from_spacing(shape, spacing)
    labels = np.zeros(shape, np.uint8)
    labels[tuple(slice(n // 4, n // 4 + n // 2) for n in shape)] = 1
    image = np.where(labels == 1, 50.0 if dark else 150.0, 100.0).astype(np.float32)
    paths = folder / f"{name}{suffix}", folder / f"{name}_label{suffix}"
    io.write_image(paths[0], Image(image[None], grid))
    io.write_labels(paths[1], LabelMap(labels, grid))
    return Case(name, (Source(paths[0]),), Source(paths[1]))


def test_sizes_shares_and_contrast_of_planes(tmp_path: Path) -> None:
    cases = [make_case(tmp_path, f"c{i}", (40, 64), (2.0, 2.0), suffix=".tif", dark=i == 0) for i in range(4)]
    found = take_fingerprint(cases, TWO)
    assert (found.cases, found.ndim, found.channels, found.anatomical) == (4, 2, 1, False)
    assert found.shape_median == (40, 64)
    assert found.brighter == 0.75
    assert found.class_shares[1] == pytest.approx(0.25)
    assert found.thickness == pytest.approx(20, abs=2)
    assert found.mean[0] == pytest.approx((50 + 3 * 150) / 4)


def test_only_volumes_with_a_patient_orientation_are_anatomical(tmp_path: Path) -> None:
    scan = make_case(tmp_path, "scan", (8, 20, 24), (3.0, 1.0, 1.0), suffix=".nii.gz")
    stack = make_case(tmp_path, "stack", (8, 20, 24), (3.0, 1.0, 1.0), suffix=".tif")
    assert take_fingerprint([scan], TWO).anatomical
    assert not take_fingerprint([stack], TWO).anatomical


def test_thickness_counts_in_samples_of_the_finest_axis(tmp_path: Path) -> None:
    scan = make_case(tmp_path, "scan", (8, 40, 40), (5.0, 1.0, 1.0), suffix=".nii.gz")
    assert take_fingerprint([scan], TWO).thickness == pytest.approx(20, abs=2)


def test_planes_and_volumes_together_are_refused(tmp_path: Path) -> None:
    plane = make_case(tmp_path, "plane", (40, 40), (1.0, 1.0), suffix=".tif")
    scan = make_case(tmp_path, "scan", (8, 20, 20), (1.0, 1.0, 1.0), suffix=".nii.gz")
    with pytest.raises(DatasetError, match="planes or volumes"):
        take_fingerprint([plane, scan], TWO)


def _pictures(folder: Path, make: Callable[[np.random.Generator], NDArray[np.float64]]) -> list[Case]:
    """Six pictures of 64 × 48 with one label each."""
    rng = np.random.default_rng(0)
    cases = []
    for index in range(6):
        case = make_case(folder, f"p{index}", (64, 48), (1.0, 1.0), suffix=".tif")
        io.write_image(
            case.images[0].path, Image(make(rng)[None].astype(np.float32), Grid.from_spacing((64, 48), (1, 1)))
        )
        cases.append(case)
    return cases


def test_pictures_that_grow_brighter_downwards_have_an_up_and_a_down_but_no_left(tmp_path: Path) -> None:
    ramp = np.linspace(0, 1, 64)[:, None]
    found = take_fingerprint(_pictures(tmp_path, lambda rng: ramp + 0.1 * rng.normal(size=(64, 48))), TWO)
    assert found.directed[0] > 1.5  # a ramp and its mirror image correlate by -1
    assert abs(found.directed[1]) < 0.1


def test_pictures_of_noise_have_no_direction_and_one_picture_tells_nothing(tmp_path: Path) -> None:
    cases = _pictures(tmp_path, lambda rng: rng.normal(size=(64, 48)))
    assert max(abs(value) for value in take_fingerprint(cases, TWO).directed) < 0.3
    assert take_fingerprint(cases[:1], TWO).directed == ()


def test_constant_pictures_have_no_direction(tmp_path: Path) -> None:
    assert take_fingerprint(_pictures(tmp_path, lambda rng: np.ones((64, 48))), TWO).directed == (0.0, 0.0)


def test_the_smallest_piece_of_planes_is_known_by_class_and_of_volumes_not_at_all(tmp_path: Path) -> None:
    cases = [make_case(tmp_path, f"c{i}", (40, 64), (2.0, 2.0), suffix=".tif") for i in range(2)]
    path = cases[1].label.path  # type: ignore[union-attr]
    known = io.read_labels(path)
    array = known.array.copy()
    array[36:38, 60], array[38, 61] = 1, 1  # three pixels that hang together by a corner
    io.write_labels(path, LabelMap(array, known.grid))
    three = ClassMap((0, 1, 2), ("background", "thing", "absent"))
    assert take_fingerprint(cases, three).smallest == pytest.approx((0.0, 3 / (40 * 64), 0.0))
    scan = make_case(tmp_path, "scan", (8, 20, 24), (3.0, 1.0, 1.0), suffix=".nii.gz")
    assert take_fingerprint([scan], TWO).smallest == ()


@pytest.mark.parametrize(("most", "looked_at"), [(40, [0, 1, 2, 3, 4]), (5, [0, 1, 2, 3, 4]), (2, [0, 3]), (1, [0])])
def test_of_many_cases_some_spread_evenly_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int, looked_at: list[int]
) -> None:
    monkeypatch.setattr(fingerprint, "MOST_CASES", most)
    cases = [make_case(tmp_path, f"c{i}", (16, 24), (2.0, 2.0), suffix=".tif") for i in range(5)]
    told: list[str] = []
    found = take_fingerprint(cases, TWO, on_progress=lambda what, share: told.append(what))
    assert told == [f"looking at c{i}" for i in looked_at]
    assert found.cases == len(looked_at)
