"""The whole path on small synthetic images: train, predict, what is written, what is refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from septum import io
from septum.errors import CheckpointError, ConfigError, DatasetError
from septum.geometry import Grid, Image, LabelMap
from septum.net.learning.sampling import Sample
from septum.workflows.data.slices import read_slices
from septum.workflows.model.folder import ModelFolder, parse_folds
from septum.workflows.model.settings import TrainSettings, TrainStatus
from septum.workflows.prediction import workflow
from septum.workflows.prediction.settings import PredictSettings
from septum.workflows.quality.worklist import GradedResult
from septum.workflows.runs.hooks import Hooks
from septum.workflows.training import train as training
from septum.workflows.training.preview import augment_preview


def draw(seed: int, shape: tuple[int, ...], values: tuple[int, int] = (3, 7)) -> tuple[np.ndarray, np.ndarray]:
    """A noisy image with two boxes of different brightness; labels carry values that are not consecutive."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(shape, np.int16)
    first = tuple(slice(n // 8, n // 2) for n in shape)
    second = tuple(slice(n // 2 + 1, n - 2) for n in shape)
    labels[first], labels[second] = values
    image = rng.normal(0, 10, shape) + 60 * (labels == values[0]) + 120 * (labels == values[1])
    return image.astype(np.float32), labels


def make_dataset(root: Path, count: int, shape: tuple[int, ...] = (40, 48)) -> Path:
    (root / "images").mkdir(parents=True)
    (root / "labels").mkdir()
    grid = Grid.from_spacing(shape, (2.0,) * len(shape))
    suffix = ".nii.gz" if len(shape) == 3 else ".tif"
    for index in range(count):
        image, labels = draw(index, shape)
        io.write_image(root / "images" / f"case{index}{suffix}", Image(image[None], grid))
        io.write_labels(root / "labels" / f"case{index}{suffix}", LabelMap(labels, grid))
    return root


def train(data: Path, model: Path, **options: object) -> training.TrainResult:
    keywords = {key: options.pop(key) for key in ("resume", "overwrite", "should_stop", "notes") if key in options}
    notes: list[str] = keywords.get("notes", [])  # type: ignore[assignment]
    statuses: list[TrainStatus] = []
    return training.train(
        data,
        model,
        settings=TrainSettings(**{"steps": 2, "precision": "32-true", "devices": "cpu", **options}),  # type: ignore[arg-type]
        hooks=Hooks(on_note=notes.append, should_stop=keywords.get("should_stop", lambda: False)),  # type: ignore[arg-type]
        on_status=statuses.append,
        resume=bool(keywords.get("resume", False)),
        overwrite=bool(keywords.get("overwrite", False)),
    )


def predict(model: Path, images: list[Path], output: Path, **options: object) -> GradedResult:
    notes: list[str] = options.pop("notes", [])  # type: ignore[assignment]
    return workflow.predict(
        model,
        images,
        output=output,
        settings=PredictSettings(**{"devices": "cpu", **options}),  # type: ignore[arg-type]
        hooks=Hooks(on_note=notes.append),
    )


@pytest.fixture(scope="module")
def planes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A data set of planes and a model trained on it long enough to be right."""
    root = tmp_path_factory.mktemp("planes")
    data = make_dataset(root / "data", 3)
    train(data, root / "model", steps=25)
    return data, root / "model"


def test_a_trained_model_folder_is_complete_and_its_network_works(planes: tuple[Path, Path]) -> None:
    data, model = planes
    for name in ("plan.json", "settings.toml", "splits.json", "provenance.json", "card.md", "report/index.html"):
        assert (model / name).stat().st_size > 0, name
    for name in ("weights.pt", "state.pt", "curves.csv", "curves.png", "run.json"):
        assert (model / "fold_0" / name).stat().st_size > 0, name
    assert list((model / "fold_0").glob("events.out.tfevents.*"))
    splits = json.loads((model / "splits.json").read_text())
    assert not set(splits[0]["train"]) & set(splits[0]["val"])
    provenance = json.loads((model / "provenance.json").read_text())
    assert len(provenance["data"]) == 3
    assert str(data) not in (model / "provenance.json").read_text()
    assert "not a medical device" in (model / "card.md").read_text()


def test_predictions_carry_the_users_label_values_on_the_images_own_grid(
    planes: tuple[Path, Path], tmp_path: Path
) -> None:
    data, model = planes
    result = predict(model, [data / "images" / "case1.tif"], tmp_path / "out")
    assert [p.name for p in result.written] == ["case1.tif"]
    mask, truth = io.read_labels(result.written[0]), io.read_labels(data / "labels" / "case1.tif")
    assert set(np.unique(mask.array)) <= {0, 3, 7}
    assert mask.grid.matches(truth.grid)
    assert np.mean(mask.array == truth.array) > 0.9
    record = json.loads((tmp_path / "out" / "septum-predict.json").read_text())
    assert record["notice"].endswith("not a medical device.")
    assert record["settings"]["precision"] in ("32-true", "bf16-mixed")


def test_a_named_precision_is_kept_and_an_unknown_one_refused(planes: tuple[Path, Path], tmp_path: Path) -> None:
    data, model = planes
    for name in ("32-true", "bf16-mixed"):
        predict(model, [data / "images" / "case1.tif"], tmp_path / name, precision=name, probabilities=True)
        record = json.loads((tmp_path / name / "septum-predict.json").read_text())
        assert record["settings"]["precision"] == name
    exact, rounded = (
        io.read_image(tmp_path / name / "case1_probability_3.tif").array for name in ("32-true", "bf16-mixed")
    )
    assert not np.array_equal(exact, rounded)
    with pytest.raises(ConfigError, match="precision"):
        predict(model, [data / "images" / "case1.tif"], tmp_path / "x", precision="half")


def test_probabilities_sum_to_one_and_agree_with_the_mask(planes: tuple[Path, Path], tmp_path: Path) -> None:
    data, model = planes
    predict(model, [data / "images" / "case0.tif"], tmp_path, probabilities=True, tta=True)
    chances = np.stack([io.read_image(tmp_path / f"case0_probability_{v}.tif").array[0] for v in (0, 3, 7)])
    assert np.allclose(chances.sum(axis=0), 1, atol=5e-3)
    sure = chances.max(axis=0) > 0.6
    values = np.array([0, 3, 7])[chances.argmax(axis=0)]
    assert np.array_equal(values[sure], io.read_labels(tmp_path / "case0.tif").array[sure])


def test_one_bad_file_does_not_stop_the_rest(planes: tuple[Path, Path], tmp_path: Path) -> None:
    data, model = planes
    good = (data / "images" / "case0.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(good[: len(good) // 2])
    (tmp_path / "b.tif").write_bytes(good)
    result = predict(model, [tmp_path / "a.tif", tmp_path / "b.tif"], tmp_path / "out")
    assert [p.name for p in result.written] == ["b.tif"]
    assert [name for name, _ in result.failures] == ["a"]
    assert not (tmp_path / "out" / "a.tif").exists()


def test_existing_masks_are_refused_unless_overwriting(planes: tuple[Path, Path], tmp_path: Path) -> None:
    data, model = planes
    image = data / "images" / "case0.tif"
    predict(model, [image], tmp_path)
    with pytest.raises(ConfigError, match="--overwrite"):
        predict(model, [image], tmp_path)
    assert predict(model, [image], tmp_path, overwrite=True).written


def test_a_mask_never_replaces_its_own_image(planes: tuple[Path, Path], tmp_path: Path) -> None:
    data, model = planes
    (tmp_path / "x.tif").write_bytes((data / "images" / "case0.tif").read_bytes())
    with pytest.raises(ConfigError, match="replace its image"):
        predict(model, [tmp_path / "x.tif"], tmp_path, overwrite=True)


def test_a_table_of_images_is_predicted(planes: tuple[Path, Path], tmp_path: Path) -> None:
    data, model = planes
    (tmp_path / "some.csv").write_text(f"image,label\n{data / 'images' / 'case2.tif'},\n")
    assert [p.name for p in predict(model, [tmp_path / "some.csv"], tmp_path / "out").written] == ["case2.tif"]


def test_a_data_set_is_predicted_as_a_whole(planes: tuple[Path, Path], tmp_path: Path) -> None:
    data, model = planes
    assert len(predict(model, [data], tmp_path).written) == 3


@pytest.mark.parametrize(("n", "note"), [(1, "one image|single|block|leak"), (2, "")])
def test_very_few_labelled_images_train(tmp_path: Path, n: int, note: str) -> None:
    notes: list[str] = []
    result = train(make_dataset(tmp_path / "data", n), tmp_path / "model", notes=notes)
    assert result.mean_dice is not None
    if note:
        import re

        assert any(re.search(note, text) for text in notes), notes


def test_volumes_train_and_predict_in_3d_and_slice_by_slice(tmp_path: Path) -> None:
    data = make_dataset(tmp_path / "data", 2, (16, 20, 24))
    for ndim in (3, 2):
        model = tmp_path / f"model{ndim}"
        train(data, model, ndim=ndim)
        plan, _ = ModelFolder(model).load()
        assert plan.unet.ndim == ndim
        (path,) = predict(
            model, [data / "images" / "case0.nii.gz"], tmp_path / f"out{ndim}", probabilities=True
        ).written
        mask = io.read_labels(path)
        assert mask.grid.matches(io.read_image(data / "images" / "case0.nii.gz").grid)
        assert read_slices(path, mask.grid.shape) == {0: "p" * mask.grid.shape[0]}


def test_all_folds_train_and_predict_as_an_ensemble(tmp_path: Path) -> None:
    data = make_dataset(tmp_path / "data", 2)
    train(data, tmp_path / "model", folds="all")
    assert ModelFolder(tmp_path / "model").trained_folds() == (0, 1)
    assert predict(tmp_path / "model", [data / "images" / "case0.tif"], tmp_path / "out").written
    with pytest.raises(ConfigError, match="folds must be among"):
        predict(tmp_path / "model", [data / "images" / "case0.tif"], tmp_path / "o", folds="5")


def test_members_are_trained_from_different_seeds_and_measured_together(tmp_path: Path) -> None:
    data, model = make_dataset(tmp_path / "data", 2), tmp_path / "model"
    result = train(data, model, members=2)
    plan, networks = ModelFolder(model).load()
    first, second = (network.state_dict() for network in networks)
    assert any(not first[name].equal(second[name]) for name in first)
    cases = (model / "report" / "cases.csv").read_text().splitlines()
    assert len(cases) == 1 + (plan.classes.n_classes - 1)  # one held-out case, scored once
    assert result.mean_dice is not None


def test_training_on_everything_says_that_nothing_was_measured(tmp_path: Path) -> None:
    notes: list[str] = []
    result = train(make_dataset(tmp_path / "data", 2), tmp_path / "model", folds="none", notes=notes)
    assert result.mean_dice is None
    assert any("no case is held out" in note for note in notes)
    assert "No case was held out" in (tmp_path / "model" / "report" / "index.html").read_text()


def test_a_stopped_run_leaves_a_usable_model_and_can_be_resumed(tmp_path: Path) -> None:
    data, model = make_dataset(tmp_path / "data", 2), tmp_path / "model"
    result = train(data, model, steps=3, should_stop=lambda: True)
    assert result.stopped
    told = list[str]()
    assert predict(model, [data / "images" / "case0.tif"], tmp_path / "out", notes=told).written
    assert any(note.startswith("the training of model was stopped before its end; ") for note in told)
    assert not train(data, model, steps=3, resume=True).stopped
    assert json.loads((model / "fold_0" / "run.json").read_text())["steps"] == 3


def test_a_handful_stopped_while_it_is_judged_predicts_by_its_judges_and_goes_on_to_the_network_of_all_images(
    tmp_path: Path,
) -> None:
    data, model, notes = make_dataset(tmp_path / "data", 6), tmp_path / "model", list[str]()
    first = model / "fold_1" / "weights.pt"
    stopped = train(data, model, steps=10, folds="thirds", should_stop=first.is_file)
    assert stopped.stopped
    assert not (model / "fold_0" / "weights.pt").exists()
    assert len(stopped.held_out) == 4  # what the two judges measured, not what was to be measured
    assert stopped.basis.startswith("4 held-out images; by short trainings, and the network of all images is not")
    assert stopped.basis in (model / "card.md").read_text()
    told = list[str]()
    early = predict(model, [data / "images" / "case0.tif"], tmp_path / "judges", notes=told)
    assert early.written
    (stop,) = (note for note in told if "--resume` finishes it" in note)
    assert stop.startswith("the training of model was stopped before the network of all images was there: those that")
    assert early.limits.endswith("finish its training with `septum train DATASET -o MODEL --resume`")
    done = train(data, model, steps=10, resume=True, notes=notes)
    assert not done.stopped
    assert done.basis.startswith("6 held-out images; by short trainings that judged")
    assert sorted(done.held_out) == [f"case{index}" for index in range(6)]
    assert any(note.startswith("the network of all images: 10 steps") for note in notes)
    assert [json.loads((model / f"fold_{n}" / "run.json").read_text())["steps"] for n in range(4)] == [10, 4, 4, 4]
    record = json.loads((model / "splits.json").read_text())
    assert sorted(record[-1]["train"]) == [f"case{index}" for index in range(6)]
    told.clear()
    predict(model, [data / "images" / "case0.tif"], tmp_path / "all", notes=told)
    assert not any("stopped" in note for note in told)
    assert set(json.loads((tmp_path / "all" / "septum-predict.json").read_text())["model"]) == {"fold 0"}


def test_an_occupied_folder_is_refused_and_foreign_files_are_never_deleted(
    planes: tuple[Path, Path], tmp_path: Path
) -> None:
    data, model = planes
    with pytest.raises(ConfigError, match="not empty"):
        train(data, model)
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ConfigError, match="other files"):
        train(data, tmp_path, overwrite=True)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"
    with pytest.raises(ConfigError, match="no run to resume"):
        train(data, tmp_path / "new", resume=True)


def test_an_edited_plan_is_followed(planes: tuple[Path, Path], tmp_path: Path) -> None:
    data, model = planes
    edited = json.loads((model / "plan.json").read_text())
    edited["budget"]["batch"] = 1
    (tmp_path / "plan.json").write_text(json.dumps(edited))
    notes = list[str]()
    train(data, tmp_path / "m", plan=tmp_path / "plan.json", notes=notes)
    (line,) = (note for note in notes if "2-D U-Net" in note)
    assert line.startswith("the plan in plan.json: ")
    assert "chosen" not in line
    assert json.loads((tmp_path / "m" / "plan.json").read_text())["budget"]["batch"] == 1


def test_label_values_that_the_plan_does_not_know_are_refused(planes: tuple[Path, Path], tmp_path: Path) -> None:
    _, model = planes
    data = make_dataset(tmp_path / "data", 2)
    grid = Grid.from_spacing((40, 48), (2.0, 2.0))
    io.write_labels(data / "labels" / "case1.tif", LabelMap(draw(1, (40, 48), (3, 9))[1], grid))
    with pytest.raises(DatasetError, match=r"case1.*9"):
        train(data, tmp_path / "m", plan=model / "plan.json")


def test_what_is_not_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"plan\.json"):
        predict(tmp_path, [tmp_path], tmp_path / "out")


def test_the_contact_sheet_is_written_once(planes: tuple[Path, Path], tmp_path: Path) -> None:
    data, _ = planes
    sheet = augment_preview(data, tmp_path / "sheet.png", count=3)
    assert io.read_image(sheet).array.ndim == 3
    array = io.read_image(augment_preview(data, tmp_path / "rows.png", count=9)).array
    assert not (array[:, -20:, -20:] == 255).all()  # ten tiles are two full rows: the last corner holds one
    with pytest.raises(ConfigError, match="exists"):
        augment_preview(data, sheet)


def test_fold_numbers_are_read_or_refused() -> None:
    assert parse_folds("0,2") == (0, 2)
    for text in ("first", "", "-1"):
        with pytest.raises(ConfigError, match="folds must be"):
            parse_folds(text)


# --- quality without ground truth -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folds(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A model of four folds that graded its own held-out cases."""
    root = tmp_path_factory.mktemp("folds")
    data = make_dataset(root / "data", 4)
    train(data, root / "model", steps=25, folds="all")
    return data, root / "model"


def test_training_learns_from_held_out_cases_what_its_masks_are_worth(folds: tuple[Path, Path]) -> None:
    _, model = folds
    content = json.loads((model / "quality.json").read_text())
    assert {row["case"] for row in content["held_out"]} == {f"case{i}" for i in range(4)}
    assert [one["label"] for one in content["classes"]] == [3, 7]
    assert None not in {row["agreement"] for row in content["held_out"]}  # one network each, and a smaller copy
    assert all(one["alone"]["cases"] >= 4 for one in content["classes"])
    assert "Quality without ground truth" in (model / "report" / "index.html").read_text()
    assert (model / "report" / "figures" / "estimates.png").is_file()


def test_every_prediction_is_graded_and_listed_worst_first(folds: tuple[Path, Path], tmp_path: Path) -> None:
    _, model = folds
    image, labels = draw(9, (40, 48))
    rng = np.random.default_rng(0)
    (tmp_path / "images").mkdir()
    grid = Grid.from_spacing((40, 48), (2.0, 2.0))
    io.write_image(tmp_path / "images" / "like.tif", Image(image[None], grid))
    io.write_image(tmp_path / "images" / "noise.tif", Image(rng.normal(0, 90, (1, 40, 48)).astype(np.float32), grid))
    result = predict(model, [tmp_path / "images"], tmp_path / "out", quality_threshold=0.6)
    table = pd.read_csv(tmp_path / "out" / "quality.csv")
    assert [one.case for one in result.estimates] == table["case"].tolist() == ["noise"] * 2 + ["like"] * 2
    assert table["verdict"][0] != "pass"
    like = table[table["case"] == "like"]
    mask = io.read_labels(tmp_path / "out" / "like.tif").array
    for _, row in like.iterrows():
        a, b = mask == row["label"], labels == row["label"]
        true = 2 * (a & b).sum() / (a.sum() + b.sum())
        assert abs(true - row["dice"]) < 0.1
        assert row["agreement"] > 0.9
    record = json.loads((tmp_path / "out" / "quality.json").read_text())
    assert record["threshold"] == 0.6
    with pytest.raises(ConfigError, match="quality_threshold"):
        PredictSettings(quality_threshold=1.0)


def test_a_model_that_was_never_measured_says_so_and_predicts(folds: tuple[Path, Path], tmp_path: Path) -> None:
    data, model = folds
    shutil.copytree(model, tmp_path / "old")
    (tmp_path / "old" / "quality.json").unlink()
    result = predict(tmp_path / "old", [data / "images" / "case1.tif"], tmp_path / "out")
    table = pd.read_csv(tmp_path / "out" / "quality.csv")
    assert "pass" not in set(table["verdict"])
    assert table["dice"].isna().all()
    assert table["expected"].isna().all()
    assert "never measured" in result.limits
    (tmp_path / "old" / "quality.json").write_text("{}")
    with pytest.raises(CheckpointError, match=r"quality\.json"):
        predict(tmp_path / "old", [data / "images" / "case1.tif"], tmp_path / "out2")


def test_networks_of_one_fold_and_mirrored_copies_tell_how_far_they_agree(tmp_path: Path) -> None:
    data = make_dataset(tmp_path / "data", 4)
    train(data, tmp_path / "two", members=2, steps=15)
    rows = json.loads((tmp_path / "two" / "quality.json").read_text())["held_out"]
    assert rows
    assert all(0 < row["agreement"] <= 1 for row in rows)
    plan = json.loads((tmp_path / "two" / "plan.json").read_text())
    (tmp_path / "plan.json").write_text(json.dumps({**plan, "mirrors": [0, 1]}))
    train(data, tmp_path / "mirrored", plan=tmp_path / "plan.json", steps=15)
    rows = json.loads((tmp_path / "mirrored" / "quality.json").read_text())["held_out"]
    assert rows
    assert all(0 < row["agreement"] <= 1 for row in rows)


def test_the_block_of_a_single_image_that_was_held_out_gives_figures_without_an_interval(tmp_path: Path) -> None:
    data = make_dataset(tmp_path / "data", 1)
    notes = list[str]()
    result = train(data, tmp_path / "model", notes=notes)
    assert result.basis == "a held-out block of case0"
    (limits,) = (note for note in notes if "block of it shows promises nothing about others" in note)
    assert not any("--folds none" in note for note in notes)
    assert f"of later masks: {limits}" in (tmp_path / "model" / "card.md").read_text()
    content = json.loads((tmp_path / "model" / "quality.json").read_text())
    assert {row["case"] for row in content["held_out"]} == {"case0"}
    assert all(one["alone"]["width"] is None for one in content["classes"] if one["alone"])
    assert not any(row["seen"] for row in content["held_out"])


def test_an_encoder_that_has_seen_images_is_trained_and_kept(tmp_path: Path) -> None:
    data = make_dataset(tmp_path / "data", 3, (64, 72))
    notes: list[str] = []
    train(data, tmp_path / "model", network="encoder", folds="none", notes=notes)
    assert any("encoder efficientnet-lite0" in note for note in notes)
    plan, (model,) = ModelFolder(tmp_path / "model").load()
    assert plan.unet.encoder == "efficientnet-lite0"
    learnt = dict(model.encoder.state_dict())
    from septum.net.architecture.efficientnet import adapted
    from septum.net.learning.pretrained import EFFICIENTNET

    published = adapted(EFFICIENTNET.read(EFFICIENTNET.find()), in_channels=1, image_channels=1)
    assert np.allclose(learnt["blocks.9.widen.weight"], published["blocks.9.widen.weight"], atol=0.05)
    assert not np.array_equal(learnt["blocks.9.widen.weight"], published["blocks.9.widen.weight"])
    predict(tmp_path / "model", [data / "images" / "case0.tif"], tmp_path / "masks")
    assert io.read_labels(tmp_path / "masks" / "case0.tif").array.shape == (64, 72)


def add_unlabelled(folder: Path, count: int, shape: tuple[int, ...] = (40, 48)) -> Path:
    folder.mkdir(exist_ok=True)
    for index in range(count):
        image, _ = draw(100 + index, shape)
        suffix = ".nii.gz" if len(shape) == 3 else ".tif"
        io.write_image(
            folder / f"free{index}{suffix}", Image(image[None], Grid.from_spacing(shape, (2.0,) * len(shape)))
        )
    return folder


def digests_in(model: Path, *keys: str) -> set[str]:
    data = json.loads((model / "data.json").read_text())
    return {digest for key in keys for case in data.get(key, {}).values() for digest in case["images"]}


def test_images_without_labels_are_learnt_from_and_nothing_else(tmp_path: Path) -> None:
    data, model, notes = make_dataset(tmp_path / "data", 3), tmp_path / "model", list[str]()
    more = add_unlabelled(tmp_path / "more", 4)
    for path in (data / "images").iterdir():
        shutil.copy(path, more / f"renamed-{path.name}")
    (more / "broken.tif").write_bytes(b"no picture")
    io.write_image(more / "colour.tif", Image(np.zeros((3, 40, 48), np.uint8), Grid.from_spacing((40, 48), (2.0, 2.0))))
    result = train(data, model, unlabelled=more, folds="one", notes=notes)
    (note,) = [note for note in notes if "without labels are learnt from" in note]
    assert note.startswith("4 images without labels are learnt from, as --unlabelled asks; 3 were left out because")
    assert "2 could not be used: broken, colour" in note
    assert result.failures == ()
    assert "4 images without labels are learnt from" in (model / "report" / "index.html").read_text()
    plan, _ = ModelFolder(model).load()
    assert plan.teacher is not None
    assert not digests_in(model, "cases") & digests_in(model, "unlabelled")
    assert set(json.loads((model / "splits.json").read_text())[0]["val"]) <= {"case0", "case1", "case2"}
    assert set(result.held_out) <= {"case0", "case1", "case2"}
    assert predict(model, [data / "images" / "case0.tif"], tmp_path / "masks").written


def test_a_run_with_images_without_labels_is_a_function_of_its_seed_and_goes_on_as_it_began(tmp_path: Path) -> None:
    data, more = make_dataset(tmp_path / "data", 2), add_unlabelled(tmp_path / "more", 2)
    kept = []
    for name, stop in (("one", False), ("two", False), ("three", True)):
        how = {"unlabelled": more, "folds": "none", "steps": 4}
        train(data, tmp_path / name, **how, should_stop=lambda stop=stop: stop)
        if stop:
            train(data, tmp_path / name, steps=4, resume=True)
        (model,) = ModelFolder(tmp_path / name).load()[1]
        kept.append(model.state_dict())
    assert all(np.array_equal(kept[0][key], other[key]) for other in kept[1:] for key in kept[0])
    train(data, tmp_path / "plain", folds="none", steps=4)
    plain = ModelFolder(tmp_path / "plain").load()[1][0].state_dict()
    assert any(not np.array_equal(kept[0][key], plain[key]) for key in plain)
    add_unlabelled(tmp_path / "more", 3)
    with pytest.raises(DatasetError, match="without labels that it began with, got new cases: free2"):
        train(data, tmp_path / "one", steps=4, resume=True)


@pytest.mark.parametrize("ndim", [2, 3])
def test_volumes_without_labels_are_learnt_from_whole_and_slice_by_slice(tmp_path: Path, ndim: int) -> None:
    data = make_dataset(tmp_path / "data", 2, (10, 24, 20))
    more, notes = add_unlabelled(tmp_path / "more", 2, (10, 24, 20)), list[str]()
    train(data, tmp_path / "model", unlabelled=more, folds="none", ndim=ndim, notes=notes)
    assert any(note.startswith("2 images without labels are learnt from") for note in notes)


def test_images_without_labels_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    data = make_dataset(tmp_path / "data", 2)
    volumes = add_unlabelled(tmp_path / "volumes", 1, (8, 40, 48))
    with pytest.raises(DatasetError, match=r"readable and like the labelled ones, got free0: .*trained on planes"):
        train(data, tmp_path / "one", unlabelled=volumes, folds="none")
    with pytest.raises(DatasetError, match="got 2 images that it knows"):
        train(data, tmp_path / "two", unlabelled=data, folds="none")
    assert not (tmp_path / "two").exists()
    with pytest.raises(DatasetError, match="nowhere"):
        train(data, tmp_path / "three", unlabelled=tmp_path / "nowhere", folds="none")


def test_a_plan_that_is_followed_has_a_teacher_where_there_are_images_for_it(tmp_path: Path) -> None:
    data, more = make_dataset(tmp_path / "data", 2), add_unlabelled(tmp_path / "more", 2)
    train(data, tmp_path / "taught", unlabelled=more, folds="none")
    train(data, tmp_path / "plain", plan=tmp_path / "taught" / "plan.json", folds="none")
    assert ModelFolder(tmp_path / "plain").load()[0].teacher is None
    train(data, tmp_path / "again", plan=tmp_path / "plain" / "plan.json", unlabelled=more, folds="none")
    assert ModelFolder(tmp_path / "again").load()[0].teacher == ModelFolder(tmp_path / "taught").load()[0].teacher


def test_a_training_says_that_interpolated_slices_weigh_less(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = np.ones((2, 4, 4), np.uint8)
    plain = Sample("a", labels[None].astype(np.float32), labels, (1.0, 1.0, 1.0))
    made = (plain, replace(plain, name="b", interpolated=labels > 0))
    monkeypatch.setattr(training, "prepare_cases", lambda *given, **more: made)
    monkeypatch.setattr(training, "_scratch", lambda run: tmp_path)
    notes: list[str] = []
    run = SimpleNamespace(cases=(), failures=None, hooks=Hooks(on_note=notes.append))
    assert list(training._samples(run, None)) == ["a", "b"]  # type: ignore[arg-type]
    (note,) = notes
    assert note.startswith("interpolated slices in 1 case: ")
    assert "0.5 times as often" in note
