"""Objects of a run are judged before they are written, and counted at its end where they were written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.workflows.quality.estimates import make_plan, picture, references

from septum.geometry import Grid, LabelMap
from septum.workflows.looking.page import DoubtRow
from septum.workflows.prediction.counting import ObjectCounts
from septum.workflows.prediction.objects import SegmentedObjects
from septum.workflows.quality.counts import HeldObjects, learn_counts
from septum.workflows.quality.doubtful import ObjectRanges
from septum.workflows.quality.grade import Quality, grade
from septum.workflows.quality.learn import make_quality
from septum.workflows.quality.looks import Look


def found(sizes: tuple[int, ...] = (4, 8)) -> SegmentedObjects:
    labels = np.zeros((20, 40), np.uint16)
    for number, size in enumerate(sizes):
        labels[2 : 2 + size, 12 * number + 1 : 12 * number + 1 + size] = number + 1
    grid = Grid.from_spacing(labels.shape, (0.5, 0.5))
    table = pd.DataFrame({"id": range(1, len(sizes) + 1), "confidence": [0.9, 0.1][: len(sizes)]})
    return SegmentedObjects(LabelMap(labels, grid), table, LabelMap(labels, grid))


def look(*, strange: bool = False) -> Look:
    seen = Look(2)
    seen.see(picture(3) + 50 * strange, np.zeros((64, 64), int), spacing=(1.0, 1.0))
    return seen


def quality(plan: Any) -> Quality:
    held = [HeldObjects(f"h{n}", 20, np.r_[np.full(16, 0.8), np.full(4, 0.2)], np.arange(20) < 16) for n in range(7)]
    made = make_quality([], references(plan), plan=plan)
    return replace(made, counts=learn_counts(held, ObjectRanges(300, 1.0, 10.0, 0.5)))


def test_two_columns_are_added_and_the_rest_stays(tmp_path: Path) -> None:
    plan = make_plan()
    counts = ObjectCounts(plan, quality(plan), folds=(0,))
    first, judged = found(), counts.judge("a", found(), look=look())
    assert list(judged.table.columns) == ["id", "confidence", "likely_right", "doubt"]
    assert judged.labels.array.tolist() == first.labels.array.tolist()
    assert judged.table["likely_right"].tolist() == pytest.approx([0.99, 0.1], abs=0.05)
    assert judged.table["doubt"].tolist() == [
        "",
        "larger than 99 of 100 annotated objects: perhaps several in one; unsure",  # 16 mm2, 64 pixels
    ]
    assert counts.doubts("a") == (DoubtRow(2, judged.table["likely_right"][1], judged.table["doubt"][1]),)
    assert counts.doubts("b") == ()
    line = counts.write(tmp_path, ())
    assert line.startswith("2 objects in 1 image, likely ")
    assert line.endswith("; 1 is doubtful (counts.csv)")
    assert pd.read_csv(tmp_path / "counts.csv")["case"].tolist() == ["a"]


def test_an_image_unlike_the_training_gets_empty_columns(tmp_path: Path) -> None:
    plan = make_plan()
    counts = ObjectCounts(plan, quality(plan), folds=(0,))
    judged = counts.judge("a", found(), look=look(strange=True))
    assert judged.table["likely_right"].isna().all()
    assert judged.table["doubt"].tolist() == ["", ""]
    assert "not known" in counts.write(tmp_path, ())
    assert pd.read_csv(tmp_path / "counts.csv").loc[0, "note"].startswith("unknown: unlike the training images")


def test_models_that_know_nothing_say_so_and_images_without_objects_are_counted(tmp_path: Path) -> None:
    plan = make_plan()
    for known in (None, make_quality([], references(plan), plan=plan)):
        counts = ObjectCounts(plan, known, folds=(0,))
        assert counts.judge("a", found(), look=look()).table["likely_right"].isna().all()
        counts.write(tmp_path, ())
        assert "knows nothing about its counts" in pd.read_csv(tmp_path / "counts.csv").loc[0, "note"]
    counts = ObjectCounts(plan, quality(plan), folds=(0,))
    assert list(counts.judge("b", found(()), look=look()).table.columns)[2:] == ["likely_right", "doubt"]
    assert counts.write(tmp_path, ()).startswith("0 objects in 1 image, likely 0 to ")


def test_what_could_not_be_written_is_not_counted_and_classes_alone_have_no_list(tmp_path: Path) -> None:
    plan = make_plan()
    counts = ObjectCounts(plan, quality(plan), folds=(0,))
    assert counts.write(tmp_path, ()) == ""
    assert list(tmp_path.iterdir()) == []
    counts.judge("a", found(), look=look())
    counts.judge("b", found(), look=look())
    counts.write(tmp_path, [("a", "the disk is full")])
    assert pd.read_csv(tmp_path / "counts.csv")["case"].tolist() == ["b"]


def test_limits_of_masks_that_let_all_through_are_no_limits_of_counts(tmp_path: Path) -> None:
    plan = make_plan()
    wide = replace(quality(plan), image_limit=1e6, network_limit=1e6)
    counts = ObjectCounts(plan, wide, folds=(0,))
    for name, array in (("black", np.zeros((1, 64, 64))), ("bright", picture(3) + 50)):
        seen = Look(2)
        seen.see(array.astype(np.float32), np.zeros((64, 64), int), spacing=(1.0, 1.0))
        judged = counts.judge(name, found(), look=seen)
        assert judged.table["likely_right"].isna().all()
        assert seen.unlike  # so that its mask is unknown, too
        assert "unlike the training images" in " ".join(grade(name, seen, plan=plan, quality=wide)[0].reasons)
    assert "not known" in counts.write(tmp_path, ())
    assert counts.judge("usual", found(), look=look()).table["likely_right"].notna().all()
