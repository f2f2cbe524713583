"""`septum info`: geometry, volumes, frames, and what a data set holds."""

from __future__ import annotations

import numpy as np
from tests import phantoms

from septum import Grid, Image, LabelMap, io


def rows(text: str) -> dict[str, str]:
    """The rows `  what   value` of `septum info`; the last one of a name counts."""
    return {line[2:16].strip(): line[16:] for line in text.splitlines() if line.startswith("  ")}


def test_info_shows_geometry_and_the_volume_of_each_label(septum, tmp_path):
    box = phantoms.box((16, 20, 24), (3.0, 0.5, 0.5))
    io.write_labels(tmp_path / "mask.nii.gz", box.labels)
    result = septum("info", tmp_path / "mask.nii.gz")
    found = rows(result.out)
    assert result.code == 0
    assert found["format"] == "NIfTI"
    assert found["shape"] == "z 16  y 20  x 24"
    assert found["spacing"] == "3 x 0.5 x 0.5 mm"
    assert found["orientation"] == "SAR"
    assert found["label 1"] == f"{int(box.mask.sum())} voxels, {box.size:.4g} mm³"


def test_info_says_px_where_a_file_has_no_physical_size(septum, dataset):
    found = rows(septum("info", dataset / "images" / "a.png").out)
    assert found["spacing"] == "1 x 1 px"
    assert "label 1" not in found


def test_info_of_a_movie_shows_frames_and_axes_can_be_declared(septum, tmp_path):
    path = tmp_path / "stack.tif"
    values = np.random.default_rng(0).random((1, 5, 24, 32)).astype(np.float32)
    io.write_image(path, Image(values, Grid.from_spacing((5, 24, 32), (1.0, 1.0, 1.0))))
    assert rows(septum("info", path).out)["shape"] == "z 5  y 24  x 32"
    movie = rows(septum("info", path, "--axes", "TYX").out)
    assert movie["shape"] == "y 24  x 32"
    assert movie["frames"].startswith("5,")


def test_info_of_a_data_set_lists_every_case_once(septum, dataset):
    result = septum("info", dataset)
    found = rows(result.out)
    assert found["data set"] == "folders"
    assert found["cases"] == "4, 4 with a label"
    lines = [line.split() for line in result.out.splitlines()]
    assert ["case", "shape", "spacing", "channels", "type", "labels"] in lines
    for name in "abcd":
        assert [name, "48", "x", "48", "1", "x", "1", "px", "1", "uint8", "1"] in lines


def test_info_takes_numbers_of_objects_for_objects(septum, tmp_path):
    array = np.zeros((20, 20), np.uint8)
    array[::4, ::4] = np.arange(1, 26).reshape(5, 5)
    io.write_labels(tmp_path / "cells.png", LabelMap(array, Grid.from_spacing((20, 20), (1.0, 1.0))))
    out = septum("info", tmp_path / "cells.png").out
    assert rows(out)["objects?"] == "25, of 1 to 1 pixels, if these are no classes"
    assert "label 1" not in rows(out)


def test_info_of_a_table_shows_the_data_set(septum, dataset):
    (dataset / "cases.tsv").write_text("image\tlabel\nimages/a.png\tlabels/a.png\n")
    found = rows(septum("info", dataset / "cases.tsv").out)
    assert (found["data set"], found["cases"]) == ("table", "1, 1 with a label")


def test_info_of_a_broken_table_says_what_is_wrong(septum, tmp_path):
    (tmp_path / "cases.csv").write_text("a,b\n1,2\n")
    result = septum("info", tmp_path / "cases.csv")
    assert result.code == 2
    assert "column image" in result.err


def test_info_of_several_paths_shows_each(septum, dataset):
    result = septum("info", dataset / "images" / "a.png", dataset / "images" / "b.png")
    assert result.out.count("format") == 2
