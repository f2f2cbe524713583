"""Steps of `septum edit`: layers, rules, strokes and seeds, sessions, planes and a real volume."""

from __future__ import annotations

import numpy as np

from septum import Image, LabelMap, io
from septum.interactive.edits import paint, regions
from septum.interactive.session import journal
from septum.interactive.session.session import Session
from septum.interactive.tool import Box, Change
from septum.options import Method
from septum.workflows.editing import script as edit_script

SPACING = (3.0, 1.0, 1.0)
SHAPE = (12, 32, 36)


PAINT = """
[[step]]
do = "paint"
points = [[3, 10, 10], [8, 20, 30]]
radius_mm = 4
label = 5
"""


def test_layers_are_read_named_and_written_when_they_changed(septum, files):
    folder, labels, grid, script = files
    organ = np.roll(labels, 5, axis=2) * 3
    io.write_labels(folder / "organs.nrrd", LabelMap(organ, grid, {3: "liver", 6: "spleen"}))
    steps = """
[[step]]
do = "logic"
operation = "subtract"
label = 1
other = "organs"
of = [3]

[[step]]
do = "paint"
points = [[1, 2, 2]]
radius_mm = 0
label = 3
layer = "organs"
"""
    arguments = (
        "edit",
        folder / "image.nii.gz",
        folder / "labels.nii.gz",
        "--layer",
        f"organs={folder / 'organs.nrrd'}",
    )
    result = septum(*arguments, "-s", script(steps), "-o", folder / "out.nii.gz")
    assert result.code == 0, result.err
    assert np.array_equal(
        io.read_labels(folder / "out.nii.gz").array, np.where((labels == 1) & (organ == 3), 0, labels)
    )
    other = io.read_labels(folder / "out.organs.nii.gz").array
    assert other[1, 2, 2] == 3
    only_first = septum(*arguments, "-s", script(steps.split('[[step]]\ndo = "paint"')[0]), "-o", folder / "b.nii.gz")
    assert only_first.code == 0, only_first.err
    assert not (folder / "b.organs.nii.gz").exists()


def test_an_editable_area_and_range_hold_in_a_script(septum, files):
    folder, labels, _, script = files
    steps = """
[rules]
area = "inside"
area_labels = [1]
low = 4.0

[[step]]
do = "logic"
operation = "fill"
label = 8
"""
    result = septum(
        "edit", folder / "image.nii.gz", folder / "labels.nii.gz", "-s", script(steps), "-o", folder / "o.nii.gz"
    )
    assert result.code == 0, result.err
    image = io.read_image(folder / "image.nii.gz").array[0]
    expected = np.where((labels == 1) & (image >= 4.0), 8, labels)
    assert np.array_equal(io.read_labels(folder / "o.nii.gz").array, expected)


def test_the_image_is_masked_and_later_steps_see_it(septum, files):
    folder, labels, _, script = files
    steps = """
[[step]]
do = "mask-image"
only = [1]
value = -7

[[step]]
do = "logic"
operation = "fill"
label = 8
rules = {high = -7.0}
"""
    result = septum(
        "edit", folder / "image.nii.gz", folder / "labels.nii.gz", "-s", script(steps),
        "-o", folder / "o.nii.gz", "--image-output", folder / "masked.nii.gz",
    )  # fmt: skip
    assert result.code == 0, result.err
    masked = io.read_image(folder / "masked.nii.gz").array[0]
    assert (masked[labels != 1] == -7).all()
    assert np.array_equal(io.read_labels(folder / "o.nii.gz").array, np.where(labels == 1, 1, 8))


def test_a_session_that_crashed_is_written_out_with_all_its_layers(septum, files):
    folder, labels, grid, script = files
    layers = {"organ": labels, "vessel": np.zeros(SHAPE, np.uint8)}
    with Session.create(folder / "s", layers, spacing=SPACING) as session:
        session.run(paint.paint, points=[[3, 10, 10]], radius_mm=5, label=6)
        session.run(paint.paint, points=[[5, 10, 10]], radius_mm=5, label=2, layer="vessel")
        expected = {name: session.labels(name).copy() for name in session.names}
    path = journal.journal_path(folder / "s", 1)
    path.write_bytes(path.read_bytes() + b"SREC torn")
    arguments = ("edit", folder / "image.nii.gz", "--session", folder / "s")
    result = septum(*arguments, "-o", folder / "saved.nii.gz")
    assert result.code == 0, result.err
    assert result.out.splitlines() == [str(folder / "saved.nii.gz"), str(folder / "saved.vessel.nii.gz")]
    for name, file in (("organ", "saved.nii.gz"), ("vessel", "saved.vessel.nii.gz")):
        found = io.read_labels(folder / file)
        assert np.array_equal(found.array, expected[name])
        assert found.grid.matches(grid, tolerance=1e-4)
    more = septum(*arguments, "-s", script(PAINT + 'layer = "vessel"\n'), "-o", folder / "more.nii.gz")
    assert more.code == 0, more.err
    assert 5 in io.read_labels(folder / "more.vessel.nii.gz").array
    both = septum(*arguments[:2], folder / "labels.nii.gz", *arguments[2:], "-o", folder / "x.nii.gz")
    assert both.code == 2
    assert "one place, got 2" in both.err
    nowhere = septum("edit", folder / "image.nii.gz", "--session", folder, "-o", folder / "x.nii.gz")
    assert nowhere.code == 2
    assert "must hold a session" in nowhere.err


