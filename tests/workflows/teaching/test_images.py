"""The lessons on images: what they say of a scan, of slices between, of thresholds and of objects is true."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.filters import threshold_otsu

from septum import io
from septum.workflows.teaching import images, pictures


def answers(lesson: object, question: int) -> list[float]:
    return [answer.value for answer in lesson.questions[question].answers]  # type: ignore[attr-defined]


def test_the_scan_is_described_as_the_file_says_it() -> None:
    import pydicom

    lesson, header = images.image(), pydicom.dcmread(pictures.ct_slice())
    spacing = io.read_image(pictures.ct_slice()).grid.spacing
    assert spacing[1:] == pytest.approx([float(v) for v in header.PixelSpacing])
    voxel = float(np.prod(spacing))
    bone = int((header.pixel_array * float(header.RescaleSlope) + float(header.RescaleIntercept) > 300).sum())
    assert any(f"{bone} voxels above 300 HU: {bone} × {voxel:.4g} mm³ = {bone * voxel / 1000:.2f} mL" in line
               for line in lesson.lines)  # fmt: skip
    assert answers(lesson, 0) == pytest.approx([2.45])
    assert answers(lesson, 1) == pytest.approx([9.8])
    assert answers(lesson, 2) == [20.0]


def test_more_drawn_slices_make_a_better_mask_and_drawn_ones_stay() -> None:
    scores = []
    for step in (2, 6, 10):
        drawn, filled, score = images._every(step)
        assert np.array_equal(filled[drawn], images._organ()[drawn])
        assert {2, 30} <= set(drawn)
        scores.append(score)
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > 0.97
    assert scores[0] > scores[-1]
    assert answers(images.manual_segmentation(), 1) == [13]
    assert answers(images.manual_segmentation(), 2) == [6]


def test_the_threshold_of_the_eight_pixels_is_otsus() -> None:
    pixels = np.array([1, 2, 2, 3, 7, 8, 8, 9])
    low, high = pixels[pixels < 5], pixels[pixels > 5]
    assert answers(images.classical(), 0) == [pytest.approx(0.25 * (high.mean() - low.mean()) ** 2)]
    assert 3 <= threshold_otsu(pixels) < 7
    assert any("Otsu takes 5.0" in line for line in images.classical().lines)
    assert answers(images.classical(), 1) == [3]
    assert answers(images.classical(), 2) == [1.5, 9]


def test_most_methods_find_most_coins_and_specks_are_not_counted() -> None:
    counts = {name: count for name, _, count in images._coin_methods()}
    assert len(counts) == 4
    assert max(abs(count - images.COINS) for count in counts.values()) < images.COINS
    assert abs(counts["Otsu's threshold"] - images.COINS) <= 4
    mask = np.zeros((40, 40), bool)
    mask[2:14, 2:14], mask[20:30, 20:30] = True, True
    labels, count = images._count(mask)
    assert count == 1  # 100 pixels are not more than 100
    assert np.count_nonzero(labels) == 144
    mask[5, 5] = False
    assert np.count_nonzero(images._count(mask)[0]) == 144  # holes are filled


def test_three_nuclei_as_one_have_a_perfect_mask_and_no_match() -> None:
    lesson = images.instances()
    assert answers(lesson, 2) == [1, 0]
    (f1,) = answers(lesson, 1)
    assert 0.5 < f1 <= 1
    (parts,) = answers(lesson, 0)
    assert parts < pictures.made_nuclei(4)[1].max()  # touching ones became one
