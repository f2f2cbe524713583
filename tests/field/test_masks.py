"""What people suffered with masks that were not what they seemed: maps, movies, planes, ids, masks of turned photos."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import PIL.Image
import pytest
import tifffile
from scipy import ndimage
from tests.field.conftest import septum, square

from septum.workflows.data.classes import infer_classes
from septum.workflows.data.grey import is_picture
from septum.workflows.data.load import load_dataset
from septum.workflows.doctor.examine import examine


def png(path: Path, array: np.ndarray, *, turn: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = PIL.Image.Exif()
    if turn:
        exif[274] = turn
    PIL.Image.fromarray(array).save(path, exif=exif)


def nifti(path: Path, array: np.ndarray, *spacing: float) -> None:
    """`array` is in array order; `spacing` x, y, z."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(array.T, np.diag([*spacing, 1.0])), path)


def evaluate(folder: Path, *words: object) -> tuple[int, str, pd.DataFrame | None]:
    ended = septum("evaluate", folder / "p", folder / "r", "-o", folder / "o", "--metrics", "overlap", "--gallery", 0,
                   *words)  # fmt: skip
    table = folder / "o" / "cases.csv"
    return ended.code, " ".join((ended.out + ended.err).split()), pd.read_csv(table) if table.exists() else None


@pytest.mark.parametrize("flat", ["prediction", "reference"])
def test_a_volume_of_one_slice_is_compared_with_its_plane(tmp_path: Path, flat: str) -> None:
    reference, prediction = np.zeros((2, 32, 40), np.uint8)
    reference[5:15, 5:15] = 1
    prediction[5:15, 5:13] = 1
    nifti(tmp_path / "p" / "a.nii.gz", prediction[None] if flat == "prediction" else prediction, 0.5, 0.5, 3)
    nifti(tmp_path / "r" / "a.nii.gz", reference[None] if flat == "reference" else reference, 0.5, 0.5, 3)
    code, said, table = evaluate(tmp_path)
    assert code == 0
    assert table is not None
    assert table["dice"].tolist() == pytest.approx([160 / 180])
    assert "1 volumes of one slice were compared with their planes" in said


@pytest.mark.parametrize(("slices", "spacing"), [(1, 0.6), (2, 0.5)])
def test_a_plane_beside_another_volume_is_refused_without_the_advice_to_resample(
    tmp_path: Path, slices: int, spacing: float
) -> None:
    nifti(tmp_path / "p" / "a.nii.gz", np.ones((slices, 32, 40), np.uint8), spacing, 0.5, 3)
    nifti(tmp_path / "r" / "a.nii.gz", np.ones((32, 40), np.uint8), 0.5, 0.5, 1)
    for more in ((), ("--resample",)):
        code, said, _ = evaluate(tmp_path, *more)
        assert code == 2
        assert "planes and volumes are not compared" in said
        assert "with --resample" not in said


@pytest.mark.parametrize(("frames", "more"), [(10, ()), (4, ("--axes", "TZYX"))])
def test_a_movie_of_volumes_is_scored_frame_by_frame(tmp_path: Path, frames: int, more: tuple[str, ...]) -> None:
    reference = np.zeros((frames, 4, 16, 20), np.uint8)
    reference[:, 1:3, 5:10, 5:15] = 1
    prediction = reference.copy()
    prediction[3:, :, 5:7] = 0
    nifti(tmp_path / "p" / "a.nii.gz", prediction, 0.5, 0.5, 3)
    nifti(tmp_path / "r" / "a.nii.gz", reference, 0.5, 0.5, 3)
    if more:
        code, said, _ = evaluate(tmp_path)
        assert code == 2
        assert "where they are frames in time, say so with axes TZYX" in said
    code, _, table = evaluate(tmp_path, *more)
    assert code == 0
    assert table is not None
    assert table["dice"].tolist() == pytest.approx([1.0] * 3 + [0.75] * (frames - 3))


