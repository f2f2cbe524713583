"""`measure`: tables by object and image, conditions from folders, names or a table, compared by unit in one page."""

import numpy as np
import pandas as pd
import pytest

from septum import io
from septum.errors import ConfigError
from septum.geometry import Grid, Image, LabelMap
from septum.workflows.objects.measure import MeasureSettings, is_semantic, measure, measure_case
from septum.workflows.runs.hooks import Hooks


def squares(count, size):
    labels = np.zeros((40, 120), np.uint16)
    for i in range(count):
        labels[10 : 10 + size, 2 + 12 * i : 2 + 12 * i + size] = i + 1
    return labels


@pytest.fixture
def experiment(tmp_path):
    """Masks `a_1 … a_4` of three small objects each and `b_1 … b_4` of five large ones; images ten times the id."""
    for kind in ("masks", "images"):
        (tmp_path / kind).mkdir()
    for name, count, size in (("a", 3, 4), ("b", 5, 8)):
        for number in range(1, 5):
            labels = squares(count, size)
            grid = Grid.from_spacing(labels.shape, (0.0005, 0.0005))
            io.write_labels(tmp_path / "masks" / f"{name}_{number}.tif", LabelMap(labels, grid))
            io.write_image(tmp_path / "images" / f"{name}_{number}.tif", Image(10 * labels[None], grid))
    return tmp_path


def run(folder, images=None, **settings):
    notes = []
    result = measure(
        folder / "masks",
        folder / "out",
        images=images,
        settings=MeasureSettings(**settings),
        hooks=Hooks(on_note=notes.append),
    )
    return result, notes


def test_conditions_from_names_are_compared_by_image(experiment):
    result, notes = run(experiment, experiment / "images", condition_pattern="^([a-z])_")
    objects, images = (pd.read_csv(experiment / "out" / name) for name in ("objects.csv", "images.csv"))
    assert len(objects) == 4 * 3 + 4 * 5
    assert images.set_index("image")["objects"].to_dict() == {
        f"{n}_{i}": c for n, c in (("a", 3), ("b", 5)) for i in range(1, 5)
    }
    assert objects.groupby("condition")["area_um2"].first().to_dict() == {"a": 4.0, "b": 16.0}
    assert (objects["mean_intensity"] == 10 * objects["label"]).all()
    compared = pd.read_csv(experiment / "out" / "comparison.csv").set_index("measure")
    assert compared.loc["objects per image", "difference"] == -2
    assert compared.loc["objects per image", "effect"] == -1
    assert compared.loc["median area (µm²)", "difference"] == -12
    assert any("a (4), b (4)" in note for note in notes)
    page = (experiment / "out" / "index.html").read_text()
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org", "")
    assert "medical device" in page
    assert not result.failures


def test_replicates_are_the_unit_where_a_table_names_them(experiment):
    rows = [f"{n}_{i}.tif,{n},dish{(i + 1) // 2}{n}" for n in "ab" for i in range(1, 5)]
    (experiment / "t.csv").write_text("file,condition,dish\n" + "\n".join(rows))
    run(experiment, conditions=experiment / "t.csv")
    compared = pd.read_csv(experiment / "out" / "comparison.csv")
    assert compared[["n_first", "n_second"]].drop_duplicates().values.tolist() == [[2, 2]]
    assert "cannot reach p &lt; 0.05" in (experiment / "out" / "index.html").read_text()


def test_a_pattern_may_name_the_replicate(experiment):
    run(experiment, condition_pattern="(?P<replicate>(?P<condition>[ab]))_")
    assert pd.read_csv(experiment / "out" / "comparison.csv")["n_first"].eq(1).all()


def test_sub_folders_are_conditions(tmp_path):
    for name, count in (("wild", 2), ("mutant", 4)):
        (tmp_path / "masks" / name).mkdir(parents=True)
        for i in range(2):
            labels = squares(count, 5)
            path = tmp_path / "masks" / name / f"{i}.png"
            io.write_labels(path, LabelMap(labels, Grid.from_spacing(labels.shape, (1, 1))))
    _, notes = run(tmp_path)
    images = pd.read_csv(tmp_path / "out" / "images.csv")
    assert images.groupby("condition")["objects"].sum().to_dict() == {"mutant": 8, "wild": 4}
    assert any("pixels (px)" in note for note in notes)