def test_planes_are_edited_in_their_own_format(septum, dataset, tmp_path):
    path = tmp_path / "steps.toml"
    path.write_text(
        '[[step]]\ndo = "margin"\ndistance_mm = 2\n\n[[step]]\ndo = "paint"\npoints = [[1.4, 2]]\nlabel = 2\n'
    )
    result = septum(
        "edit", dataset / "images" / "a.png", dataset / "labels" / "a.png", "-s", path, "-o", tmp_path / "out"
    )
    assert result.code == 0, result.err
    before = io.read_labels(dataset / "labels" / "a.png").array
    grown = regions.margin(None, before, distance_mm=2).applied_to(before)
    expected = paint.paint(None, grown, points=[[1.4, 2]], label=2).applied_to(grown)
    assert np.array_equal(io.read_labels(tmp_path / "out" / "a.png").array, expected)


def test_a_spleen_shrunk_and_grown_lies_within_itself_on_the_grid_of_the_ct(septum, realdata, tmp_path):
    folder = realdata / "ct-spleen-crop"
    path = tmp_path / "steps.toml"
    path.write_text(
        '[[step]]\ndo = "margin"\ndistance_mm = -5\n\n[[step]]\ndo = "margin"\ndistance_mm = 5\nrules = {low = -50}\n'
    )
    image, labels = (folder / kind / "spleen2.nii.gz" for kind in ("images", "labels"))
    result = septum("edit", image, labels, "-s", path, "-o", tmp_path)
    assert result.code == 0, result.err
    before, after = io.read_labels(labels), io.read_labels(tmp_path / "spleen2.nii.gz")
    assert after.grid.matches(before.grid, tolerance=1e-4)
    assert not (after.array & ~before.array).any()
    assert 0.9 < after.array.sum() / before.array.sum() < 1


