"""What people suffered when a doubt stayed in `info`: other commands must say it, and their records keep it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from tests.field.conftest import train

from septum import io
from septum.cli.main import main
from septum.geometry import Grid, Image, LabelMap
from septum.workflows.data.doubts import Doubts, assumed, heard, listens
from septum.workflows.data.masks import mask_cases
from septum.workflows.doctor.examine import examine
from septum.workflows.editing.edit import edit
from septum.workflows.editing.interpolate import interpolate_file
from septum.workflows.editing.script import parse_script
from septum.workflows.editing.settings import EditSettings
from septum.workflows.evaluation.evaluate import _assumed
from septum.workflows.evaluation.methods import MaskSet
from septum.workflows.evaluation.pairs import MeasuredPair, count_pairs, pair_up, reference_cases
from septum.workflows.objects.split import SplitSettings, split_masks
from septum.workflows.review.study import create_study
from septum.workflows.runs.hooks import Hooks
from septum.workflows.scores.report_folder import About


def test_segment_says_that_a_photo_was_turned_and_keeps_it(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    exif = PIL.Image.Exif()
    exif[274] = 3
    (tmp_path / "in").mkdir()
    PIL.Image.fromarray(np.arange(600, dtype=np.uint16).reshape(20, 30).astype(np.uint8)).save(
        tmp_path / "in" / "a.png", exif=exif
    )
    with pytest.raises(SystemExit) as ending:
        main(["segment", str(tmp_path / "in"), "-o", str(tmp_path / "out"), "--method", "otsu"])
    captured = capfd.readouterr()
    assert not ending.value.code
    assert "EXIF orientation (3)" in " ".join((captured.out + captured.err).split())
    record = json.loads((tmp_path / "out" / "septum-segment.json").read_text())
    assert [cases for note, cases in record["notes"].items() if "EXIF" in note] == [["a"]]


def test_a_sentence_is_said_once_and_kept_for_every_case() -> None:
    said: list[str] = []
    doubts = Doubts(said.append)
    image = Image(np.zeros((1, 2, 2)), Grid.from_spacing((2, 2), (1, 1)), (), ("a guess",))
    doubts.hear("one", image)
    doubts.hear("two", image)
    assert said == ["one: a guess"]
    assert doubts.cases == {"a guess": ["one", "two"]}


def turned(path: Path, seed: int = 0) -> Path:
    """A photograph that lies on its head and says so; its reader notes the turn."""
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = PIL.Image.Exif()
    exif[274] = 3
    array = np.random.default_rng(seed).integers(0, 99, (24, 30)).astype(np.uint8)
    PIL.Image.fromarray(array).save(path, exif=exif)
    return path


def mask(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    array = np.zeros((24, 30), np.uint8)
    array[4:16, 6:20] = 1
    PIL.Image.fromarray(array).save(path)
    return path


def test_edit_says_what_the_reader_assumed_and_keeps_it(tmp_path: Path) -> None:
    said: list[str] = []
    step = parse_script('[[step]]\ndo = "paint"\npoints = [[5, 5]]\nlabel = 1\nradius_mm = 2\n')
    edit(
        turned(tmp_path / "a.png"),
        None,
        output=tmp_path / "m.png",
        script=step,
        settings=EditSettings(new=True),
        hooks=Hooks(on_note=said.append),
    )
    assert any(note.startswith("a.png: ") and "EXIF orientation (3)" in note for note in said)
    record = json.loads((tmp_path / "m.septum-edit.json").read_text())
    assert [cases for note, cases in record["notes"].items() if "EXIF" in note] == [["a.png"]]


def test_interpolate_says_what_the_reader_assumed_and_keeps_it(tmp_path: Path) -> None:
    def read(path: Path, axes: str | None = None) -> LabelMap:
        array = np.zeros((5, 12, 12), np.uint8)
        array[[0, 4], 3:8, 3:8] = 1
        return LabelMap(array, Grid.from_spacing(array.shape, (1, 1, 1)), {}, ("positions were rounded",))

    said: list[str] = []
    (tmp_path / "m.nii.gz").write_bytes(b"read by the function above")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(io, "read_labels", read)
        interpolate_file(tmp_path / "m.nii.gz", tmp_path / "out.nii.gz", hooks=Hooks(on_note=said.append))
    assert "m.nii.gz: positions were rounded" in said
    record = json.loads((tmp_path / "out.septum-interpolate.json").read_text())
    assert record["notes"] == {"positions were rounded": ["m.nii.gz"]}


def test_the_doctor_lists_what_readers_assumed(tmp_path: Path) -> None:
    for number in range(3):
        turned(tmp_path / f"images/c{number}.png", number)
        mask(tmp_path / f"labels/c{number}.png")
    found = [one for one in examine(tmp_path) if "EXIF" in one.message]
    assert [one.case for one in found] == ["c0", "c1", "c2"]  # once each
    assert {one.code for one in found} == {"photo-turned"}
    for path in (tmp_path / "labels").iterdir():
        path.unlink()
    found = [one for one in examine(tmp_path) if "EXIF" in one.message]
    assert [(one.case, one.code, one.severity) for one in found] == [(f"c{n}", "assumed", "note") for n in range(3)]
    assert all(one.message.startswith("image: ") for one in found)


def test_a_reader_study_says_and_keeps_it(tmp_path: Path) -> None:
    for number in range(2):
        turned(tmp_path / f"images/c{number}.png", number)
        mask(tmp_path / f"masks/c{number}.png")
    said: list[str] = []
    made = create_study(
        tmp_path / "images", {"model": tmp_path / "masks"}, output=tmp_path / "study", hooks=Hooks(on_note=said.append)
    )
    assert sum("EXIF" in note for note in said) == 1
    assert any("EXIF" in note and "c0" in note and "c1" in note for note in made.notes)
    kept = [json.loads(path.read_text()) for path in (tmp_path / "study").glob("*/study.json")]
    assert any("EXIF" in note for one in kept for note in one["notes"])


def test_train_says_and_keeps_it_and_puts_it_into_the_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []

    def write(output: Path, scores: object, *, about: About, **more: object) -> Path:
        shown.extend(about.notes)
        return output

    monkeypatch.setattr("septum.workflows.training.measured.write_report", write)
    for number in range(3):
        turned(tmp_path / f"data/images/c{number}.png", number)
        mask(tmp_path / f"data/labels/c{number}.png")
    said: list[str] = []
    train(tmp_path / "data", tmp_path / "model", steps=1, notes=said)
    assert sum("EXIF" in note for note in said) == 1
    assert any("EXIF" in note and "c0, c1, c2" in note for note in shown)
    record = json.loads((tmp_path / "model/provenance.json").read_text())
    assert any("EXIF" in note for note in record["notes"])


def test_evaluate_says_what_was_assumed_of_references_and_predictions(tmp_path: Path) -> None:
    exif = PIL.Image.Exif()
    exif[274] = 3
    for number in range(2):
        mask(tmp_path / f"ref/c{number}.png")
        PIL.Image.open(mask(tmp_path / f"pred/c{number}.png")).save(tmp_path / f"pred/c{number}.png", exif=exif)
    dataset = reference_cases(tmp_path / "ref", None)
    pairs, *_ = pair_up(dataset, mask_cases(tmp_path / "pred", None))
    counted = [one for one in count_pairs(pairs, background=0) if isinstance(one, MeasuredPair)]
    (sentence,) = _assumed([MaskSet("", tuple(pairs))], [counted])
    assert "EXIF" in sentence
    assert "(prediction of c0, prediction of c1)" in sentence


def test_a_workflow_that_listens_tells_its_hooks_and_knows_what_it_heard() -> None:
    said: list[str] = []

    @listens
    def work(*, hooks: Hooks) -> dict[str, list[str]]:
        heard("a", Image(np.zeros((1, 2, 2)), Grid.from_spacing((2, 2), (1, 1)), (), ("a guess",)))
        return assumed()

    assert work(hooks=Hooks(on_note=said.append)) == {"a guess": ["a"]}
    assert said == ["a: a guess"]
    assert assumed() == {}


def test_instances_keeps_what_the_reader_of_a_mask_assumed(tmp_path: Path) -> None:
    exif = PIL.Image.Exif()
    exif[274] = 3
    PIL.Image.open(mask(tmp_path / "in/c.png")).save(tmp_path / "in/c.png", exif=exif)
    said: list[str] = []
    split_masks(
        tmp_path / "in",
        tmp_path / "out",
        images=None,
        settings=SplitSettings(pictures=False),
        hooks=Hooks(on_note=said.append),
    )
    assert any(note.startswith("c: ") and "EXIF" in note for note in said)
    record = json.loads((tmp_path / "out" / "septum-instances.json").read_text())
    assert [cases for note, cases in record["notes"].items() if "EXIF" in note] == [["c"]]
