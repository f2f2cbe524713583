"""Evaluation: pairs that are right, numbers that are known, and everything odd said aloud."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from septum import io
from septum.errors import ConfigError, DatasetError, FormatError, GeometryError
from septum.geometry import Grid, Image, LabelMap
from septum.report.figures.overlay import ShownCase
from septum.workflows.evaluation.evaluate import evaluate
from septum.workflows.evaluation.settings import EvaluateSettings
from septum.workflows.runs.hooks import Hooks
from septum.workflows.scores import report_folder
from septum.workflows.scores.report_folder import About, Extras, write_report
from septum.workflows.scores.scores import Score, case_means, mean_dice, pick_examples, score_case
from septum.workflows.scores.tables import summary_table

SHAPE = (12, 16)


def square(value: int = 1, *, start: int = 2, size: int = 4, background: int = 0) -> NDArray[Any]:
    array = np.full(SHAPE, background, np.uint8)
    array[start : start + size, start : start + size] = value
    return array


def save(folder: Path, masks: Mapping[str, NDArray[Any]], suffix: str = ".png", grid: Grid | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in masks.items():
        io.write_labels(
            folder / (name + suffix), LabelMap(array, grid or Grid.from_spacing(array.shape, (1.0,) * array.ndim))
        )
    return folder


def run(tmp_path: Path, predicted: Mapping[str, Any], expected: Mapping[str, Any], **settings: Any) -> Any:
    return of(save(tmp_path / "pred", predicted), save(tmp_path / "ref", expected), tmp_path / "out", **settings)


def of(predictions: Any, references: Path, output: Path, **settings: Any) -> Any:
    """`evaluate` in this process, with what is not one of its own arguments as settings."""
    own = {name: settings.pop(name) for name in ("readers", "images", "hooks") if name in settings}
    return evaluate(predictions, references, output=output, settings=EvaluateSettings(workers="1", **settings), **own)


def dices(result: Any) -> dict[tuple[str, int], float]:
    return {(s.case, s.label): s.dice for s in result.scores}


def said(result: Any) -> str:
    return " ".join(result.notes)


def test_scores_of_hand_drawn_masks_are_in_every_file(tmp_path: Path) -> None:
    result = run(tmp_path, {"a": square(), "b": square(start=4)}, {"a": square(), "b": square()})
    assert dices(result) == {("a", 1): 1.0, ("b", 1): 2 * 4 / 32}
    assert result.mean_dice == 0.625
    assert result.notes == ()
    cases = pd.read_csv(tmp_path / "out" / "cases.csv")
    assert cases["case"].tolist() == ["a", "b"]
    assert cases.loc[1, ["tp", "fp", "fn", "tn"]].tolist() == [4, 12, 12, 164]
    assert cases.loc[1, "pixel_error"] == 24 / 192
    summary = pd.read_csv(tmp_path / "out" / "summary.csv").set_index("metric")
    assert summary.loc["dice", "mean"] == 0.625
    assert summary.loc["dice", "n"] == 2
    document = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert document["format"] == 2
    assert document["mean_dice"] == {"a": 1.0, "b": 0.25}
    assert document["cases"][1]["dice"] == 0.25
    assert "<html" in result.report.read_text()
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == sorted(
        [*report_folder.FILES, "agreement.csv", "agreement.tex", "figures", "settings.toml"]
    )


def test_a_report_does_not_say_where_files_lie(tmp_path: Path) -> None:
    result = run(tmp_path, {"a": square()}, {"a": square()})
    document = json.loads((tmp_path / "out" / "evaluation.json").read_text())["provenance"]
    assert set(document["predictions"].values()) == {"pred"}
    assert document["references"] == "ref"
    assert str(tmp_path) not in json.dumps(document) + result.report.read_text()


def test_progress_and_notes_are_told_while_it_runs(tmp_path: Path) -> None:
    seen: list[tuple[str, float]] = []
    notes: list[str] = []
    run(
        tmp_path,
        {"a": square()},
        {"a": square(), "b": square()},
        hooks=Hooks(lambda case, part: seen.append((case, part)), notes.append),
    )
    assert seen[0] == ("reading a", 1.0)
    assert ("measuring a", 1.0) in seen
    assert any("have no prediction" in note for note in notes)


def test_missing_cases_on_either_side_are_listed_everywhere(tmp_path: Path) -> None:
    result = run(tmp_path, {"a": square(), "new": square()}, {"a": square(), "lost": square()})
    assert result.missing_predictions == ("lost",)
    assert result.missing_references == ("new",)
    assert "1 of 2 references have no prediction and are not scored." in said(result)
    assert "1 predictions have no reference and are not scored." in said(result)
    cases = pd.read_csv(tmp_path / "out" / "cases.csv").set_index("case")
    assert cases["status"].to_dict() == {"a": "scored", "lost": "no prediction", "new": "no reference"}
    page = result.report.read_text()
    assert "lost" in page
    assert "no reference" in page


def test_labels_of_one_side_only_are_scored_and_said(tmp_path: Path) -> None:
    expected = square(1) + square(2, start=8, size=2)
    predicted = square(1) + square(3, start=8, size=2)
    result = run(tmp_path, {"a": predicted, "b": square(1)}, {"a": expected, "b": square(1)})
    assert dices(result)["a", 2] == 0
    assert dices(result)["a", 3] == 0
    assert math.isnan(dices(result)["b", 3])
    assert "Predicted but in no reference: label 3" in said(result)
    assert "In the references but never predicted: label 2" in said(result)
    assert case_means(result.scores) == {"a": 1 / 3, "b": 1.0}
    undefined = result.summary.set_index(["label", "metric"]).loc[(3, "dice")]
    assert (undefined["n"], undefined["n_undefined"], undefined["n_both_empty"]) == (1, 1, 1)


@pytest.mark.parametrize("codes", [(1, 255), (255, 1)])
@pytest.mark.parametrize("background", [0, 1, 255])
def test_yes_and_no_may_be_coded_differently(tmp_path: Path, codes: tuple[int, int], background: int) -> None:
    result = run(
        tmp_path,
        {"a": square(codes[0]), "b": square(codes[0], start=3)},
        {"a": square(codes[1]), "b": square(codes[1])},
        background=background,
    )
    assert "Both sides are yes/no masks" in said(result)
    whole = 2 * 9 / 32 if background == 0 else 2 * 169 / (176 * 2)
    assert dices(result) == {("a", s.label): 1.0 for s in result.scores[:1]} | {
        ("b", s.label): pytest.approx(whole) for s in result.scores[:1]
    }


def test_other_values_are_never_taken_for_one_another(tmp_path: Path) -> None:
    result = run(tmp_path, {"a": square(2)}, {"a": square(1)})
    assert dices(result) == {("a", 1): 0.0, ("a", 2): 0.0}


def test_zero_is_scored_where_another_value_is_the_background(tmp_path: Path) -> None:
    result = run(tmp_path, {"a": square(0, start=3, background=255)}, {"a": square(0, background=255)}, background=255)
    assert dices(result) == {("a", 0): 2 * 9 / 32}
    assert result.scores[0].name == "foreground"


def test_a_background_that_occurs_nowhere_is_said(tmp_path: Path) -> None:
    result = run(tmp_path, {"a": square(2)}, {"a": square(2)}, background=9)
    assert "The background value 9 occurs in no mask" in said(result)


def test_instance_ids_are_compared_as_one_foreground(tmp_path: Path) -> None:
    references = {}
    for name, n in (("a", 24), ("b", 30), ("c", 12)):
        ids = np.zeros((40, 40), np.uint8)
        ids[::6, ::6].flat[:n] = np.arange(1, n + 1)
        references[name] = ids
    predictions = {name: (ids > 0).astype(np.uint8) for name, ids in references.items()}
    result = run(tmp_path, predictions, references)
    assert set(dices(result).values()) == {1.0}
    assert "ids of single objects" in said(result)
    apart = run(tmp_path / "apart", predictions, references, foreground=False)
    assert len({s.label for s in apart.scores}) == 30


def test_all_values_as_one_when_asked(tmp_path: Path) -> None:
    result = run(tmp_path, {"a": square(3)}, {"a": square(1)}, foreground=True)
    assert set(dices(result).values()) == {1.0}
    assert result.mean_dice == 1.0


def test_an_inverted_mask_is_suspected(tmp_path: Path) -> None:
    names = ("a", "b", "c")
    result = run(tmp_path, {n: 1 - square() for n in names}, {n: square() for n in names})
    assert "look inverted" in said(result)
    assert "would be 1.000 instead of 0.000" in said(result)


def test_a_background_that_is_scored_is_suspected(tmp_path: Path) -> None:
    result = run(tmp_path, {"a": square(0, background=255)}, {"a": square(0, start=3, background=255)})
    assert "evaluate again with --background 255" in said(result)


def test_copies_are_suspected(tmp_path: Path) -> None:
    result = run(tmp_path, {"a": square(), "b": square()}, {"a": square(), "b": square()})
    assert "equal in every voxel" in said(result)


def test_empty_masks_follow_the_table(tmp_path: Path) -> None:
    empty = np.zeros(SHAPE, np.uint8)
    result = run(
        tmp_path,
        {"none": empty, "alarm": square(), "missed": empty},
        {"none": empty, "alarm": empty, "missed": square()},
    )
    np.testing.assert_equal(dices(result), {("alarm", 1): 0.0, ("missed", 1): 0.0, ("none", 1): math.nan})
    cases = pd.read_csv(tmp_path / "out" / "cases.csv").set_index("case")
    assert cases["empty"].to_dict() == {"alarm": "reference empty", "missed": "prediction empty", "none": "both empty"}
    assert json.loads((tmp_path / "out" / "evaluation.json").read_text())["mean_dice"]["none"] is None


def test_predictions_alone_may_hold_the_label(tmp_path: Path) -> None:
    result = run(tmp_path, {"a": square(2)}, {"a": np.zeros(SHAPE, np.uint8)})
    assert dices(result) == {("a", 2): 0.0}


def test_other_grids_are_refused_with_their_distance(tmp_path: Path) -> None:
    array = np.zeros((4, 5, 6), np.uint8)
    array[1:3, 1:3, 1:3] = 1
    grid = Grid.from_spacing(array.shape, (1.0, 1.0, 1.0))
    moved = grid.affine.copy()
    moved[:3, 3] += 3.2
    predictions = save(tmp_path / "pred", {"a": array, "b": array}, ".nii.gz", grid)
    references = save(tmp_path / "ref", {"b": array}, ".nii.gz", grid)
    save(references, {"a": array}, ".nii.gz", Grid(array.shape, moved))
    with pytest.raises(GeometryError, match=r"different grids in 1 of 2 cases: a \(corners differ by 3.2 voxels\)"):
        of(predictions, references, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_other_shapes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(GeometryError, match=r"a \(shapes \(12, 16\) and \(5, 5\)\)"):
        run(tmp_path, {"a": np.ones((5, 5), np.uint8)}, {"a": square()})


def test_formats_without_position_are_compared_by_shape(tmp_path: Path) -> None:
    references = save(tmp_path / "ref", {"a": square()}, ".nii.gz", Grid.from_spacing(SHAPE, (0.5, 0.5)))
    assert of(save(tmp_path / "pred", {"a": square()}), references, tmp_path / "out").mean_dice == 1.0


def test_a_report_is_not_replaced_unless_asked_and_other_files_stay(tmp_path: Path) -> None:
    run(tmp_path, {"a": square(start=3)}, {"a": square()})
    (tmp_path / "out" / "mine.txt").write_text("keep")
    before = (tmp_path / "out" / "cases.csv").read_text()
    save(tmp_path / "pred", {"a": square()})
    with pytest.raises(ConfigError, match=r"already holds a report .* use --overwrite"):
        of(tmp_path / "pred", tmp_path / "ref", tmp_path / "out")
    assert (tmp_path / "out" / "cases.csv").read_text() == before
    result = of(tmp_path / "pred", tmp_path / "ref", tmp_path / "out", overwrite=True)
    assert result.mean_dice == 1.0
    assert (tmp_path / "out" / "cases.csv").read_text() != before
    assert (tmp_path / "out" / "mine.txt").read_text() == "keep"


def test_an_output_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("x")
    with pytest.raises(ConfigError, match="must be a folder, got the file"):
        run(tmp_path, {"a": square()}, {"a": square()})


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = Path.write_text

    def full(self: Path, *args: Any, **kwargs: Any) -> int:
        if self.name == "summary.csv":
            raise OSError(28, "No space left on device")
        return write(self, *args, **kwargs)

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space left"):
        run(tmp_path, {"a": square()}, {"a": square()})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["pred", "ref"]


def test_names_without_a_partner_are_an_error_that_shows_both_sides(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no common name: predictions left; references right"):
        run(tmp_path, {"left": square()}, {"right": square()})


def test_names_may_differ_by_the_words_for_mask(tmp_path: Path) -> None:
    result = run(
        tmp_path, {"21_pred": square(), "22_pred": square(start=3)}, {"21_manual1": square(), "22_manual1": square()}
    )
    assert dices(result)["22_manual1", 1] == 2 * 9 / 32
    assert "paired with references by" in said(result)


def test_two_files_are_a_pair_whatever_their_names(tmp_path: Path) -> None:
    save(tmp_path, {"mine": square(start=3), "theirs": square()})
    result = of(tmp_path / "mine.png", tmp_path / "theirs.png", tmp_path / "out")
    assert dices(result) == {("theirs", 1): 2 * 9 / 32}


def test_one_name_twice_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "pred", {"a": square()}, ".tif")
    with pytest.raises(DatasetError, match="must be unique, got a more than once"):
        run(tmp_path, {"a": square()}, {"a": square()})


@pytest.mark.parametrize("gone", ["pred", "ref"])
def test_folders_that_do_not_exist_are_refused(tmp_path: Path, gone: str) -> None:
    for name in {"pred", "ref"} - {gone}:
        save(tmp_path / name, {"a": square()})
    with pytest.raises(DatasetError, match="must be an existing folder or file"):
        of(tmp_path / "pred", tmp_path / "ref", tmp_path / "out")


def test_nothing_but_background_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="more than background"):
        run(tmp_path, {"a": np.zeros(SHAPE, np.uint8)}, {"a": np.zeros(SHAPE, np.uint8)})


def test_a_damaged_mask_is_named(tmp_path: Path) -> None:
    predictions = save(tmp_path / "pred", {"a": square()})
    data = (predictions / "a.png").read_bytes()
    (predictions / "a.png").write_bytes(data[: len(data) // 2])
    with pytest.raises(FormatError, match=r"a\.png"):
        of(predictions, save(tmp_path / "ref", {"a": square()}), tmp_path / "out")


def test_references_may_be_a_data_set_with_names_and_an_ignored_value(tmp_path: Path) -> None:
    root = tmp_path / "Dataset001_Test"
    for part in ("imagesTr", "labelsTr"):
        (root / part).mkdir(parents=True)
    reference = square(1)
    reference[:, 10:] = 2  # ignored
    for case in ("c1", "c2"):
        grid = Grid.from_spacing(SHAPE, (1.0, 1.0))
        io.write_image(root / "imagesTr" / f"{case}_0000.png", Image(np.zeros((1, *SHAPE), np.uint8), grid))
        io.write_labels(root / "labelsTr" / f"{case}.png", LabelMap(reference, grid))
    labels = {"background": 0, "liver": 1, "ignore": 2}
    settings = {"channel_names": {"0": "CT"}, "labels": labels, "numTraining": 2, "file_ending": ".png"}
    (root / "dataset.json").write_text(json.dumps(settings))
    predicted = square(1)
    predicted[:, 12:] = 1
    result = of(save(tmp_path / "pred", {"c1": predicted}), root, tmp_path / "out")
    (score,) = result.scores
    assert (score.name, score.dice, score.counts.total) == ("liver", 1.0, 120)
    assert result.missing_predictions == ("c2",)


def test_frames_of_multi_page_files_are_cases_of_their_own(tmp_path: Path) -> None:
    import tifffile

    stack = np.stack([square(), square(start=3), square(start=4)])
    for folder, array in (("pred", stack), ("ref", np.stack([square()] * 3))):
        (tmp_path / folder).mkdir()
        tifffile.imwrite(tmp_path / folder / "movie.tif", array, metadata={"axes": "TYX"}, photometric="minisblack")
    result = of(tmp_path / "pred", tmp_path / "ref", tmp_path / "out", axes="TYX")
    assert list(dices(result).values()) == [1.0, 2 * 9 / 32, 2 * 4 / 32]
    assert [score.case for score in result.scores] == ["movie_t000", "movie_t001", "movie_t002"]


def test_masks_of_single_frames_are_scored_against_a_movie(tmp_path: Path) -> None:
    import tifffile

    for folder in ("images", "labels"):
        (tmp_path / "data" / folder).mkdir(parents=True)
        stack = np.stack([square(), square(start=3)])
        tifffile.imwrite(
            tmp_path / "data" / folder / "m.tif", stack, metadata={"axes": "TYX"}, photometric="minisblack"
        )
    predicted = save(tmp_path / "pred", {"m_t000": square(), "m_t001": square()}, ".tif")
    result = of(predicted, tmp_path / "data", tmp_path / "out", axes="TYX")
    assert list(dices(result).values()) == [1.0, 2 * 9 / 32]


def test_masks_need_no_channel_axis_where_the_images_have_one(tmp_path: Path) -> None:
    result = run(tmp_path, {"a": square()}, {"a": square()}, axes="YXC")
    assert list(dices(result).values()) == [1.0]


def test_images_beside_the_labels_are_shown(tmp_path: Path) -> None:
    labels = save(tmp_path / "data" / "labels", {"a": square()})
    (tmp_path / "data" / "images").mkdir()
    image = np.random.default_rng(0).integers(0, 255, (1, *SHAPE), dtype=np.uint8)
    io.write_image(tmp_path / "data" / "images" / "a.png", Image(image, Grid.from_spacing(SHAPE, (1.0, 1.0))))
    predictions = save(tmp_path / "pred", {"a": square(start=3)})
    assert '"case": "a", "image": true' in of(predictions, labels, tmp_path / "out").report.read_text()
    chosen = of(predictions, labels, tmp_path / "two", images=tmp_path / "data" / "images")
    assert '"image": true' in chosen.report.read_text()


def test_images_that_were_asked_for_must_exist(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="images must be a folder of images"):
        run(tmp_path, {"a": square()}, {"a": square()}, images=tmp_path / "nowhere")
    other = tmp_path / "images"
    other.mkdir()
    io.write_image(other / "zzz.png", Image(np.zeros((1, *SHAPE), np.uint8), Grid.from_spacing(SHAPE, (1.0, 1.0))))
    result = run(tmp_path, {"a": square()}, {"a": square()}, images=other)
    assert "1 cases have no image of their name" in said(result)


def score(case: str, dice: float, group: str | None = None) -> Score:
    tp = round(100 * dice)
    one = np.repeat([1, 0], [100, 100])
    found = np.concatenate([np.repeat([1, 0], [tp, 100 - tp]), np.repeat([1, 0], [100 - tp, tp])])
    return score_case(case, one, prediction=found, labels={1: "liver"}, group=group)[0]


def test_worst_median_and_best_are_picked() -> None:
    found = [score("c", 0.5), score("a", 0.9), score("b", 0.1), score("d", 0.6)]
    assert pick_examples(found) == (("worst", "b"), ("nearest to the median", "c"), ("best", "a"))
    assert pick_examples(found[:2]) == (("worst", "c"), ("best", "a"))
    assert pick_examples(found[:1]) == (("only case", "c"),)
    assert pick_examples([]) == ()


def test_training_writes_its_report_from_arrays(tmp_path: Path) -> None:
    mask = np.zeros((6, 8, 9), np.uint8)
    mask[2:4, 2:5, 2:5] = 1
    shifted = np.roll(mask, 1, axis=2)
    rows = [
        *score_case("x", mask, prediction=shifted, labels={1: "cell"}),
        *score_case("y", mask, prediction=mask, labels={1: "cell"}),
    ]
    curves = tmp_path / "log.csv"
    curves.write_text("fold,step,seconds,loss,val_dice\n0,1,10,1.0,\n0,2,20,0.5,0.8\n")
    page = write_report(
        tmp_path / "report",
        rows,
        about=About("Model", ["one fold"], provenance={"seed": np.int64(3), "loss": math.nan}),
        examples=[
            ("x", mask[None].astype(np.float32), mask, shifted, (1.0, 1.0, 1.0)),
            ShownCase("y", None, mask, mask),
        ],
        extras=Extras(curves=curves, plan={"patch": (8, 8), "spacing": np.float32(1.5)}),
    ).read_text()
    assert "Learning curve: training loss" in page
    assert "Worst: x (Dice 0.667)" in page
    document = json.loads((tmp_path / "report" / "evaluation.json").read_text())
    assert document["plan"] == {"patch": [8, 8], "spacing": 1.5}
    assert document["provenance"] == {"seed": 3, "loss": None}


def test_ignored_values_are_left_out_of_scores() -> None:
    reference, prediction = np.array([1, 0, 255, 250]), np.array([1, 0, 1, 1])
    (found,) = score_case("a", reference, prediction=prediction, labels={1: "x"}, ignore=(255, 250))
    assert (found.dice, found.counts.total, found.pixel_error) == (1.0, 2, 0.0)


def test_the_mean_over_labels_comes_first_and_groups_are_resampled() -> None:
    rows = [score(f"c{i}", 0.5 + i / 20, group=f"p{i // 2}") for i in range(6)]
    summary = summary_table(rows)
    assert summary.loc[0, "n_groups"] == 3
    both = summary_table([*rows, *[Score(s.case, 2, "spleen", s.counts, s.pixel_error, s.group) for s in rows]])
    assert both["name"].tolist()[:2] == ["mean over labels", "mean over labels"]
    assert both.loc[0, "mean"] == pytest.approx(mean_dice(rows))


def test_nothing_scored_makes_empty_tables(tmp_path: Path) -> None:
    assert math.isnan(mean_dice([]))
    page = write_report(tmp_path / "report", [], about=About("Empty")).read_text()
    assert "No case could be scored" in page


def test_one_persons_masks_against_the_gold_standard(realdata: Path, tmp_path: Path) -> None:
    base = realdata / "multirater-bubil-cells"
    result = of(base / "readers" / "Person2_Amira", base / "labels", tmp_path / "out", background=255)
    assert len(result.scores) == 18
    assert result.mean_dice == 1.0
    assert "copies of each other" in said(result)


def two_labels(second: int) -> NDArray[Any]:
    """A square of 16 pixels of label 1, and one of label 2 that starts at row `second`."""
    return square() + square(2, start=second, size=2)


def test_generalised_and_weighted_dice_of_a_case_stand_beside_its_labels(tmp_path: Path) -> None:
    """By hand: label 1 has 16 of 16 pixels, label 2 one of 4, moved by a pixel down and right."""
    tp, sizes = (16, 1), (32, 8)
    run(tmp_path, {"a": two_labels(9)}, {"a": two_labels(8)}, weights={"1": 1.0, "label 2": 3.0})
    cases = pd.read_csv(tmp_path / "out" / "cases.csv").set_index("label")
    assert cases["tp"].tolist() == list(tp)
    generalised = 2 * (tp[0] / 256 + tp[1] / 16) / (sizes[0] / 256 + sizes[1] / 16)
    assert cases["generalised_dice"].tolist() == pytest.approx([generalised] * 2)
    assert cases["weighted_dice"].tolist() == pytest.approx([(1 + 3 * 0.25) / 4] * 2)
    summary = pd.read_csv(tmp_path / "out" / "summary.csv").set_index("metric")
    assert summary.loc["generalised_dice", "name"] == "all labels together"  # one row, not one per label
    assert summary.loc["weighted_dice", "mean"] == pytest.approx(1.75 / 4)


def test_one_label_has_no_score_of_all_labels(tmp_path: Path) -> None:
    run(tmp_path, {"a": square()}, {"a": square()})
    assert "generalised_dice" not in pd.read_csv(tmp_path / "out" / "cases.csv")


@pytest.mark.parametrize(
    ("weights", "hint"),
    [
        ({"3": 1.0}, r"got '3'; scored are 1 \(label 1\), 2 \(label 2\)"),
        ({"1": 1.0, "label 1": 2.0}, "each once"),
        ({"1": -1.0}, "at least 0"),
        ({"1": 0.0}, "not all 0"),
    ],
)
def test_weights_of_labels_that_are_not_scored_are_refused(
    tmp_path: Path, weights: dict[str, float], hint: str
) -> None:
    with pytest.raises(ConfigError, match=hint):
        run(tmp_path, {"a": two_labels(8)}, {"a": two_labels(8)}, weights=weights)
    assert not (tmp_path / "out").exists()


def test_only_the_worst_third_are_called_the_worst_cases(tmp_path: Path) -> None:
    names = [f"c{i}" for i in range(9)]
    references = save(tmp_path / "ref", dict.fromkeys(names, square()))
    predictions = save(tmp_path / "pred", {name: square(start=1 + i // 3) for i, name in enumerate(names)})
    page = of(predictions, references, tmp_path / "out").report.read_text()
    assert page.count("<figcaption>c") == 3
    three = save(tmp_path / "three", {name: square(start=2) for name in names[:3]})
    assert "Worst cases" not in of(three, references, tmp_path / "few").report.read_text()


def test_no_interval_and_no_statistics_where_there_are_too_few_cases(tmp_path: Path) -> None:
    references = save(tmp_path / "ref", {"a": square()})
    first, second = (save(tmp_path / name, {"a": square(start=i)}) for i, name in ((2, "one"), (3, "two")))
    result = of({"one": first, "two": second}, references, tmp_path / "out")
    assert result.lines == ()
    assert "no statistics compare them" in said(result)
    assert result.summary["mean_ci_low"].isna().all()
    assert "one and two against ref" in result.report.read_text()


def test_membrane_scores_of_the_membranes_instead_of_the_cells_are_doubted(tmp_path: Path) -> None:
    cells = np.full(SHAPE, 255, np.uint8)
    cells[::4] = 0
    references, predictions = save(tmp_path / "ref", {"a": cells}), save(tmp_path / "pred", {"a": cells})
    wanted: dict[str, Any] = {"metrics": ("overlap", "em")}
    assert "wrong side" not in said(of(predictions, references, tmp_path / "out", **wanted))
    assert "--background" not in said(of(predictions, references, tmp_path / "out2", **wanted))
    swapped = of(predictions, references, tmp_path / "out3", background=255, **wanted)
    assert "the scores would be of the wrong side" in said(swapped)
