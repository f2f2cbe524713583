"""`septum edit` from the command line: scripts, layers, dry runs, what is refused and what is kept."""

from __future__ import annotations

import json
import os
import signal
import tomllib

import numpy as np
import pytest

from septum import Grid, LabelMap, io
from septum.interactive.edits import paint, polygon, regions
from septum.workflows.editing import edit as editing
from septum.workflows.editing.script import tools

SPACING = (3.0, 1.0, 1.0)
SHAPE = (12, 32, 36)


PAINT = """
[[step]]
do = "paint"
points = [[3, 10, 10], [8, 20, 30]]
radius_mm = 4
label = 5
"""


def test_a_script_paints_in_voxels_and_writes_mask_script_and_record(septum, files):
    folder, labels, grid, script = files
    result = septum(
        "edit", folder / "image.nii.gz", folder / "labels.nii.gz", "-s", script(PAINT), "-o", folder / "out.nii.gz"
    )
    assert result.code == 0, result.err
    assert result.out.splitlines() == [str(folder / "out.nii.gz")]
    expected = paint.paint(None, labels, points=[[3, 10, 10], [8, 20, 30]], radius_mm=4, label=5, spacing=SPACING)
    found = io.read_labels(folder / "out.nii.gz")
    assert np.array_equal(found.array, expected.applied_to(labels))
    assert found.grid.matches(grid, tolerance=1e-4)
    record = json.loads((folder / "out.septum-edit.json").read_text())
    assert record["steps"][0]["changed"] == int((found.array != labels).sum())
    assert record["image"]["image.nii.gz"]
    again = septum(
        "edit", folder / "image.nii.gz", folder / "labels.nii.gz",
        "-s", folder / "out.septum-edit.toml", "-o", folder / "again.nii.gz",
    )  # fmt: skip
    assert again.code == 0, again.err
    assert np.array_equal(io.read_labels(folder / "again.nii.gz").array, found.array)
    assert (folder / "again.septum-edit.toml").read_text() == (folder / "out.septum-edit.toml").read_text()


def test_positions_in_mm_are_world_positions(septum, files):
    folder, _, grid, script = files
    world = grid.index_to_world([[3, 10, 10], [8, 20, 30]]).tolist()
    steps = PAINT.replace("points = [[3, 10, 10], [8, 20, 30]]", f"points_mm = {world}")
    for name, text in (("voxels", PAINT), ("mm", steps)):
        result = septum("edit", folder / "image.nii.gz", "--new", "-s", script(text), "-o", folder / f"{name}.nii.gz")
        assert result.code == 0, result.err
    one, other = (io.read_labels(folder / f"{name}.nii.gz").array for name in ("voxels", "mm"))
    assert np.array_equal(one, other)
    assert one.any()


ALL = """
about = "one of each"
[rules]
overwrite = "all"

[[step]]
do = "erase"
points = [[6, 16, 16]]
radius_mm = 5
only = [1]

[[step]]
do = "polygon"
points = [[6, 2, 2], [6, 2, 9], [6, 9, 9], [6, 9, 2]]
label = 3

[[step]]
do = "polygon"
points = [[6, 4, 4], [6, 4, 7], [6, 7, 7], [6, 7, 4]]
label = 0

[[step]]
do = "fill"
points = [[6, 5, 5]]
label = 4

[[step]]
do = "scissors"
points = [[6, 12, 8], [6, 12, 20], [6, 14, 20], [6, 14, 8]]
through = "symmetric"
depth_mm = 6.5

[[step]]
do = "fill-holes"

[[step]]
do = "margin"
distance_mm = 1.5
only = [2]
rules = {overwrite = "none"}

[[step]]
do = "smooth"
kind = "joint"
size_mm = 0.8

[[step]]
do = "islands"
operation = "split"
only = [1]

[[step]]
do = "logic"
operation = "add"
label = 9
of = [3, 4]

[[step]]
do = "hollow"
thickness_mm = 3
only = [2]
region = [[0, 0, 0], [12, 32, 30]]
"""


