"""What people suffered with nested labels (BraTS): regions under wrong names, or scored as if they were classes."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK
from tests.field.conftest import train, write_case

from septum import io
from septum.errors import ConfigError, DatasetError
from septum.metrics.surface import hausdorff, surface_distances
from septum.workflows.data.classes import ClassMap, infer_classes
from septum.workflows.data.declared import Declared, labels_json, paint_order, parse_labels
from septum.workflows.data.load import load_dataset
from septum.workflows.data.regions import Region
from septum.workflows.doctor.mend import mend
from septum.workflows.evaluation.evaluate import evaluate
from septum.workflows.evaluation.settings import EvaluateSettings
from septum.workflows.model.folder import ModelFolder
from septum.workflows.pipelines.comparison import dice_of
from septum.workflows.prediction.settings import PredictSettings
from septum.workflows.prediction.workflow import predict
from septum.workflows.scores.scores import Score

BRATS = {"background": 0, "whole": [1, 2, 3, 4], "core": [1, 2, 3], "enhancing": 1}


def brats(root: Path, labels: dict[str, object] | None = None) -> Path:
    """Three tumours of 1 enhancing, 2 and 3 other core, 4 oedema; predictions in which the cystic part is missed."""
    data = root / "Dataset001_B"
    for folder in (data / "imagesTr", data / "labelsTr", root / "pred"):
        folder.mkdir(parents=True)
    for number in range(3):
        drawn = np.zeros((32, 32, 10), np.uint8)
        drawn[4:28, 4:28, 1:9], drawn[6:14, 6:26, 1:9] = 4, 3
        drawn[16:26, 6:14, 1:9], drawn[16:26, 16:26, 1:9] = 2, 1
        drawn[number] = 0
        predicted = np.where(drawn == 3, 0, drawn).astype(np.uint8)
        noise = np.random.default_rng(number).normal(0, 5, drawn.shape)
        for array, file in (
            ((60 * drawn + noise).astype(np.float32), data / f"imagesTr/c_{number}_0000.nii.gz"),
            (drawn, data / f"labelsTr/c_{number}.nii.gz"),
            (predicted, root / f"pred/c_{number}.nii.gz"),
        ):
            nibabel.save(nibabel.Nifti1Image(array, np.eye(4)), file)
    content = {"channel_names": {"0": "T1"}, "labels": labels or BRATS, "regions_class_order": [4, 2, 1]}
    (data / "dataset.json").write_text(json.dumps(content | {"numTraining": 3, "file_ending": ".nii.gz"}))
    return data


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> list[Score]:
    """Reports are not drawn; the scores they would show of held-out cases."""
    shown: list[Score] = []

    def write(output: Path, scores: list[Score], **more: object) -> Path:
        shown.extend(scores)
        return output / "index.html"

    monkeypatch.setattr("septum.workflows.training.measured.write_report", write)
    monkeypatch.setattr("septum.workflows.evaluation.evaluate._write", lambda output, *a, **more: (output, []))
    monkeypatch.setattr("septum.workflows.evaluation.evaluate.write_settings", lambda *given: None)
    return shown


def itk_dice(data: Path, values: list[int]) -> float:
    """The Dice of one region of the first case, by SimpleITK."""
    sides = [
        SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(file)))
        for file in (data / "labelsTr/c_0.nii.gz", data.parent / "pred/c_0.nii.gz")
    ]
    masks = [SimpleITK.GetImageFromArray(np.isin(side, values).astype(np.uint8)) for side in sides]
    measure = SimpleITK.LabelOverlapMeasuresImageFilter()
    measure.Execute(*masks)
    return float(measure.GetDiceCoefficient())


@pytest.mark.usefixtures("undrawn")
def test_evaluate_scores_regions_not_the_values_they_are_made_of(tmp_path: Path) -> None:
    data = brats(tmp_path)
    settings = EvaluateSettings(metrics=("overlap", "surface"), workers="1")
    for references in (data, data / "labelsTr"):
        found = evaluate(tmp_path / "pred", references, output=tmp_path / "out", settings=settings)
        first = {score.name: score for score in found.scores if score.case == "c_0"}
        assert {name: score.dice for name, score in first.items()} == {
            "whole": pytest.approx(itk_dice(data, [1, 2, 3, 4])),
            "core": pytest.approx(itk_dice(data, [1, 2, 3])),
            "enhancing": 1.0,
        }
        assert any("Scored are regions: whole = 1, 2, 3, 4" in note for note in found.notes)
    sides = [io.read_labels(f).array for f in (data / "labelsTr/c_0.nii.gz", tmp_path / "pred/c_0.nii.gz")]
    truth, guess = (np.isin(side, (1, 2, 3)) for side in sides)
    core = hausdorff(surface_distances(truth, guess, spacing=(1, 1, 1)))
    assert core > 0
    assert first["core"].value("hausdorff") == pytest.approx(core)
    assert first["enhancing"].value("hausdorff") == 0


def test_an_explicit_name_is_kept_and_a_misleading_order_is_said(tmp_path: Path) -> None:
    declared = parse_labels(BRATS, [1, 2, 3], path=Path("dataset.json"))
    assert declared.names == {0: "background", 1: "enhancing", 2: "core (2)", 3: "core (3)", 4: "whole (4)"}
    assert "paints enhancing with 3" in declared.notes[1]
    assert len(parse_labels(BRATS, [4, 2, 1], path=Path("dataset.json")).notes) == 1
    for order in ([1, 2], "123", [1, 2, "3"]):
        with pytest.raises(DatasetError, match="one whole number for each of the 3 regions"):
            parse_labels(BRATS, order, path=Path("dataset.json"))
    with pytest.raises(DatasetError, match="one label value or more"):
        parse_labels({"whole": []}, None, path=Path("dataset.json"))


@pytest.mark.usefixtures("undrawn")
def test_what_no_region_tells_apart_is_no_error(tmp_path: Path) -> None:
    data = brats(tmp_path)
    for number in range(3):
        drawn = nibabel.load(data / f"labelsTr/c_{number}.nii.gz")
        swapped = np.asanyarray(drawn.dataobj).copy()
        swapped[swapped == 3] = 2
        nibabel.save(nibabel.Nifti1Image(swapped, drawn.affine), tmp_path / f"pred/c_{number}.nii.gz")
    found = evaluate(tmp_path / "pred", data, output=tmp_path / "out", settings=EvaluateSettings(workers="1"))
    assert {score.dice for score in found.scores} == {1.0}
    assert {score.pixel_error for score in found.scores} == {0.0}


@pytest.mark.usefixtures("undrawn")
def test_a_single_region_is_one_class(tmp_path: Path) -> None:
    data = brats(tmp_path, {"background": 0, "tumour": [1, 2, 3, 4]})
    (data / "dataset.json").write_text(json.dumps({"labels": {"background": 0, "tumour": [1, 2, 3, 4]}}))
    found = evaluate(tmp_path / "pred", data, output=tmp_path / "out", settings=EvaluateSettings(workers="1"))
    assert {score.name for score in found.scores} == {"tumour"}
    assert found.scores[0].dice == pytest.approx(itk_dice(data, [1, 2, 3, 4]))


def test_probabilities_of_classes_are_not_taken_for_those_of_regions(tmp_path: Path) -> None:
    data = brats(tmp_path)
    settings = EvaluateSettings(workers="1", probabilities={"": tmp_path / "pred"})
    with pytest.raises(ConfigError, match="declares regions"):
        evaluate(tmp_path / "pred", data, output=tmp_path / "out", settings=settings)


def test_a_model_keeps_the_regions_writes_nested_labels_and_is_measured_by_them(
    tmp_path: Path, undrawn: list[Score]
) -> None:
    labels = np.zeros((32, 32), np.uint8)
    for value, edge in ((4, 4), (3, 6), (2, 8), (1, 10)):
        labels[edge : 32 - edge, edge : 32 - edge] = value
    for number in range(3):
        write_case(tmp_path / "data", f"c{number}", labels, seed=number)
    (tmp_path / "data/dataset.json").write_text(json.dumps({"labels": BRATS}))
    train(tmp_path / "data", tmp_path / "model", steps=1, baselines=False)
    plan = ModelFolder(tmp_path / "model").read_plan()
    assert list(map(str, plan.classes.regions)) == ["whole = 1, 2, 3, 4", "core = 1, 2, 3", "enhancing = 1"]
    assert [score.name for score in undrawn] == ["whole", "core", "enhancing"]
    assert "- region core = 1, 2, 3" in (tmp_path / "model/card.md").read_text()
    predict(
        tmp_path / "model",
        [tmp_path / "data/images/c0.tif"],
        output=tmp_path / "masks",
        settings=PredictSettings(page=False),
    )
    (mask,) = (tmp_path / "masks").glob("*.tif")
    assert set(np.unique(io.read_labels(mask).array)) <= {0, 1, 2, 3, 4}
    record = json.loads((tmp_path / "masks/septum-predict.json").read_text())
    assert record["labels"]["regions"][1] == {"name": "core", "values": [1, 2, 3]}


def test_classes_of_regions_come_back_from_their_file_and_older_ones_have_none() -> None:
    classes = ClassMap((0, 1, 4), ("background", "a", "b"), regions=(Region("all", (1, 4)), Region("a", (1,))))
    assert ClassMap.from_dict(classes.to_dict()) == classes
    assert classes.region_classes == ((1, 2), (1,))
    assert "regions" not in ClassMap((0, 1), ("background", "a")).to_dict()
    with pytest.raises(ConfigError, match=r"got \[9\]"):
        ClassMap((0, 1), ("background", "a"), regions=(Region("all", (1, 9)),))


def test_classical_methods_are_compared_by_the_regions() -> None:
    table = np.array([[50, 5, 0], [0, 20, 10], [1, 0, 14]])  # labels by classes, read as they are
    expected = [2 * (20 + 10 + 14) / (45 + 49), 2 * 14 / (15 + 24)]
    assert dice_of(table, None, regions=((1, 2), (2,))).tolist() == pytest.approx(expected)


def test_a_mended_copy_and_the_foreground_know_what_to_do_with_regions(tmp_path: Path) -> None:
    data = load_dataset(brats(tmp_path))
    mend(tmp_path / "Dataset001_B", tmp_path / "copy")
    assert load_dataset(tmp_path / "copy").regions == data.regions
    assert infer_classes(data).regions == data.regions
    assert infer_classes(data, foreground=True).regions == ()
    declared = Declared(data.label_names, 9, False, data.regions)
    again = parse_labels(labels_json(declared)["labels"], paint_order(data.regions), path=Path("d"))
    assert (again.names, again.ignore, again.regions) == (declared.names, 9, declared.regions)
