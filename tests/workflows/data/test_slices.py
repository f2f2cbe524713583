"""Where slices come from: the file beside a mask, and `septum interpolate` on files."""

import json

import numpy as np
import pytest

from septum import io
from septum.errors import Cancelled, ConfigError, FormatError, GeometryError
from septum.geometry import Grid, Image, LabelMap
from septum.workflows.data.slices import (
    corrected_slices,
    describe_slices,
    drawn_slices,
    marked,
    read_slices,
    sidecar,
    write_slices,
)
from septum.workflows.editing.interpolate import interpolate_file
from septum.workflows.editing.settings import InterpolateSettings
from septum.workflows.runs.hooks import Hooks

GRID = Grid((13, 30, 30), np.diag([3.0, 1.0, 1.0, 1.0]))
DRAWN = [2, 5, 8, 11]


@pytest.fixture
def files(tmp_path):
    away = np.hypot(np.arange(30)[:, None] - 15, np.arange(30) - 15)
    whole = np.stack([away < 5 + z / 2 for z in range(13)]).astype(np.uint8)
    sparse = np.zeros_like(whole)
    sparse[DRAWN] = whole[DRAWN]
    io.write_labels(tmp_path / "sparse.nii.gz", LabelMap(sparse, GRID, {}))
    io.write_image(tmp_path / "image.nii.gz", Image(whole[None].astype(np.float32), GRID))
    return tmp_path


def run(files, *, image=None, hooks=None, **options):
    settings = InterpolateSettings(**options)
    return interpolate_file(
        files / "sparse.nii.gz", files / "filled.nii.gz", image=image, settings=settings, hooks=hooks
    )


def test_a_file_is_filled_on_its_grid_and_remembers_what_was_drawn(files):
    result = run(files, image=files / "image.nii.gz")
    filled = io.read_labels(result.path)
    assert filled.grid.spacing == pytest.approx(GRID.spacing)
    assert filled.array[2:12].any(axis=(1, 2)).all()
    assert read_slices(result.path, filled.array.shape) == {0: "..diidiidiid."}
    record = json.loads((files / "filled.septum-interpolate.json").read_text())
    assert record["method"] == "image"
    assert record["expected"]["dice"] == pytest.approx(result.estimate.dice, abs=1e-4)
    assert len(record["expected"]["slices"]) == 6


def test_a_filled_mask_is_interpolated_again_from_what_was_drawn(files):
    first = run(files)
    again = interpolate_file(first.path, files / "again.nii.gz")
    assert again.drawn == {0: DRAWN}
    assert (io.read_labels(again.path).array == io.read_labels(first.path).array).all()


def test_the_mask_that_is_replaced_is_kept(files):
    run(files)
    with pytest.raises(ConfigError, match="exists already"):
        run(files)
    before = (files / "filled.nii.gz").read_bytes()
    result = run(files, method="nearest", overwrite=True)
    assert result.kept.read_bytes() == before


def test_two_drawn_slices_are_filled_without_an_estimate(files):
    assert run(files, drawn=("z:2,11",)).estimate is None


def test_a_mask_on_another_grid_than_the_image_is_refused(files):
    other = Grid((13, 30, 30), np.diag([3.0, 1.0, 2.0, 1.0]))
    io.write_image(files / "image.nii.gz", Image(np.zeros((1, 13, 30, 30), np.float32), other))
    with pytest.raises(GeometryError, match="corners differ"):
        run(files, image=files / "image.nii.gz")


def test_a_stopped_run_writes_nothing(files):
    with pytest.raises(Cancelled):
        run(files, hooks=Hooks(should_stop=lambda: True))
    assert not (files / "filled.nii.gz").exists()


def test_letters_tell_drawn_from_interpolated_and_corrected():
    text = marked(8, [1, 4, 5])
    assert text == ".diidd.."
    assert drawn_slices({0: "d.c", 1: "ii"}) == {0: [0, 2]}
    before, after = np.zeros((8, 2, 2)), np.zeros((8, 2, 2))
    after[[1, 2]] = 1
    assert corrected_slices({0: text}, before, after=after) == {0: ".dcidd.."}
    assert describe_slices({0: text}) == ["z: 3 drawn, 2 interpolated; drawn 1, 4, 5"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "list of slices"),
        ('{"format_version": 9, "slices": {}}', "newer"),
        ('{"format_version": 1, "slices": {"0": "dd"}}', "one known letter"),
        ('{"format_version": 1, "slices": {"7": "ddd"}}', "one known letter"),
        ('{"format_version": 1, "slices": {"0": "d?d"}}', "one known letter"),
        ('{"format_version": 1, "slices": 3}', "list of slices"),
    ],
)
def test_a_damaged_file_beside_a_mask_is_refused(tmp_path, content, words):
    mask = tmp_path / "mask.nii.gz"
    sidecar(mask).write_text(content)
    with pytest.raises(FormatError, match=words):
        read_slices(mask, (3, 4, 5))


def test_a_huge_file_beside_a_mask_is_not_read(tmp_path):
    sidecar(tmp_path / "m.nii").write_bytes(b" " * 10_000_001)
    with pytest.raises(FormatError, match="small text file"):
        read_slices(tmp_path / "m.nii", (3, 4, 5))


def test_what_was_written_is_read_and_nothing_beside_is_none(tmp_path):
    assert read_slices(tmp_path / "m.nii.gz", (3, 4, 5)) is None
    write_slices(tmp_path / "m.nii.gz", {0: "d.d", 2: "pcid."})
    assert read_slices(tmp_path / "m.nii.gz", (3, 4, 5)) == {0: "d.d", 2: "pcid."}