def test_maps_of_probabilities_given_as_masks_are_told_where_they_belong(tmp_path: Path) -> None:
    blurred = ndimage.gaussian_filter(square(1).astype(float), 3)
    for kind, array in (("float", blurred.astype(np.float32)), ("bytes", np.uint8(255 * blurred / blurred.max()))):
        for number in range(2):
            png(tmp_path / kind / "r" / f"s{number}.png", square(1))
            (tmp_path / kind / "p").mkdir(exist_ok=True)
            tifffile.imwrite(tmp_path / kind / "p" / f"s{number}.tif", array)
        code, said, table = evaluate(tmp_path / kind)
        assert code == 2
        assert "--probabilities" in said
        assert "map of probabilities" in said
        assert table is None


def test_a_grey_picture_in_the_place_of_labels_is_named_by_doctor_and_refused_by_train(tmp_path: Path) -> None:
    for number in range(3):
        picture = np.random.default_rng(number).integers(0, 200, (32, 32)).astype(np.uint8)
        png(tmp_path / "images" / f"s{number}.png", picture)
        png(tmp_path / "labels" / f"s{number}.png", picture)
    assert {f.code for f in examine(tmp_path) if f.severity == "error"} == {"grey-picture"}
    ended = septum("train", tmp_path, "-o", tmp_path / "m", "--steps", 1, "--devices", "cpu")
    assert ended.code == 2
    assert "got a grey picture with" in ended.err


def test_what_is_a_picture_and_what_are_labels() -> None:
    rng = np.random.default_rng(0)
    points = np.zeros((40, 40), np.uint16)
    points[::5, ::5] = np.arange(1, 65).reshape(8, 8)
    cells = ndimage.zoom(rng.permutation(100).reshape(10, 10), 4, order=0)
    assert not is_picture(points)
    assert not is_picture(cells)
    assert not is_picture(np.repeat(cells[None], 3, axis=0))
    ramp = np.arange(1600).reshape(40, 40) // 16
    assert is_picture(ramp + ramp.T)
    assert is_picture(rng.integers(0, 255, (3, 20, 20)))


def test_a_few_ids_with_a_gap_are_taken_for_classes_with_the_question_whether_they_are_objects(tmp_path: Path) -> None:
    for number in range(3):
        labels = np.zeros((40, 40), np.uint16)
        for place, value in enumerate((1, 2, 3, 4, 300)):
            labels[2 + 7 * place : 6 + 7 * place, 4 + number : 12 + number] = value
        for side in ("images", "labels", "p", "r"):
            png(tmp_path / side / f"s{number}.png", labels if side != "images" else labels.astype(np.uint8) * 20)
    assert "perhaps-objects" in {finding.code for finding in examine(tmp_path)}
    _, said, _ = evaluate(tmp_path)
    assert "[1, 2, 3, 4, 300] are taken for classes: objects?" in said
    _, said, _ = evaluate(tmp_path, "--foreground", "--overwrite")
    assert "objects?" not in said
    assert "objects? If so, pass --instances" in " ".join(infer_classes(load_dataset(tmp_path)).notes)


@pytest.mark.parametrize(("turn", "code"), [(6, "unturned-labels"), (8, "unturned-labels"), (3, "photo-turned")])
def test_doctor_says_that_masks_lie_on_the_raw_pixels_of_turned_photos(tmp_path: Path, turn: int, code: str) -> None:
    for number in range(2):
        labels = square(number, (32, 40))
        png(tmp_path / "images" / f"s{number}.png", labels * 90 + np.uint8(number), turn=turn)
        png(tmp_path / "labels" / f"s{number}.png", labels)
    found = [finding for finding in examine(tmp_path) if finding.code == code]
    assert len(found) == 2
    assert "turn the labels as the mark turns the photo" in found[0].mend
    assert "exchange their axes" not in found[0].mend


def test_doctor_says_nothing_of_masks_that_fit_a_photo_turned_sideways(tmp_path: Path) -> None:
    for number in range(2):
        labels = square(number, (32, 40))
        png(tmp_path / "images" / f"s{number}.png", labels * 90 + np.uint8(number), turn=6)
        png(tmp_path / "labels" / f"s{number}.png", np.rot90(labels, -1).copy())
    assert [finding.code for finding in examine(tmp_path) if finding.severity != "note"] == []