def test_semantic_masks_are_split_and_said_so(tmp_path):
    (tmp_path / "masks").mkdir()
    mask = (squares(6, 7) > 0).astype(np.uint8)
    io.write_labels(tmp_path / "masks" / "m.png", LabelMap(mask, Grid.from_spacing(mask.shape, (1, 1))))
    result, notes = run(tmp_path)
    assert len(result.objects) == 6
    assert any("which pixels, not which object" in note for note in notes)
    result, notes = run(tmp_path, split=False, overwrite=True)
    assert len(result.objects) == 1
    assert any("several pieces" in note for note in notes)


def test_three_objects_of_one_part_each_are_not_semantic():
    assert not is_semantic(squares(3, 6))
    assert not is_semantic(np.zeros((4, 4), int))
    assert is_semantic(squares(5, 6) > 0)


def test_empty_images_count_as_zero(tmp_path):
    (tmp_path / "masks").mkdir()
    for name, labels in (("full", squares(4, 6)), ("empty", squares(0, 6))):
        path = tmp_path / "masks" / f"{name}.tif"
        io.write_labels(path, LabelMap(labels, Grid.from_spacing(labels.shape, (1, 1))))
    result, notes = run(tmp_path)
    assert result.images.set_index("image")["objects"].to_dict() == {"empty": 0, "full": 4}
    assert any("1 image without an object" in note for note in notes)
    (tmp_path / "masks" / "full.tif").unlink()
    result, _ = run(tmp_path, overwrite=True)
    assert len(result.objects) == 0


def test_bad_files_are_listed_and_results_not_replaced(experiment):
    (experiment / "masks" / "zz.tif").write_bytes(b"II*\0broken")
    result, _ = run(experiment)
    assert [name for name, _ in result.failures] == ["zz"]
    with pytest.raises(ConfigError, match="already holds"):
        run(experiment)


def test_objects_of_a_mask_of_classes_keep_their_class_and_a_note_says_what_counts_them_together(tmp_path):
    classes = np.zeros((60, 80), np.uint8)
    classes[5:15, 5:15], classes[30:40, 10:25] = 1, 1
    classes[5:20, 50:70], classes[40:50, 60:70] = 2, 2
    (tmp_path / "masks").mkdir()
    grid = Grid.pixels(classes.shape)
    io.write_labels(tmp_path / "masks" / "classes.png", LabelMap(classes, grid))
    io.write_labels(tmp_path / "masks" / "objects.png", LabelMap(squares(5, 8), Grid.pixels((40, 120))))
    _, notes = run(tmp_path)
    found = pd.read_csv(tmp_path / "out" / "objects.csv", dtype={"class": "Int64"})
    first = found[found["image"] == "classes"]
    at = classes[first["centroid_y_px"].astype(int), first["centroid_x_px"].astype(int)]
    assert first["class"].tolist() == at.tolist() == [1, 1, 2, 2]
    assert found.loc[found["image"] == "objects", "class"].isna().all()  # ids of objects are no classes
    assert sum("several classes (1, 2)" in note for note in notes) == 1


def test_an_image_is_described_by_how_many_how_dense_and_how_much_is_covered():
    labels = np.zeros((20, 40), np.uint8)
    labels[0:4, 2:7], labels[10:14, 20:30] = 1, 2
    table, row = measure_case(LabelMap(labels, Grid.from_spacing((20, 40), (0.5, 0.25))))  # 50 and 25 hundredths of mm
    field, covered = 20 * 0.5 * 40 * 0.25, (20 + 40) * 0.5 * 0.25
    (size,) = (name for name in row if name.startswith("field_area_"))
    unit = {"field_area_mm2": 1.0, "field_area_um2": 1e6}[size.replace("µm", "um")]
    assert row["objects"] == len(table) == 2
    assert row[size] == pytest.approx(field * unit)
    assert row["covered_share"] == pytest.approx(covered / field)
    (density,) = (value for name, value in row.items() if name.startswith("density_per_"))
    assert density == pytest.approx(2 / (field * unit))
    assert row["at_edge"] == 1
    assert measure_case(LabelMap(np.zeros_like(labels), Grid.pixels((20, 40))))[1]["covered_share"] == 0
