"""The challenge of cells in movies: each is tested by the other, and scored as the challenge itself scores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ctc_metrics import evaluate_sequence
from tests.instances import movies
from tests.workflows.challenges.oracle import Oracle, taken
from tests.workflows.datasets import write_image, write_labels

from septum import io
from septum.errors import DatasetError
from septum.geometry import Grid, LabelMap
from septum.workflows.challenges import ctc
from septum.workflows.data.cases import UNANNOTATED, load_labels
from septum.workflows.data.load import load_dataset
from septum.workflows.runs.hooks import Hooks


def movie_set(root: Path, *, frames: int = 8) -> list[list[np.ndarray]]:
    """Two movies with tracks, and outlines of every other frame."""
    found = []
    for number in (1, 2):
        cells = movies.wandering(number, shape=(96, 96), frames=frames, cells=4, divisions=0)
        labels, images, rows = movies.draw(cells, shape=(96, 96), frames=frames)
        for t, (frame, image) in enumerate(zip(labels, images, strict=True)):
            write_image(root / f"{number:02d}" / f"t{t:03d}.tif", image)
            write_labels(root / f"{number:02d}_GT" / "TRA" / f"man_track{t:03d}.tif", frame)
            if t % 2 == 0:
                write_labels(root / f"{number:02d}_GT" / "SEG" / f"man_seg{t:03d}.tif", frame)
        lines = [(label, first, min(last, frames - 1), parent) for label, first, last, parent in rows]
        np.savetxt(root / f"{number:02d}_GT" / "TRA" / "man_track.txt", np.array(lines), "%d")
        found.append(labels)
    return found


def test_ctc_tests_each_movie_by_the_other_and_agrees_with_the_challenges_own_scores(tmp_path: Path) -> None:
    data = tmp_path / "ctc"
    movie_set(data)

    class Marks(Oracle):
        def masks(self, cases: Any, folder: Path, *, hooks: Hooks) -> None:
            folder.mkdir(parents=True, exist_ok=True)
            for t, case in enumerate(cases):
                truth = data / f"{case.id[:2]}_GT" / "TRA" / f"man_track{t:03d}.tif"
                labels = io.read_labels(truth).array.copy()
                if t == 3:  # one cell is missed once
                    labels[labels == labels.max()] = 0
                io.write_labels(folder / f"{case.id}.tif", LabelMap(labels, Grid.pixels(labels.shape)))

    division, found = taken("ctc", data, tmp_path / "out", Marks())
    assert [part.name for part in division.parts] == ["01", "02"]
    first = load_dataset(division.parts[0].training).labelled
    assert {case.group for case in first} == {"02"}
    for row in found.images:
        name = row["movie"]
        theirs = evaluate_sequence(
            str(tmp_path / "out" / f"{name}_RES"), str(data / f"{name}_GT"), ["SEG", "DET", "TRA"], threads=1
        )
        assert (row["seg"], row["det"], row["tra"]) == pytest.approx((theirs["SEG"], theirs["DET"], theirs["TRA"]))
    assert 0.8 < found.values["op_ctb"] < 1
    assert [picture.name for picture in ctc.shown(division)] == ["movie 01", "movie 02"]


def test_ctc_leaves_the_advice_of_the_tracking_to_the_command_that_offers_its_options(tmp_path: Path) -> None:
    movie_set(tmp_path / "ctc", frames=3)
    part = ctc.divide(tmp_path / "ctc", tmp_path / "work").parts[0]
    notes: list[str] = []
    ctc.predict(Oracle(), part, folder=tmp_path / "out", hooks=Hooks(on_note=notes.append))
    assert notes == []


def test_ctc_trains_only_where_a_frame_is_annotated_in_full(tmp_path: Path) -> None:
    labels = movie_set(tmp_path / "ctc")
    frame = labels[1][2]
    left_out = frame.max()
    write_labels(
        tmp_path / "ctc" / "02_GT" / "SEG" / "man_seg002.tif", np.where(frame == left_out, 0, frame).astype(np.uint16)
    )
    division = ctc.divide(tmp_path / "ctc", tmp_path / "work")
    cases = load_dataset(division.parts[0].training).labelled
    known = load_labels(next(case for case in cases if case.id.endswith("002"))).array
    assert (known[frame == left_out] == UNANNOTATED).all()
    assert (known == 0).any()
    full = load_labels(next(case for case in cases if case.id.endswith("004"))).array
    assert not (full == UNANNOTATED).any()


def test_ctc_says_what_is_missing_and_that_a_single_movie_tests_itself(tmp_path: Path) -> None:
    movie_set(tmp_path / "ctc")
    for path in (tmp_path / "ctc" / "02_GT" / "SEG").iterdir():
        path.unlink()
    division = ctc.divide(tmp_path / "ctc", tmp_path / "work")
    assert any("trained on" in note for note in division.notes)
    for path in (tmp_path / "ctc" / "01_GT" / "SEG").iterdir():
        path.unlink()
    with pytest.raises(DatasetError, match="01_GT/SEG"):
        ctc.divide(tmp_path / "ctc", tmp_path / "work")