def test_a_script_of_every_edit_is_that_of_the_functions(septum, files):
    folder, labels, _, script = files
    result = septum("edit", folder / "image.nii.gz", folder / "labels.nii.gz", "-s", script(ALL), "-o", folder / "out")
    assert result.code == 0, result.err
    now = labels
    for tool, options in (
        (paint.erase, {"points": [[6, 16, 16]], "radius_mm": 5, "only": [1]}),
        (polygon.polygon, {"points": [[6, 2, 2], [6, 2, 9], [6, 9, 9], [6, 9, 2]], "label": 3}),
        (polygon.polygon, {"points": [[6, 4, 4], [6, 4, 7], [6, 7, 7], [6, 7, 4]], "label": 0}),
        (polygon.fill, {"points": [[6, 5, 5]], "label": 4}),
        (
            polygon.scissors,
            {
                "points": [[6, 12, 8], [6, 12, 20], [6, 14, 20], [6, 14, 8]],
                "through": "symmetric",
                "depth_mm": 6.5,
            },
        ),
        (regions.fill_holes, {}),
    ):
        now = tool(None, now, spacing=SPACING, **options).applied_to(now)
    grown = regions.margin(None, now, distance_mm=1.5, only=[2], spacing=SPACING).applied_to(now)
    now = np.where(now == 0, grown, now)
    for tool, options in (
        (regions.smooth, {"kind": "joint", "size_mm": 0.8}),
        (regions.islands, {"operation": "split", "only": [1]}),
        (regions.logic, {"operation": "add", "label": 9, "of": [3, 4]}),
    ):
        now = tool(None, now, spacing=SPACING, **options).applied_to(now)
    hollow = regions.hollow(None, now, thickness_mm=3, only=[2], spacing=SPACING).applied_to(now)
    now = np.where(np.arange(36) < 30, hollow, now)
    assert np.array_equal(io.read_labels(folder / "out" / "labels.nii.gz").array, now)
    assert np.unique(now).tolist() == [0, 1, 2, 9]
    assert tomllib.loads((folder / "out" / "labels.septum-edit.toml").read_text())["about"] == "one of each"


def test_a_dry_run_says_what_would_change_and_writes_nothing(septum, files):
    folder, labels, _, script = files
    before = sorted(p.name for p in folder.iterdir())
    result = septum("edit", folder / "image.nii.gz", folder / "labels.nii.gz", "-s", script(PAINT), "--dry-run")
    assert result.code == 0, result.err
    assert "voxels changed  in 2,6,6 to" in result.out
    assert f"label 1     {int((labels == 1).sum()):>10} voxels before" in result.out
    assert sorted(p.name for p in folder.iterdir()) == sorted({*before, "steps.toml"})


def test_a_mask_that_exists_is_kept_unless_told_and_then_too(septum, files):
    folder, labels, _, script = files
    own = folder / "labels.nii.gz"
    refused = septum("edit", folder / "image.nii.gz", own, "-s", script(PAINT), "-o", own)
    assert refused.code == 2
    assert "--overwrite" in refused.err
    assert np.array_equal(io.read_labels(own).array, labels)
    for number in (1, 2):
        previous = own.read_bytes()
        text = PAINT.replace("label = 5", f"label = {5 + number}")
        result = septum("edit", folder / "image.nii.gz", own, "-s", script(text), "-o", own, "--overwrite")
        assert result.code == 0, result.err
        assert (folder / f"labels.kept-{number}.nii.gz").read_bytes() == previous
    assert 7 in io.read_labels(own).array
    refused = septum(
        "edit", folder / "image.nii.gz", own, "-s", script(PAINT), "-o", folder / "image.nii.gz", "--overwrite"
    )
    assert refused.code == 2
    assert "replace the image" in refused.err