def test_tools_of_strokes_seeds_and_steps_run_from_a_script(septum, files, monkeypatch):
    folder, _, grid, script = files
    seen = {}

    def by_strokes(image, labels, *, strokes, spacing, region=None, cancelled=None):
        seen["strokes"], seen["image"] = strokes, image.shape
        yield Change(region, np.full(region.shape, 9))
        yield Change(region, np.full(region.shape, strokes[0].label))

    def by_seeds(image, labels, *, seeds, points, spacing, cancelled=None):
        seen["seeds"], seen["points"] = seeds, points
        return Change(Box((0, 0, 0), (1, 1, 1)), np.full((1, 1, 1), 7))

    rows = (
        Method("by-strokes", by_strokes, "tool", "one", "numpy", (), ("spacing", "strokes"), ("strokes",)),
        Method("by-seeds", by_seeds, "tool", "two", "numpy", (), ("spacing", "seeds", "points"), ("seeds",)),
    )
    monkeypatch.setattr(edit_script, "tools", lambda: rows)
    world = grid.index_to_world([[2, 5, 5], [2, 5, 9]]).tolist()
    steps = f"""
[[step]]
do = "by-strokes"
strokes = [{{points_mm = {world}, label = 4}}, {{points = [[1, 1, 1]], label = 0, radius_mm = 1}}]
region = [[2, 2, 2], [4, 6, 8]]
channel = "intensity"

[[step]]
do = "by-seeds"
strokes = [{{points = [[1, 1, 1], [1, 1, 3]], label = 2}}]
points = [[1.2, 2.6, 3]]
"""
    result = septum("edit", folder / "image.nii.gz", "--new", "-s", script(steps), "-o", folder / "o.nii.gz")
    assert result.code == 0, result.err
    found = io.read_labels(folder / "o.nii.gz").array
    assert (found[2:4, 2:6, 2:8] == 4).all()
    assert found[0, 0, 0] == 7
    assert seen["image"] == SHAPE
    assert seen["strokes"][0].points.tolist() == [[2, 5, x] for x in range(5, 10)]
    assert len(seen["strokes"][1].points) == 5
    assert (seen["seeds"][1, 1, 1:4] == 2).all()
    assert (seen["seeds"] == -1).sum() == found.size - 3
    assert seen["points"].tolist() == [[1, 3, 3]]
    sparse = np.zeros(SHAPE, np.uint8)
    sparse[5, 5], sparse[6, 6] = 3, 8
    io.write_labels(folder / "marks.nii.gz", LabelMap(sparse, grid))
    steps = '[[step]]\ndo = "by-seeds"\nseeds_layer = "marks"\nseeds_background = 8\n'
    steps += "strokes = [{points = [[6, 6, 1]], label = 5}]\n"
    arguments = ("edit", folder / "image.nii.gz", "--new", "--layer", f"marks={folder / 'marks.nii.gz'}")
    result = septum(*arguments, "-s", script(steps + "points = [[1, 1, 1]]\n"), "-o", folder / "q.nii.gz")
    assert result.code == 0, result.err
    assert (seen["seeds"][5, 5] == 3).all()
    assert np.unique(seen["seeds"][6, 6]).tolist() == [0, 5]
    assert (seen["seeds"] == -1).sum() == sparse.size - 72
    assert (
        "needs strokes"
        in septum(
            "edit",
            folder / "image.nii.gz",
            "--new",
            "-s",
            script('[[step]]\ndo = "by-strokes"\n'),
            "-o",
            folder / "p.nii.gz",
        ).err
    )
    for wrong, words in (
        ("seeds_layer = 'x'", "unknown key 'seeds_layer'"),
        ("strokes = 3", "list of {points, label}"),
        ("strokes = [{points = [[1, 1, 1]]}]", "and a label"),
        ("strokes = [{points = [[1, 1, 1]], label = 1, colour = 3}]", "unknown key 'colour'"),
        ("strokes = [{points = [[1, 'x', 1]], label = 1}]", "finite numbers"),
    ):
        text = f'[[step]]\ndo = "by-strokes"\n{wrong}\n'
        refused = septum("edit", folder / "image.nii.gz", "--new", "-s", script(text), "-o", folder / "p.nii.gz")
        assert refused.code == 2
        assert words in refused.err


def test_a_region_in_mm_holds_both_its_corners(septum, files):
    folder, _, grid, script = files
    corners = grid.index_to_world([[7, 20, 4], [2, 6, 30]]).tolist()
    steps = f'[[step]]\ndo = "logic"\noperation = "fill"\nlabel = 8\nregion_mm = {corners}\n'
    result = septum("edit", folder / "image.nii.gz", "--new", "-s", script(steps), "-o", folder / "o.nii.gz")
    assert result.code == 0, result.err
    expected = np.zeros(SHAPE, np.uint8)
    expected[2:8, 6:21, 4:31] = 8
    assert np.array_equal(io.read_labels(folder / "o.nii.gz").array, expected)


def test_rules_about_layers_and_channels_hold_in_a_script(septum, files):
    folder, labels, grid, script = files
    io.write_labels(folder / "other.nii.gz", LabelMap((labels > 0) * 3, grid))
    second = np.zeros(SHAPE, np.float32)
    second[:, :, :20] = 1
    io.write_image(folder / "two.nii.gz", Image(np.stack([second * 0, second]), grid, ("a", "b")))
    base = '[[step]]\ndo = "logic"\noperation = "fill"\nlabel = 8\nrules = '
    arguments = ("edit", folder / "two.nii.gz", "--new", "--layer", f"other={folder / 'other.nii.gz'}")

    def run(rules, name):
        result = septum(*arguments, "-s", script(f"{base}{{{rules}}}\n"), "-o", folder / f"{name}.nii.gz")
        assert result.code == 0, result.err
        other = folder / f"{name}.other.nii.gz"
        return io.read_labels(folder / f"{name}.nii.gz").array == 8, io.read_labels(
            other
        ).array if other.exists() else None

    taken, other = run("exclusive = true", "one")
    assert taken.all()
    assert not other.any()
    taken, other = run('exclusive = true, overwrite = "visible", hidden_layers = "x, other"', "two-hidden")
    assert np.array_equal(taken, labels == 0)
    assert other is None
    taken, _ = run("low = 1, range_channel = 1", "three")
    assert np.array_equal(taken, second == 1)
    taken, _ = run('area = "outside", area_layer = "other", area_labels = [3]', "four")
    assert np.array_equal(taken, labels == 0)
