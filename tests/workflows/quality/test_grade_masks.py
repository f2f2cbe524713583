"""Grading a folder of masks: paired by name, never by their own reference, and one bad file is a row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.workflows.datasets import mask, picture, planes, write_image, write_labels

from septum.errors import ConfigError, DatasetError, FormatError
from septum.workflows.quality import grade_masks as module
from septum.workflows.quality.grade_masks import RECORD, SETTINGS, QualitySettings, grade_masks, pair_masks
from septum.workflows.quality.worklist import Estimate
from septum.workflows.runs.hooks import Hooks


def quiet(text: str) -> None:
    del text


@pytest.mark.parametrize("threshold", [0.0, 1.0, 1.2, -0.1])
def test_the_threshold_must_be_a_dice(threshold: float) -> None:
    with pytest.raises(ConfigError, match="threshold must lie between 0 and 1"):
        QualitySettings(threshold=threshold)


def test_masks_get_the_image_of_their_name_and_what_is_alone_is_said(tmp_path: Path) -> None:
    for name in ("a", "b", "lonely"):
        write_image(tmp_path / "images" / f"{name}.png", picture(0))
    for name in ("a", "b", "orphan"):
        write_labels(tmp_path / "masks" / f"{name}.png", mask(0))
    notes: list[str] = []
    found = pair_masks(tmp_path / "masks", [tmp_path / "images"], axes=None, on_note=notes.append)
    named = {case.id: (case.images[0].path.name, case.label.path.name if case.label else "") for case in found}
    assert named == {name: (f"{name}.png",) * 2 for name in "ab"}
    assert notes == [
        "1 masks have no image and are not graded: orphan",
        "1 images have no mask and are not graded: lonely",
    ]
    with pytest.raises(DatasetError, match="must share names"):
        pair_masks(tmp_path / "masks", [tmp_path / "images" / "lonely.png"], axes=None, on_note=quiet)


class Teacher:
    """A grader that fails on one mask."""

    calibrations = (None,)

    def __init__(self, references: list[str]) -> None:
        self.references = references

    def grade(self, case: Any, *, threshold: float, seed: int) -> list[Estimate]:
        if case.id == "case2":
            raise FormatError("the mask is cut off")
        likely = 0.4 if case.id == "case3" else 0.9
        verdict = "pass" if likely > threshold else "fail"
        return [Estimate(case.id, 1, "x", likely, likely - 0.1, 0.95, verdict, (), 0.9, 0.9)]


@pytest.fixture
def set_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Four masks, and references of which two have the name of a mask and one cannot be read."""
    planes(tmp_path / "new", 4)
    planes(tmp_path / "known", 7)
    (tmp_path / "known" / "images" / "case6.png").write_bytes(b"no picture")
    for part in ("images", "labels"):
        (tmp_path / "known" / part / "case3.png").unlink()
        (tmp_path / "known" / part / "case2.png").unlink()
    seen: dict[str, Any] = {}

    def of(cases: Any, classes: Any, **named: Any) -> Teacher:
        seen.update(references=[case.id for case in cases], seed=named["seed"])
        return Teacher([])

    monkeypatch.setattr(module.Grader, "of", of)
    return seen


def run(tmp_path: Path, hooks: Hooks | None = None, **given: Any) -> Any:
    return grade_masks(
        tmp_path / "new" / "labels", [tmp_path / "new" / "images"], references=tmp_path / "known",
        output=tmp_path / "out", settings=QualitySettings(**given), hooks=hooks or Hooks(),
    )  # fmt: skip


def test_no_mask_is_graded_by_its_own_reference_and_failures_are_rows(set_up: dict[str, Any], tmp_path: Path) -> None:
    notes: list[str] = []
    result = run(tmp_path, Hooks(on_note=notes.append), seed=5)
    assert set_up == {"references": ["case4", "case5"], "seed": 5}
    assert "2 references have the name of a mask and are left out" in notes
    assert "4 masks, 2 references; research software, not a medical device" in notes
    assert [name for name, _ in result.failures] == ["case6", "case2"]
    assert [one.case for one in result.estimates] == ["case3", "case0", "case1"]
    record = json.loads((tmp_path / "out" / RECORD).read_text())
    assert record["references"] == ["case4", "case5"]
    assert [row["mask"] for row in record["failures"]] == ["case6", "case2"]
    assert (tmp_path / "out" / SETTINGS).is_file()
    with pytest.raises(ConfigError, match=r"already holds quality\.csv"):
        run(tmp_path)
    run(tmp_path, overwrite=True)


def test_a_stop_keeps_what_was_graded(set_up: dict[str, Any], tmp_path: Path) -> None:
    told: list[str] = []
    hooks = Hooks(lambda what, share: told.append(what), should_stop=lambda: "grading case0" in told)
    assert [one.case for one in run(tmp_path, hooks).estimates] == ["case0"]