def test_labels_on_another_grid_are_refused_with_the_distance(septum, files):
    folder, labels, grid, script = files
    moved = grid.affine.copy()
    moved[0, 3] += 4.0
    io.write_labels(folder / "moved.nii.gz", LabelMap(labels, Grid(SHAPE, moved)))
    result = septum(
        "edit", folder / "image.nii.gz", folder / "moved.nii.gz", "-s", script(PAINT), "-o", folder / "o.nii.gz"
    )
    assert result.code == 2
    assert "corners differ by 4.0 voxels" in result.err
    io.write_labels(folder / "small.nii.gz", LabelMap(labels[:5], grid.crop((0, 0, 0), (5, *SHAPE[1:]))))
    result = septum(
        "edit", folder / "image.nii.gz", folder / "small.nii.gz", "-s", script(PAINT), "-o", folder / "o.nii.gz"
    )
    assert result.code == 2
    assert "shape (5, 32, 36)" in result.err
    assert not (folder / "o.nii.gz").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[step]]\ndo = 'pant'\n", "did you mean 'paint'"),
        (PAINT + "radius = 3\n", "did you mean 'radius_mm'"),
        (PAINT + "kind = 'x'\n", "unknown key 'kind'"),
        (PAINT.replace("points", "point"), "did you mean 'points'"),
        ("[[step]]\ndo = 'paint'\n", "needs points or points_mm"),
        (PAINT + "points_mm = [[1, 2, 3]]\n", "got both"),
        (PAINT.replace("[[3, 10, 10], [8, 20, 30]]", "[[3, 10], [8, 20, 30]]"), "list of positions"),
        (PAINT.replace("[[3, 10, 10], [8, 20, 30]]", "[[3, 10], [8, 20]]"), "3 numbers each"),
        (PAINT.replace("[[3, 10, 10], [8, 20, 30]]", "[[3, 10, nan]]"), "finite"),
        (PAINT.replace("[[3, 10, 10], [8, 20, 30]]", "[[3, 10, 99]]"), "inside the image"),
        (PAINT.replace("points = [[3, 10, 10], [8, 20, 30]]", "points_mm = [[500, 1, 1]]"), "to [30.0, 11.0, 83.0] mm"),
        (PAINT.replace("radius_mm = 4", "radius_mm = 'wide'"), "a number from 0"),
        (PAINT.replace("label = 5", "label = 1.5"), "a whole number"),
        (PAINT + "rules = {overwite = 'none'}\n", "did you mean 'overwrite'"),
        (PAINT + "rules = {low = 3, high = 2}\n", "low must not be above high"),
        (PAINT + "rules = 3\n", "must be a table"),
        (PAINT + "rules = {hidden = [1.5]}\n", "whole numbers"),
        (PAINT + "layer = 'organs'\n", "layer must be one of main"),
        (PAINT + "layer = 3\n", "name of a layer"),
        (PAINT + "region = [[0, 0, 0]]\n", "two corners"),
        (PAINT + "region = [[5, 5, 5], [5, 9, 9]]\n", "must hold voxels"),
        (PAINT + "region = [[5, 5], [5, 9]]\n", "3 numbers each"),
        (PAINT + "channel = 'red'\n", "channel must be one of"),
        (PAINT + "channel = 4\n", "channel must be from 0"),
        (PAINT + "channel = true\n", "channel must be a name"),
        ("[rule]\nlow = 1\n" + PAINT, "did you mean 'rules'"),
        ("format = 9\n" + PAINT, "format must be 1"),
        ("", "one [[step]] or more"),
        ("[[step]]\nradius_mm = 3\n", "must name its tool"),
        ("this is no TOML", "cannot be read as TOML"),
        ("[[step]]\ndo = 'logic'\nother = 'organs'\n", "layer must be one of main"),
        ("[[step]]\ndo = 'smooth'\nonly = [1.5]\n", "whole numbers"),
        ("[[step]]\ndo = 'fill'\npoints = [[0, 0, 0]]\n", "must be closed"),
    ],
)
def test_a_wrong_script_ends_with_2_names_the_step_and_writes_nothing(septum, files, text, words):
    folder, _, _, script = files
    path = script(text)
    before = sorted(p.name for p in folder.iterdir())
    result = septum("edit", folder / "image.nii.gz", folder / "labels.nii.gz", "-s", path, "-o", folder / "o.nii.gz")
    assert result.code == 2, result.err
    assert words in result.err
    assert "Traceback" not in result.err
    assert sorted(p.name for p in folder.iterdir()) == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["image.nii.gz", "labels.nii.gz", "-s", "steps.toml"], "-o OUT"),
        (["image.nii.gz", "labels.nii.gz", "-o", "o"], "a script must be given"),
        (["image.nii.gz", "-s", "steps.toml", "-o", "o"], "--new"),
        (["image.nii.gz", "labels.nii.gz", "--new", "-s", "steps.toml", "-o", "o"], "one place, got 2"),
        (["image.nii.gz", "labels.nii.gz", "-s", "absent.toml", "-o", "o"], "cannot be read"),
        (["image.nii.gz", "absent.nii.gz", "-s", "steps.toml", "-o", "o"], "must exist"),
        (["image.nii.gz", "labels.nii.gz", "-s", "steps.toml", "-o", "o", "--layer", "x"], "NAME=FILE"),
        (["image.nii.gz", "labels.nii.gz", "-s", "steps.toml", "-o", "o", "--layer", "main=labels.nii.gz"], "'main'"),
        (
            ["image.nii.gz", "labels.nii.gz", "-s", "steps.toml", "-o", "o", "--layer", "a b=labels.nii.gz"],
            "name of letters",
        ),
    ],
)
def test_wrong_usage_ends_with_2_and_says_what_to_do(septum, files, monkeypatch, arguments, words):
    folder, _, _, script = files
    script(PAINT)
    monkeypatch.chdir(folder)
    result = septum("edit", *arguments)
    assert result.code == 2
    assert words in result.err


