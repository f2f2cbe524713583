"""`septum interpolate` as a person calls it."""

import numpy as np
import pytest

from septum import io
from septum.cli.main import main
from septum.geometry import Grid, LabelMap


def septum(*words):
    with pytest.raises(SystemExit) as stopped:
        main([str(word) for word in words])
    return stopped.value.code


@pytest.fixture
def sparse(tmp_path):
    labels = np.zeros((9, 20, 20), np.uint8)
    labels[[0, 4, 8], 5:15, 5:15] = 1
    path = tmp_path / "sparse.nii.gz"
    io.write_labels(path, LabelMap(labels, Grid(labels.shape, np.diag([2.0, 1, 1, 1])), {}))
    return path


def test_the_estimate_the_next_slice_and_the_path_are_printed(sparse, tmp_path, capsys):
    assert septum("interpolate", sparse, "-o", tmp_path / "filled.nii.gz") == 0
    shown = capsys.readouterr()
    assert "expected Dice of the slices between: 0.9" in shown.err
    assert "draw next: slice " in shown.err
    assert shown.out.strip().endswith("filled.nii.gz")
    assert io.read_labels(tmp_path / "filled.nii.gz").array.sum() == 900
    assert septum("info", tmp_path / "filled.nii.gz") == 0
    assert "3 drawn, 6 interpolated; drawn 0, 4, 8" in capsys.readouterr().out


def test_a_damaged_list_of_slices_is_a_note_of_info(sparse, capsys):
    (sparse.parent / "sparse.slices.json").write_text("{")
    assert septum("info", sparse) == 0
    assert "list of slices" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--drawn", "z:0"], "at least two slices"),
        (["--drawn", "q:0,4"], "axis and slices"),
        (["--drawn", "z:0;4"], "axis and slices"),
        (["--drawn", "z:0,44"], "0 to 8"),
        (["--method", "image"], "given the image"),
    ],
)
def test_bad_input_is_told_and_nothing_is_written(sparse, tmp_path, capsys, options, words):
    assert septum("interpolate", sparse, "-o", tmp_path / "filled.nii.gz", *options) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "filled.nii.gz").exists()


def test_an_edit_marks_the_slices_that_it_changed_as_corrected(sparse, tmp_path, capsys):
    assert septum("interpolate", sparse, "-o", tmp_path / "filled.nii.gz") == 0
    steps = tmp_path / "steps.toml"
    steps.write_text('[[step]]\ndo = "paint"\npoints = [[2, 2, 2]]\nradius_mm = 1.5\nlabel = 1\n')
    assert septum("edit", sparse, tmp_path / "filled.nii.gz", "-s", steps, "-o", tmp_path / "edited.nii.gz") == 0
    assert septum("info", tmp_path / "edited.nii.gz") == 0
    assert "3 drawn, 5 interpolated, 1 corrected; drawn 0, 2, 4, 8" in capsys.readouterr().out
