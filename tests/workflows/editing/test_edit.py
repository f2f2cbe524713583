"""A script on an image and its labels: steps in order, what changed is counted, and the mask before is kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.workflows.datasets import VOLUME, mask, picture, write_image, write_labels

from septum import io
from septum.errors import Cancelled, ConfigError, GeometryError
from septum.geometry import Image
from septum.interactive.session.session import Session
from septum.interactive.tool import Box
from septum.workflows.data.slices import read_slices, write_slices
from septum.workflows.editing.edit import RECORD, SCRIPT, SETTINGS, edit, label_sizes, run_script, shown_marks
from septum.workflows.editing.script import Script, parse_script, parse_step
from septum.workflows.editing.settings import EditSettings
from septum.workflows.runs.hooks import Hooks

PAINT = '[[step]]\ndo = "paint"\npoints = [[1, 2, 2]]\nradius_mm = 0\nlabel = 3\n'
ERASE = '[[step]]\ndo = "logic"\noperation = "clear"\nlabel = 1\n'


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    image = write_image(tmp_path / "image.nii.gz", picture(0, VOLUME.shape), VOLUME)
    return image, write_labels(tmp_path / "labels.nii.gz", mask(0, VOLUME.shape), VOLUME)


def run(pair: tuple[Path, Path], output: Path, text: str = PAINT, hooks: Hooks | None = None, **given: Any) -> Any:
    settings = EditSettings(**given)
    return edit(*pair, output=output, script=parse_script(text), settings=settings, hooks=hooks or Hooks())


def test_what_changed_is_counted_and_everything_is_written_beside(pair: tuple[Path, Path], tmp_path: Path) -> None:
    voxels = int(mask(0, VOLUME.shape).sum())
    done = run(pair, tmp_path / "out.nii.gz", PAINT + ERASE)
    assert (done.before, done.after) == ({1: voxels}, {3: 1})
    steps = [(one.tool, one.layer, one.changed) for one in done.steps]
    assert steps == [
        ("paint", "main", 1),
        ("logic", "main", voxels),
    ]
    assert done.steps[0].box == Box((1, 2, 2), (2, 3, 3))
    assert done.written == (tmp_path / "out.nii.gz",)
    assert all((tmp_path / f"out{ending}").is_file() for ending in (SCRIPT, RECORD, SETTINGS))
    record = json.loads((tmp_path / f"out{RECORD}").read_text())
    assert [step["changed"] for step in record["steps"]] == [1, voxels]
    assert set(record["image"]) == {"image.nii.gz"}
    assert "not a medical device" in record["notice"]
    again = parse_script((tmp_path / f"out{SCRIPT}").read_text())
    assert again == parse_script(PAINT + ERASE)


def test_a_dry_run_answers_the_same_and_writes_nothing(pair: tuple[Path, Path], tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    done = run(pair, tmp_path / "out.nii.gz", dry_run=True)
    assert done.after[3] == 1
    assert done.written == done.kept == ()
    assert sorted(tmp_path.iterdir()) == before


def test_the_mask_before_is_kept_with_its_digest_in_the_record(pair: tuple[Path, Path], tmp_path: Path) -> None:
    before = pair[1].read_bytes()
    done = run(pair, pair[1], overwrite=True)
    assert [path.read_bytes() for path in done.kept] == [before]
    assert json.loads((tmp_path / f"labels{RECORD}").read_text())["kept"] == [done.kept[0].name]
    with pytest.raises(ConfigError, match="exists already"):
        run(pair, pair[1])
    with pytest.raises(ConfigError, match="would replace the image"):
        run(pair, pair[0], overwrite=True)


def test_a_slice_that_was_changed_is_marked_as_corrected(pair: tuple[Path, Path], tmp_path: Path) -> None:
    write_slices(pair[1], {0: "diiiiiiii."})
    run(pair, tmp_path / "out.nii.gz")
    assert read_slices(tmp_path / "out.nii.gz", VOLUME.shape) == {0: "dciiiiiii."}


@pytest.mark.parametrize(("tolerance", "told"), [(255.0, True), (0.0, False)])
def test_a_click_that_ran_out_of_its_structure_is_said(
    pair: tuple[Path, Path], tmp_path: Path, tolerance: float, told: bool
) -> None:
    notes: list[str] = []
    text = f'[[step]]\ndo = "magic-wand"\npoints = [[1, 1, 1]]\ntolerance = {tolerance}\nlabel = 2\n'
    run(pair, tmp_path / "out.nii.gz", text, Hooks(on_note=notes.append), dry_run=True)
    assert any("step 1 (magic-wand) marked" in note for note in notes) is told


def test_a_stop_writes_nothing(pair: tuple[Path, Path], tmp_path: Path) -> None:
    text = '[[step]]\ndo = "magic-wand"\npoints = [[1, 1, 1]]\ntolerance = 5.0\nlabel = 2\n'
    with pytest.raises(Cancelled):
        run(pair, tmp_path / "out.nii.gz", text, Hooks(should_stop=lambda: True))
    assert not list(tmp_path.glob("out*"))


def session() -> Session:
    found = Session({"main": mask(0, VOLUME.shape), "other": mask(3, VOLUME.shape)}, spacing=VOLUME.spacing)
    found.image = picture(0, VOLUME.shape)[None]
    return found


def played(script: Script, on: Session, progress: list[float] | None = None) -> Any:
    image = Image(picture(0, VOLUME.shape)[None], VOLUME)
    told = (lambda what, share: progress.append(share)) if progress is not None else (lambda what, share: None)
    return run_script(on, script, image=image, hooks=Hooks(told))


def test_a_step_that_changes_nothing_has_no_box_and_progress_ends_at_one() -> None:
    progress: list[float] = []
    text = ERASE.replace("label = 1", "label = 77") + PAINT
    results = played(parse_script(text), session(), progress)
    assert [(one.changed, one.box is None) for one in results] == [(0, True), (1, False)]
    assert progress == [0.0, 0.5, 1.0]


def test_the_image_is_masked_in_every_channel_and_counted_in_voxels() -> None:
    on = session()
    on.image = np.stack([picture(0, VOLUME.shape), picture(1, VOLUME.shape)]).astype(np.float32) + 1
    (result,) = played(parse_script('[[step]]\ndo = "mask-image"\nonly = [1]\nvalue = -7.0\n'), on)
    outside = mask(0, VOLUME.shape) == 0
    assert result.changed == int(outside.sum())
    assert (np.asarray(on.image)[:, outside] == -7).all()


def test_an_error_names_the_step_and_where_the_image_lies_when_it_was_about_mm() -> None:
    near = played(parse_script(PAINT), session())
    assert near[0].changed == 1
    with pytest.raises(GeometryError, match=r"^step 2 \(magic-wand\): .*") as told:
        played(parse_script(PAINT + '[[step]]\ndo = "magic-wand"\npoints = [[99, 1, 1]]\ntolerance = 1.0\n'), session())
    assert "the image reaches" not in str(told.value)
    with pytest.raises(GeometryError, match="the image reaches"):
        played(parse_script('[[step]]\ndo = "magic-wand"\npoints_mm = [[999, 1, 1]]\ntolerance = 1.0\n'), session())


def test_edits_are_shown_fractions_of_voxels_and_tools_whole_ones() -> None:
    places = [[1.5, 2.4, 2.6]]
    painted = shown_marks(session(), parse_step({"do": "paint", "points": places, "label": 1}), grid=VOLUME)
    assert painted["points"].tolist() == places
    clicked = shown_marks(session(), parse_step({"do": "magic-wand", "points": places, "tolerance": 1.0}), grid=VOLUME)
    assert clicked["points"].tolist() == [[2, 2, 3]]
    assert clicked["points"].dtype.kind == "i"


def test_another_layer_a_region_and_boxes_are_shown_as_arrays_and_boxes() -> None:
    step = parse_step(
        {"do": "logic", "operation": "add", "label": 1, "other": "other", "region": [[0, 0, 0], [2, 3, 4]]}
    )
    found = shown_marks(session(), step, grid=VOLUME)
    assert np.array_equal(found["other"], mask(3, VOLUME.shape))
    assert found["region"] == Box((0, 0, 0), (2, 3, 4))
    boxes = parse_step({"do": "prompted", "model": "m", "boxes": [{"region": [[0, 0, 0], [2, 3, 4]], "label": 4},
                                                                  {"region": [[1, 1, 1], [2, 3, 4]]}]})  # fmt: skip
    assert shown_marks(session(), boxes, grid=VOLUME) == {
        "boxes": [(Box((0, 0, 0), (2, 3, 4)), 4), (Box((1, 1, 1), (2, 3, 4)), 1)]
    }


def test_sizes_leave_out_the_background() -> None:
    assert label_sizes(np.array([[0, 0, 2], [7, 7, 2]])) == {2: 2, 7: 2}
    assert label_sizes(np.zeros((2, 2), int)) == {}


def test_a_further_layer_is_written_only_where_it_changed(pair: tuple[Path, Path], tmp_path: Path) -> None:
    other = write_labels(tmp_path / "organs.nii.gz", 5 * mask(3, VOLUME.shape), VOLUME)
    untouched = run(pair, tmp_path / "a.nii.gz", layers={"organs": other})
    assert untouched.written == (tmp_path / "a.nii.gz",)
    touched = run(pair, tmp_path / "b.nii.gz", PAINT + 'layer = "organs"\n', layers={"organs": other})
    assert touched.written == (tmp_path / "b.nii.gz", tmp_path / "b.organs.nii.gz")
    assert io.read_labels(tmp_path / "b.organs.nii.gz").array[1, 2, 2] == 3
