"""Single objects from labels to files: trained on touching discs, decoded, written, scored."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from septum import io
from septum.cli.main import app
from septum.errors import ConfigError
from septum.geometry import Grid, Image, LabelMap
from septum.instances.decode import Decoding, ObjectMaps
from septum.metrics.instances import instance_overlap, match_instances
from septum.workflows.data.classes import ClassMap
from septum.workflows.data.folders import entries
from septum.workflows.model.folder import ModelFolder
from septum.workflows.model.plan import parse_plan, plan_json
from septum.workflows.model.prepare import object_ids
from septum.workflows.model.settings import TrainSettings
from septum.workflows.prediction import workflow
from septum.workflows.prediction.objects import check_objects
from septum.workflows.prediction.settings import PredictSettings
from septum.workflows.quality.counts import HeldObjects, learn_counts
from septum.workflows.quality.grade import read_quality, write_quality
from septum.workflows.runs.hooks import Hooks
from septum.workflows.training import measured, objects
from septum.workflows.training import train as training
from septum.workflows.training.objects import Tuned, tune_decoding


def draw(seed: int, shape: tuple[int, ...] = (64, 64), count: int = 14) -> tuple[np.ndarray, np.ndarray]:
    """Discs (balls) that may touch, ids from 1, brighter in the middle."""
    rng = np.random.default_rng(seed)
    away = np.full(shape, np.inf)
    labels = np.zeros(shape, np.uint16)
    grid = np.indices(shape)
    for number in range(1, count + 1 + seed % 3):
        centre = [rng.uniform(3, n - 3) for n in shape]
        distance = np.sqrt(sum((g - c) ** 2 for g, c in zip(grid, centre, strict=True))) / rng.uniform(5, 8)
        mine = distance < np.minimum(away, 1)
        labels[mine] = number
        away = np.minimum(away, distance)
    image = 100 * np.clip(1.2 - away, 0, 1) + rng.normal(0, 4, shape)
    return image.astype(np.float32), labels


def make_dataset(root: Path, count: int, shape: tuple[int, ...] = (64, 64)) -> Path:
    (root / "images").mkdir(parents=True)
    (root / "labels").mkdir()
    grid = Grid.from_spacing(shape, (1.0,) * len(shape))
    for index in range(count):
        image, labels = draw(index, shape)
        io.write_image(root / "images" / f"case{index}.tif", Image(image[None], grid))
        io.write_labels(root / "labels" / f"case{index}.tif", LabelMap(labels, grid))
    return root


def train(data: Path, model: Path, **options: object) -> list[str]:
    notes: list[str] = []
    training.train(
        data,
        model,
        settings=TrainSettings(**{"steps": 2, "precision": "32-true", "devices": "cpu", **options}),  # type: ignore[arg-type]
        hooks=Hooks(on_note=notes.append),
    )
    return notes


def predict(model: Path, images: list[Path], output: Path, **options: object) -> None:
    workflow.predict(
        model,
        images,
        output=output,
        settings=PredictSettings(**{"devices": "cpu", "precision": "32-true", **options}),  # type: ignore[arg-type]
    )


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    root = tmp_path_factory.mktemp("cells")
    data = make_dataset(root / "data", 4)
    notes = train(data, root / "model", steps=60)
    assert any("single objects are learnt" in note for note in notes)
    assert any(note.startswith("the count of 1 held-out image is off by ") for note in notes)
    return data, root / "model"


def test_ids_are_recognised_and_the_thresholds_are_tuned_and_kept(cells: tuple[Path, Path]) -> None:
    _, model = cells
    plan = ModelFolder(model).read_plan()
    assert plan.instances is not None
    assert plan.instances.smallest > 0
    assert plan.unet.out_channels == 2 + 4
    assert plan.classes.n_classes == 2
    assert "average precision at IoU 0.5" in (model / "report" / "index.html").read_text()
    assert "average_precision" in pd.read_csv(model / "report" / "cases.csv").columns


def test_new_images_get_ids_a_table_outlines_and_classes(cells: tuple[Path, Path], tmp_path: Path) -> None:
    _, model = cells
    image, truth = draw(77)
    grid = Grid.from_spacing(image.shape, (1.0, 1.0))
    io.write_image(tmp_path / "new.tif", Image(image[None], grid))
    predict(model, [tmp_path / "new.tif"], tmp_path / "out", semantic=True, outlines=("imagej", "geojson"))
    labels = io.read_labels(tmp_path / "out" / "new.tif").array
    matched = match_instances(instance_overlap(truth, labels))
    assert matched.average_precision > 0.5, matched
    table = pd.read_csv(tmp_path / "out" / "objects" / "new.csv")
    assert table["id"].tolist() == list(range(1, int(labels.max()) + 1))
    assert table["voxels"].tolist() == np.bincount(labels.ravel())[1:].tolist()
    assert table["confidence"].between(0, 1).all()
    assert set(table["class"]) == {"foreground"}
    assert {"mean_intensity", "centroid_y", "centroid_x"} <= set(table.columns)
    semantic = io.read_labels(tmp_path / "out" / "semantic" / "new.tif").array
    np.testing.assert_array_equal(semantic > 0, labels > 0)
    assert [one.name for one in entries(tmp_path / "out")] == ["new"]  # the same objects are not counted twice
    collection = json.loads((tmp_path / "out" / "outlines" / "new.geojson").read_text())
    assert [int(one["id"]) for one in collection["features"]] == table["id"].tolist()
    from roifile import roiread

    rois = roiread(tmp_path / "out" / "outlines" / "new.zip")
    for roi, row in zip(rois, table.itertuples(), strict=True):
        assert roi.name == str(row.id)
        middle = roi.coordinates().mean(0)
        assert np.hypot(middle[0] - 0.5 - row.centroid_x, middle[1] - 0.5 - row.centroid_y) < 4


def test_mirrored_copies_turn_the_vectors_back(cells: tuple[Path, Path]) -> None:
    _, model = cells
    plan, models = ModelFolder(model).load()
    from septum.net.engines.torch import torch_engine

    image = np.random.default_rng(0).standard_normal((1, 1, 64, 64)).astype(np.float32)
    once = torch_engine(models, n_maps=plan.n_maps)(image).numpy()
    seen = torch_engine(models, flips=[(1,)], n_maps=plan.n_maps)(image[..., ::-1].copy()).numpy()[..., ::-1]
    np.testing.assert_allclose(seen[:, :5], once[:, :5], atol=1e-4)
    np.testing.assert_allclose(seen[:, 5], -once[:, 5], atol=1e-4)


def test_a_model_can_be_told_to_learn_classes_only(tmp_path: Path) -> None:
    data = make_dataset(tmp_path / "data", 3)
    train(data, tmp_path / "model", instances=False)
    plan = ModelFolder(tmp_path / "model").read_plan()
    assert plan.instances is None
    assert "instances" not in json.loads(plan_json(plan))


def test_volumes_learn_objects_too(tmp_path: Path) -> None:
    data = make_dataset(tmp_path / "data", 2, (20, 24, 24))
    train(data, tmp_path / "model", instances=True)
    plan = ModelFolder(tmp_path / "model").read_plan()
    assert (plan.unet.ndim, plan.unet.out_channels) == (3, 2 + 5)
    predict(tmp_path / "model", [data / "images" / "case0.tif"], tmp_path / "out")
    assert io.read_labels(tmp_path / "out" / "case0.tif").array.shape == (20, 24, 24)


def test_connected_pieces_of_named_classes_are_objects_and_unannotated_samples_none() -> None:
    classes = ClassMap((0, 3, 7), ("background", "a", "b"), ignore=9)
    labels = np.array([[3, 3, 0, 3], [7, 7, 0, 9]])
    ids = object_ids(classes.to_classes(labels), labels, class_map=classes)
    assert ids[1, 3] == -1
    assert len(np.unique(ids[ids > 0])) == 3
    foreground = ClassMap((0, 1), ("background", "foreground"), ignore=9, foreground=True)
    ids = object_ids(foreground.to_classes(labels * 10000), labels * 10000, class_map=foreground)
    assert ids.max() == 3


def test_wrong_combinations_are_refused(cells: tuple[Path, Path]) -> None:
    _, model = cells
    with pytest.raises(ConfigError, match="without prompts"):
        TrainSettings(instances=True, prompts=True)
    image = [cells[0] / "images" / "case0.tif"]
    with pytest.raises(ConfigError, match="probabilities must go"):
        predict(model, image, model.parent / "refused", probabilities=True)
    plan = replace(ModelFolder(model).read_plan(), instances=None)
    with pytest.raises(ConfigError, match="model of single objects"):
        check_objects(PredictSettings(semantic=True), plan)
    with pytest.raises(ConfigError, match="outlines must be among"):
        PredictSettings(outlines=("svg",))
    content = json.loads((model / "plan.json").read_text())
    with pytest.raises(ConfigError, match=r"unet\.out_channels must be 6"):
        parse_plan(json.dumps({**content, "unet": {**content["unet"], "out_channels": 2}}), what="it")
    with pytest.raises(ConfigError, match="instances must stand"):
        parse_plan(json.dumps({**content, "objective": "dice + cross entropy"}), what="it")
    assert Decoding(**content["instances"]).foreground > 0


def test_held_out_and_annotated_objects_teach_the_counts(cells: tuple[Path, Path]) -> None:
    data, model = cells
    folder = ModelFolder(model)
    quality = read_quality(folder.quality, folder.read_plan())
    assert quality is not None
    assert quality.counts is not None
    (held,) = quality.counts.images
    truth = io.read_labels(data / "labels" / f"{held.case}.tif").array
    found = io.read_labels(model / "fold_0" / "validation" / f"{held.case}.tif").array
    matched = match_instances(instance_overlap(truth, found))
    assert (held.annotated, held.found, held.right) == (matched.n_reference, matched.n_prediction, matched.tp)
    assert quality.counts.reach is None
    sizes = [np.bincount(draw(n)[1].ravel())[1:].max() for n in range(4)]
    assert quality.counts.ranges is not None
    assert quality.counts.ranges.largest <= max(sizes)
    assert f"off by {100 * abs(held.expected - held.annotated) / held.annotated:.0f} %" in (
        model / "report" / "index.html"
    ).read_text(encoding="utf-8")


def test_counts_are_those_of_thresholds_tuned_on_the_other_images(monkeypatch: pytest.MonkeyPatch) -> None:
    def held_out(low: int) -> objects._Case:
        """Two hills with a saddle between them; one object in the image where the saddle is high."""
        maps = ObjectMaps.empty((1, 9))
        maps.foreground[:], maps.altitude[:] = 255, [[90, 250, 250, 250, low, 250, 250, 250, 90]]
        ids = np.where(np.arange(9) < 4, 1, 2)[None] if low < 150 else np.ones((1, 9), int)
        return objects._Case(f"saddle {low}", maps, ids.astype(np.int32), (1.0, 1.0), 0)

    folder = type("Folder", (), {"read_plan": lambda self: type("Plan", (), {"instances": Decoding()})()})()

    def tuned(*lows: int) -> Tuned:
        monkeypatch.setattr(objects, "_held_out", lambda *a, **k: [held_out(low) for low in lows])
        return tune_decoding(folder, None, jobs=(), on_progress=lambda what, share: None)  # type: ignore[arg-type]

    # 0.6 of the hill: parted with the untuned share of 0.8, and the others show that this is right, or that it is not
    parted, joined = tuned(145, 120, 130), tuned(145, 170, 180)
    assert [len(one.right) for one in (parted.objects[0], joined.objects[0])] == [2, 1]
    assert [one.case for one in parted.objects] == ["saddle 145", "saddle 120", "saddle 130"]
    assert joined.objects[0].annotated == 2
    assert tuned(145).objects == ()  # no other one says how to read it


def test_every_held_out_image_teaches_once() -> None:
    def seen(case: str, n: int) -> HeldObjects:
        return HeldObjects(case, n, np.zeros(0), np.zeros(0, bool))

    tuned = Tuned(Decoding(), (), (seen("b", 5),))
    found = measured._Measured([], [], [], [], [], [seen("a", 1), seen("b", 2)])
    assert [(one.case, one.annotated) for one in measured._held_objects(tuned, found)] == [("a", 1), ("b", 5)]


def test_new_images_are_counted_with_what_held_out_ones_showed(cells: tuple[Path, Path], tmp_path: Path) -> None:
    _, model = cells
    copy = tmp_path / "model"
    shutil.copytree(model, copy)
    folder = ModelFolder(copy)
    quality = read_quality(folder.quality, folder.read_plan())
    assert quality is not None
    assert quality.counts is not None
    rng = np.random.default_rng(0)
    held = [HeldObjects(f"h{n}", 40, rng.uniform(0.3, 0.6, 20 + n), np.ones(20 + n, bool)) for n in range(8)]
    learnt = learn_counts(held, quality.counts.ranges)
    write_quality(folder.quality, replace(quality, counts=learnt))
    (tmp_path / "new").mkdir()
    for name, scale, count in (("few", 1.0, 14), ("many", 1.0, 20), ("strange", 1e4, 14)):
        image, _ = draw(77, count=count)
        noise = rng.normal(0, 1, image.shape) * (scale > 1) * 2000
        array = np.where(scale > 1, noise, image).astype(np.float32)
        io.write_image(tmp_path / "new" / f"{name}.tif", Image(array[None], Grid.from_spacing(image.shape, (1.0, 1.0))))
    command = ["predict", str(copy), str(tmp_path / "new"), "-o", str(tmp_path / "out"), "--devices", "cpu"]
    result = CliRunner().invoke(app, [*command, "--precision", "32-true"])
    assert result.exit_code == 0, result.output
    counts = pd.read_csv(tmp_path / "out" / "counts.csv").set_index("case")
    assert counts.index[0] == "strange"  # nothing can be said of it
    assert counts.loc["strange", ["expected", "low", "high", "expected_ap"]].isna().all()
    assert counts.loc["strange", "note"].startswith("unknown: unlike the training images (")
    for case in ("few", "many"):
        row, table = counts.loc[case], pd.read_csv(tmp_path / "out" / "objects" / f"{case}.csv")
        assert row["found"] == len(table)
        assert row["expected"] == pytest.approx(len(table) * learnt.ratio, abs=0.06)
        assert row["low"] < row["expected"] < row["high"]
        assert row["expected_ap"] == pytest.approx(learnt.recall, abs=0.02)  # all that is found is right
        assert row["doubtful"] == table["doubt"].notna().sum()
        assert table["likely_right"].gt(0.9).all()
    strange = pd.read_csv(tmp_path / "out" / "objects" / "strange.csv")
    assert {"likely_right", "doubt"} <= set(strange.columns)
    assert strange["likely_right"].isna().all()
    (line,) = (one for one in result.stderr.splitlines() if one.startswith("counts  "))
    assert re.match(r"counts  \d+ objects in 3 images, likely \d+ to \d+ \(of 2 like those of the training\)", line)
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    few = counts.loc["few"]
    assert f"{few['found']} objects found, likely {few['low']:.0f} to {few['high']:.0f}" in page
    assert "counts.csv" in page


def test_a_block_of_the_only_image_teaches_but_its_count_is_not_boasted_of(tmp_path: Path) -> None:
    notes = train(make_dataset(tmp_path / "data", 1), tmp_path / "model", instances=True, steps=20)
    assert not any("count of" in note for note in notes)
    folder = ModelFolder(tmp_path / "model")
    quality = read_quality(folder.quality, folder.read_plan())
    assert quality is not None
    assert quality.counts is not None
    (held,) = quality.counts.images
    assert 0 < held.annotated < len(np.unique(draw(0)[1])) - 1  # those of the block