def test_ctrl_c_leaves_nothing_half_written(septum, files, monkeypatch):
    folder, _, _, script = files
    text = PAINT * 3
    before = sorted({*(p.name for p in folder.iterdir()), "steps.toml"})
    real = editing._run_step

    def interrupted(*arguments, **named):
        os.kill(os.getpid(), signal.SIGINT)
        return real(*arguments, **named)

    monkeypatch.setattr(editing, "_run_step", interrupted)
    result = septum(
        "edit", folder / "image.nii.gz", folder / "labels.nii.gz", "-s", script(text), "-o", folder / "o.nii.gz"
    )
    assert result.code == 130
    assert "nothing was written" in result.err
    assert sorted(p.name for p in folder.iterdir()) == before


def test_the_list_holds_every_tool_and_explains_one(septum):
    listed = septum("edit", "--list-tools")
    assert listed.code == 0
    for row in tools():
        assert f"  {row.name} " in listed.out
        assert row.what in listed.out
    explained = septum("edit", "--list-tools", "--tool", "paint")
    assert "is shown points (needed)" in explained.out
    assert "radius of the brush (a number from 0, mm; default 2)" in explained.out
    assert "overwrite: " in septum("edit", "--list-tools", "--tool", "rules").out
    assert septum("edit", "--list-tools", "--tool", "nonsense").code == 2


def test_the_line_of_a_step_holds_what_its_network_said(capsys):
    from septum.cli.commands.edit import _finish

    step = editing.StepResult("prompted", "main", 9, None, 0.1, "slices across axis 0 (z)")
    _finish(editing.EditResult((step,), {}, {}, (), ()), dry_run=True)
    assert "9 voxels changed  (slices across axis 0 (z))" in capsys.readouterr().out
