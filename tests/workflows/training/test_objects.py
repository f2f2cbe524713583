"""Single objects from labels to files: trained on touching discs, decoded, written, scored."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from septum import io
from septum.errors import ConfigError
from septum.geometry import Grid, Image, LabelMap
from septum.instances.decode import Decoding
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
from septum.workflows.runs.hooks import Hooks
from septum.workflows.training import train as training


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
