"""`septum evaluate` with several folders, readers, tables, objects and tracks, as it is typed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from septum import Grid, LabelMap, io
from septum.cli.commands.evaluate import _named
from septum.errors import ConfigError


def moved(folder: Path, labels: Path, by: int) -> Path:
    """Masks of another folder, moved sideways."""
    folder.mkdir(parents=True)
    for path in sorted(labels.iterdir()):
        array = np.roll(io.read_labels(path).array, by, axis=1)
        io.write_labels(folder / path.name, LabelMap(array, Grid.from_spacing(array.shape, (1.0, 1.0))))
    return folder


@pytest.fixture
def near(dataset: Path, tmp_path: Path) -> Path:
    return moved(tmp_path / "near", dataset / "labels", 1)


@pytest.fixture
def far(dataset: Path, tmp_path: Path) -> Path:
    return moved(tmp_path / "far", dataset / "labels", 5)


def test_several_folders_are_compared_and_named(septum, dataset, near, far, tmp_path):
    result = septum("evaluate", f"ours={near}", far, dataset, "-o", tmp_path / "r", "--metrics", "overlap")
    assert result.code == 0, result.err
    assert "ours · foreground" in result.out
    assert "Dice: ours - far = +" in result.out
    assert set(pd.read_csv(tmp_path / "r" / "cases.csv")["method"]) == {"ours", "far"}


def test_readers_strata_groups_and_objects_in_one_call(septum, dataset, near, far, tmp_path):
    (tmp_path / "t.csv").write_text("case,patient,site\na,1,x\nb,1,x\nc,2,y\nd,3,y\n")
    options = ["--readers", f"anna={far}", "--table", tmp_path / "t.csv", "--groups", "patient", "--stratify", "site"]
    more = ["--instances", "--policy", "penalise", "--tolerance", "2", "--gallery", "2", "--workers", "1"]
    result = septum("evaluate", near, dataset, "-o", tmp_path / "r", *options, *more)
    assert result.code == 0, result.err
    summary = pd.read_csv(tmp_path / "r" / "summary.csv")
    assert {"surface_dice", "objects_f1"} <= set(summary["metric"])
    assert summary["n_groups"].max() == 3
    assert set(pd.read_csv(tmp_path / "r" / "strata.csv")["value"]) == {"x", "y"}
    assert (tmp_path / "r" / "readers.csv").exists()


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        (["--metrics", "dyce"], "got 'dyce'"),
        (["--policy", "kind"], "undefined, perfect, penalise"),
        (["--weights", "1=2,1=3"], "LABEL=NUMBER"),
        (["--weights", "1"], "LABEL=NUMBER"),
        (["--weights", "1=2"], "several labels"),
        (["--tolerance", "0"], "tolerance must be positive"),
        (["--groups", "patient"], "--table"),
        (["--stratify", "site"], "--table"),
        (["--workers", "0"], "workers must be auto"),
    ],
)
def test_wrong_options_exit_with_2_and_say_what_is_allowed(septum, dataset, near, tmp_path, options, hint):
    result = septum("evaluate", near, dataset, "-o", tmp_path / "r", *options)
    assert result.code == 2
    assert hint in result.err
    assert not (tmp_path / "r").exists()


def test_a_column_that_the_table_lacks_exits_with_2(septum, dataset, near, tmp_path):
    (tmp_path / "t.csv").write_text("case,site\na,x\nb,x\nc,y\nd,y\n")
    settings = ["--table", tmp_path / "t.csv", "--stratify", "scanner"]
    result = septum("evaluate", near, dataset, "-o", tmp_path / "r", *settings)
    assert result.code == 2
    assert "one of case, site" in result.err


def test_colour_masks_are_refused_by_name(septum, dataset, near, tmp_path):
    from PIL import Image

    Image.fromarray(np.random.default_rng(0).integers(0, 255, (48, 48, 3), dtype=np.uint8)).save(near / "a.png")
    result = septum("evaluate", near, dataset, "-o", tmp_path / "r")
    assert result.code == 1
    assert "failed: a: " in result.err
    assert "a.png" in result.err


def test_many_missing_cases_are_counted_on_the_terminal_and_listed_in_the_table(septum, tmp_path):
    names = [f"case{i:02d}" for i in range(30)]
    for part, kept in (("ref", names), ("pred", names[:2])):
        (tmp_path / part).mkdir()
        for name in kept:
            array = np.zeros((12, 12), np.uint8)
            array[2:8, 2:8] = 1
            io.write_labels(tmp_path / part / f"{name}.png", LabelMap(array, Grid.from_spacing((12, 12), (1.0, 1.0))))
    result = septum("evaluate", tmp_path / "pred", tmp_path / "ref", "-o", tmp_path / "r", "--metrics", "overlap")
    assert "no prediction for 8 more; cases.csv lists all" in result.err
    assert (pd.read_csv(tmp_path / "r" / "cases.csv")["status"] == "no prediction").sum() == 28


def test_tracks_are_scored_as_the_challenge_does(septum, tmp_path):
    frames = [np.pad(np.full((4, 4), 1, np.uint16), (2 + t, 20)) for t in range(3)]
    for folder, name in (("01_RES", "mask"), ("01_GT/TRA", "man_track")):
        (tmp_path / folder).mkdir(parents=True)
        for t, frame in enumerate(frames):
            tifffile.imwrite(tmp_path / folder / f"{name}{t:03d}.tif", frame[:8, :30])
    (tmp_path / "01_RES" / "res_track.txt").write_text("1 0 2 0\n")
    (tmp_path / "01_GT" / "TRA" / "man_track.txt").write_text("1 0 2 0\n")
    result = septum("evaluate", tmp_path / "01_RES", tmp_path / "01_GT", "-o", tmp_path / "r", "--tracking")
    assert result.code == 0, result.err
    assert "DET 1.0000  TRA 1.0000" in result.out
    assert (tmp_path / "r" / "tracks.csv").exists()


def test_folders_take_the_name_that_tells_them_apart(tmp_path: Path) -> None:
    assert _named(["one/masks"]) == Path("one/masks")
    assert _named(["one/masks", "two/masks"]) == {"one/masks": Path("one/masks"), "two/masks": Path("two/masks")}
    assert _named(["a=x", "y"]) == {"a": Path("x"), "y": Path("y")}
    assert _named(["a=x"]) == {"a": Path("x")}
    (tmp_path / "k=v").mkdir()
    assert _named([str(tmp_path / "k=v")]) == tmp_path / "k=v"
    with pytest.raises(ConfigError, match="got 'a' twice"):
        _named(["a=x", "a=y"])


@pytest.mark.slow
def test_a_remote_scheduler_gives_the_same_tables(septum, dataset, near, tmp_path):
    from distributed import LocalCluster

    here = septum("evaluate", near, dataset, "-o", tmp_path / "here", "--workers", "1")
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=True, dashboard_address=":0") as cluster:
        address = cluster.scheduler_address
        there = septum("evaluate", near, dataset, "-o", tmp_path / "there", "--workers", address)
        assert (tmp_path / "there" / "cases.csv").read_text() == (tmp_path / "here" / "cases.csv").read_text()
        assert cluster.scheduler_info["workers"]  # it is left running: it is not ours
    assert (here.code, there.code) == (0, 0), there.err


def test_a_scheduler_that_is_not_there_exits_with_2(septum, dataset, near, tmp_path):
    result = septum("evaluate", near, dataset, "-o", tmp_path / "r", "--workers", "tcp://127.0.0.1:9")
    assert result.code == 2
    assert "no Dask scheduler answers at tcp://127.0.0.1:9" in result.err
    assert "dask scheduler" in result.err
