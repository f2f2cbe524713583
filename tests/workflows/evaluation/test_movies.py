"""Tracks in the folders of the Cell Tracking Challenge, against py-ctcmetrics and by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from septum.errors import Cancelled, ConfigError, DatasetError
from septum.workflows.evaluation.movies import evaluate_tracks, example_of_frame, pair_movies, score_movie
from septum.workflows.evaluation.settings import EvaluateSettings
from septum.workflows.runs.hooks import Hooks


def frame(*cells: tuple[int, int, int]) -> np.ndarray:
    """Squares of five pixels: (label, row, column)."""
    array = np.zeros((40, 60), np.uint16)
    for label, row, column in cells:
        array[row : row + 5, column : column + 5] = label
    return array


def write(root: Path, name: str, frames: list[np.ndarray], tracks: str, *, truth: bool, seg: bool = True) -> Path:
    folder = root / name
    masks = folder / "TRA" if truth else folder
    masks.mkdir(parents=True)
    for t, array in enumerate(frames):
        tifffile.imwrite(masks / (f"man_track{t:03d}.tif" if truth else f"mask{t:03d}.tif"), array)
    (masks / ("man_track.txt" if truth else "res_track.txt")).write_text(tracks)
    if truth and seg:
        (folder / "SEG").mkdir()
        for t, array in enumerate(frames):
            tifffile.imwrite(folder / "SEG" / f"man_seg{t:03d}.tif", array)
    return folder


TRUTH = [frame((1, 2, 2), (2, 20, 20)), frame((1, 3, 3), (2, 21, 21)), frame((3, 3, 3), (4, 9, 3), (2, 22, 22))]
TRACKS = "1 0 1 0\n2 0 2 0\n3 2 2 1\n4 2 2 1\n"


def test_perfect_tracks_score_one_and_every_file_is_written(tmp_path: Path) -> None:
    result = write(tmp_path, "01_RES", TRUTH, TRACKS, truth=False)
    truth = write(tmp_path, "01_GT", TRUTH, TRACKS, truth=True)
    seen: list[float] = []
    hooks = Hooks(on_progress=lambda _, part: seen.append(part))
    found = evaluate_tracks(result, truth, output=tmp_path / "out", hooks=hooks)
    row = found.table.iloc[0]
    assert (row["movie"], row["seg"], row["det"], row["tra"]) == ("01", 1.0, 1.0, 1.0)
    assert found.lines == (
        "01: SEG 1.0000  DET 1.0000  TRA 1.0000  LNK 1.0000  (0 to split, 0 missed, 0 extra, 1 of 1 divisions)",
    )
    assert row["division_f1"] == 1.0
    written = ["frames.csv", "index.html", "settings.toml", "tracks.csv", "tracks.json", "tracks.tex"]
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == written
    page = (tmp_path / "out" / "index.html").read_text()
    assert "Worst frames" not in page  # nothing went wrong
    assert "figures" not in page[page.index("Beside this page") :]
    assert json.loads((tmp_path / "out" / "tracks.json").read_text())["movies"][0]["tra"] == 1.0
    assert seen[-1] == 1


def test_scores_equal_py_ctcmetrics(tmp_path: Path) -> None:
    from ctc_metrics import evaluate_sequence

    worse = [frame((1, 2, 2)), frame((1, 3, 3), (2, 21, 22), (9, 30, 40)), frame((3, 3, 4), (2, 22, 22))]
    result = write(tmp_path, "01_RES", worse, "1 0 1 0\n2 1 2 0\n9 1 1 0\n3 2 2 1\n", truth=False)
    truth = write(tmp_path, "01_GT", TRUTH, TRACKS, truth=True)
    ours = evaluate_tracks(result, truth, output=tmp_path / "out", hooks=Hooks()).table.iloc[0]
    theirs = evaluate_sequence(str(result), str(truth), metrics=["SEG", "DET", "TRA", "LNK"], threads=1)
    told = [ours["seg"], ours["det"], ours["tra"], ours["lnk"]]
    assert told == pytest.approx([theirs[m] for m in ("SEG", "DET", "TRA", "LNK")])
    assert ours["det"] < 1


def test_errors_are_told_frame_by_frame_and_the_worst_are_shown(tmp_path: Path) -> None:
    """Frame 1 misses cell 2 and holds a speck, frame 2 runs both daughters together."""
    both = frame((3, 3, 3), (3, 9, 3), (2, 22, 22))
    both[8, 3:8] = 3
    worse = [TRUTH[0], frame((1, 3, 3), (9, 30, 40)), both]
    tracks = "1 0 1 0\n2 0 0 0\n9 1 1 0\n3 2 2 1\n"
    worse[2][worse[2] == 2] = 5
    result = write(tmp_path, "01_RES", worse, tracks + "5 2 2 2\n", truth=False)
    truth = write(tmp_path, "01_GT", TRUTH, TRACKS, truth=True)
    (tmp_path / "01").mkdir()
    for t, array in enumerate(TRUTH):
        tifffile.imwrite(tmp_path / "01" / f"t{t:03d}.tif", 100 * (array > 0).astype(np.uint16))
    found = evaluate_tracks(result, truth, output=tmp_path / "out", hooks=Hooks())
    frames = pd.read_csv(tmp_path / "out" / "frames.csv").set_index("frame")
    assert frames.loc[0, "cost"] == 0
    assert frames.loc[1, ["missed", "extra", "splits"]].tolist() == [1, 1, 0]
    assert frames.loc[2, ["missed", "extra", "splits"]].tolist() == [0, 0, 1]
    assert frames.loc[1, "edges_missed"] == 1  # to cell 2 in frame 1
    totals = found.table.iloc[0]
    for name in ("missed", "extra", "splits", "edges_missed", "edges_extra", "edges_wrong"):
        assert frames[name].sum() == totals[name]
    price = 5 * totals["splits"] + 10 * totals["missed"] + totals["extra"]
    links = 1.5 * totals["edges_missed"] + totals["edges_extra"] + totals["edges_wrong"]
    assert frames["cost"].sum() == price + links
    page = (tmp_path / "out" / "index.html").read_text()
    assert page.index("01, frame 1<br>1 missed, 1 extra") < page.index("01, frame 2<br>1 to split")
    assert "01, frame 0<br>" not in page
    assert (tmp_path / "out" / "figures" / "errors-1.png").exists()


def test_frames_of_the_gallery_hold_only_what_is_wrong(tmp_path: Path) -> None:
    result = write(
        tmp_path, "01_RES", [TRUTH[0], frame((1, 3, 3), (9, 30, 40))], "1 0 1 0\n2 0 0 0\n9 1 1 0\n", truth=False
    )
    truth = write(tmp_path, "01_GT", TRUTH[:2], "1 0 1 0\n2 0 1 0\n", truth=True)
    (movie,) = pair_movies(result, truth)
    scored = score_movie("", movie, hooks=Hooks())
    wrong = scored.tracks.frames[1]
    assert (wrong.reference_labels, wrong.prediction_labels) == ((2,), (9,))
    shown = example_of_frame(movie, 1, errors=wrong, images=tmp_path / "nothing")
    assert np.unique(shown.reference).tolist() == [0, 2]
    assert np.unique(shown.prediction).tolist() == [0, 9]
    assert shown.image is None


def test_several_movies_and_methods_are_rows(tmp_path: Path) -> None:
    for method in ("a", "b"):
        for movie in ("01", "02"):
            write(tmp_path / method, f"{movie}_RES", TRUTH, TRACKS, truth=False)
    for movie in ("01", "02"):
        write(tmp_path / "truth", f"{movie}_GT", TRUTH, TRACKS, truth=True, seg=False)
    sets = {"a": tmp_path / "a", "b": tmp_path / "b"}
    evaluate_tracks(sets, tmp_path / "truth", output=tmp_path / "out", hooks=Hooks())
    table = pd.read_csv(tmp_path / "out" / "tracks.csv")
    assert table[["method", "movie"]].to_numpy().tolist() == [["a", 1], ["a", 2], ["b", 1], ["b", 2]]
    assert table["seg"].isna().all()  # nothing was segmented in full


def test_movies_and_frames_that_one_side_lacks_are_named(tmp_path: Path) -> None:
    result = write(tmp_path, "01_RES", TRUTH[:2], "1 0 1 0\n2 0 1 0\n", truth=False)
    truth = write(tmp_path, "01_GT", TRUTH, TRACKS, truth=True)
    with pytest.raises(DatasetError, match="only one side of frame 2"):
        evaluate_tracks(result, truth, output=tmp_path / "out", hooks=Hooks())
    for name in ("03_RES", "04_RES"):
        write(tmp_path / "more", name, TRUTH, TRACKS, truth=False)
    with pytest.raises(DatasetError, match="only one side of 01, 03, 04"):
        evaluate_tracks(tmp_path / "more", truth.parent, output=tmp_path / "out", hooks=Hooks())


def test_folders_and_files_that_are_no_tracks_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    truth = write(tmp_path, "01_GT", TRUTH, TRACKS, truth=True)
    with pytest.raises(DatasetError, match=r"must hold res_track\.txt"):
        evaluate_tracks(tmp_path / "empty", truth, output=tmp_path / "out", hooks=Hooks())
    result = write(tmp_path, "01_RES", TRUTH, "1 0 one 0\n", truth=False)
    with pytest.raises(DatasetError, match="four whole numbers a line"):
        evaluate_tracks(result, truth, output=tmp_path / "out", hooks=Hooks())


def test_tables_are_not_replaced_unless_asked_and_a_wish_to_stop_writes_none(tmp_path: Path) -> None:
    result = write(tmp_path, "01_RES", TRUTH, TRACKS, truth=False)
    truth = write(tmp_path, "01_GT", TRUTH, TRACKS, truth=True)
    with pytest.raises(Cancelled):
        evaluate_tracks(result, truth, output=tmp_path / "out", hooks=Hooks(should_stop=lambda: True))
    assert not (tmp_path / "out").exists()
    evaluate_tracks(result, truth, output=tmp_path / "out", hooks=Hooks())
    with pytest.raises(ConfigError, match=r"already holds tracks\.csv"):
        evaluate_tracks(result, truth, output=tmp_path / "out", hooks=Hooks())
    evaluate_tracks(result, truth, output=tmp_path / "out", settings=EvaluateSettings(overwrite=True))
