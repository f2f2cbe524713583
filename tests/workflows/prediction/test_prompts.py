"""Prompts from the command line to the network's grid, and the whole path of a model that takes them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric

from septum import io
from septum.cli.main import main
from septum.errors import Cancelled, ConfigError, GeometryError
from septum.geometry import Grid, Image, LabelMap
from septum.geometry.placement import Placement
from septum.interactive.marks.prompted import prompted_network
from septum.interactive.tool import Box, Stroke
from septum.net.engines.torch import torch_engine
from septum.net.learning.sampling import Sample
from septum.net.prompts import BoxPrompt, Mark, Prompts
from septum.workflows.data.cases import Case, Source
from septum.workflows.editing import edit
from septum.workflows.editing.script import parse_script
from septum.workflows.model.folder import ModelFolder
from septum.workflows.model.plan import parse_plan, plan_json
from septum.workflows.model.settings import TrainSettings
from septum.workflows.prediction import workflow
from septum.workflows.prediction.live import PromptedModel
from septum.workflows.prediction.prompts import ImagePrompts, check_prompts, read_prompts, unheeded, with_prompts
from septum.workflows.prediction.settings import PredictSettings
from septum.workflows.quality.worklist import GradedResult
from septum.workflows.runs.hooks import Hooks
from septum.workflows.training import train as training
from septum.workflows.training.folds import guesses, make_validation


def make_dataset(root: Path, count: int = 4, shape: tuple[int, ...] = (40, 48), *, seed: int = 0) -> Path:
    """Noisy images with two equal bright boxes, of which one, in turns, is the object: only a prompt can say which."""
    (root / "images").mkdir(parents=True)
    (root / "labels").mkdir()
    grid = Grid.from_spacing(shape, (1.0,) * len(shape))
    suffix = ".nii.gz" if len(shape) == 3 else ".tif"
    rng = np.random.default_rng(seed)
    for index in range(count):
        first = (*(slice(2, n - 2) for n in shape[:-2]), slice(10, 30), slice(4, 20))
        second = (*first[:-1], slice(28, 44))
        image, labels = rng.normal(0, 5, shape).astype(np.float32), np.zeros(shape, np.uint8)
        image[first] += 50
        image[second] += 50
        labels[(first, second)[index % 2]] = 1
        io.write_image(root / "images" / f"case{index}{suffix}", Image(image[None], grid))
        io.write_labels(root / "labels" / f"case{index}{suffix}", LabelMap(labels, grid))
    return root


def train(data: Path, model: Path, **options: object) -> training.TrainResult:
    """A number of steps and a precision: then no part of the plan depends on how fast this machine is."""
    resume = bool(options.pop("resume", False))
    stop_at = options.pop("stop_at", None)
    calls = iter(range(10**6))
    return training.train(
        data,
        model,
        settings=TrainSettings(**{"steps": 2, "precision": "32-true", "devices": "cpu", "prompts": True, **options}),  # type: ignore[arg-type]
        hooks=Hooks(should_stop=lambda: stop_at is not None and next(calls) + 1 >= stop_at),  # type: ignore[operator]
        resume=resume,
    )


def predict(model: Path, images: list[Path], output: Path, **options: object) -> GradedResult:
    return workflow.predict(
        model,
        images,
        output=output,
        settings=PredictSettings(**{"devices": "cpu", "precision": "32-true", **options}),  # type: ignore[arg-type]
    )


@pytest.fixture(scope="module")
def prompted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A data set that needs prompts, and a model trained with them until it obeys."""
    root = tmp_path_factory.mktemp("prompted")
    data = make_dataset(root / "data")
    train(data, root / "model", steps=100, folds="none")
    return data, root / "model"


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A model without prompts."""
    root = tmp_path_factory.mktemp("plain")
    data = make_dataset(root / "data", 2)
    train(data, root / "model", prompts=False)
    return data, root / "model"


def dice(mask: Path, truth: Path) -> float:
    found, true = io.read_labels(mask).array > 0, io.read_labels(truth).array > 0
    return float(2 * np.sum(found & true) / (found.sum() + true.sum()))


@pytest.mark.parametrize("kind", ["click", "box", "scribbles"])
def test_a_prompt_says_which_of_two_equal_objects_is_meant(
    prompted: tuple[Path, Path], tmp_path: Path, kind: str
) -> None:
    """On an image that is not in training, each of the two is found when it is prompted."""
    _, model = prompted
    fresh = make_dataset(tmp_path / "fresh", 2, seed=7)
    for number, (meant, other) in enumerate([(12, 36), (36, 12)]):
        name = f"case{number}.tif"
        drawn = np.zeros((40, 48), np.uint8)
        drawn[14:26, meant], drawn[14:26, other] = 1, 9
        grid = io.read_image(fresh / "images" / name).grid
        io.write_labels(tmp_path / "drawn.tif", LabelMap(drawn, grid))
        options: dict[str, object] = {
            "click": {"clicks": (f"20,{meant}", f"20,{other}:0")},
            "box": {"boxes": (f"10,{meant - 8},29,{meant + 7}:1",)},
            "scribbles": {"scribbles": tmp_path / "drawn.tif", "scribble_background": 9},
        }[kind]
        out = tmp_path / f"out{number}"
        predict(model, [fresh / "images" / name], out, **options)
        assert dice(out / name, fresh / "labels" / name) > 0.9
        record = json.loads((out / "septum-predict.json").read_text())
        assert record["settings"]["clicks"] == list(options.get("clicks", ()))  # type: ignore[call-overload]
        assert str(tmp_path) not in json.dumps(record)


def test_a_network_that_takes_prompts_is_validated_with_them(prompted: tuple[Path, Path]) -> None:
    """Alone, no network can know which object is meant; the score by which weights are kept must know that it obeys."""
    plan, (network, *_) = ModelFolder(prompted[1]).load()
    rng, labels = np.random.default_rng(3), np.zeros((40, 48), np.uint8)
    labels[10:30, 4:20] = 1
    image = rng.normal(0, 5, labels.shape) + 50 * labels + 50 * np.roll(labels, 24, axis=1)
    sample = Sample("one", ((image - image.mean()) / image.std())[None].astype(np.float32), labels, (1.0, 1.0))
    engine = torch_engine([network], device=torch.device("cpu"), precision="32-true")

    def overlap(guess: np.ndarray) -> float:
        return float(2 * np.sum((guess > 0) & (labels > 0)) / ((guess > 0).sum() + labels.sum()))

    alone, clicked, boxed = map(overlap, guesses(engine, sample, plan=plan, should_stop=lambda: False))
    assert alone < 0.9
    assert min(clicked, boxed) > 0.9
    fabric = Fabric(accelerator="cpu", devices=1)
    validate = make_validation([sample], plan, fabric=fabric, should_stop=lambda: False)
    assert validate(network) == pytest.approx(np.mean([alone, clicked, boxed]))
    stopped = make_validation([sample], plan, fabric=fabric, should_stop=lambda: True)
    with pytest.raises(Cancelled):
        stopped(network)


def test_the_plan_records_the_prompts_and_reads_them_back(prompted: tuple[Path, Path]) -> None:
    _, model = prompted
    plan, networks = ModelFolder(model).load()
    assert plan.prompts is not None
    assert plan.channels == 1
    assert networks[0].config.in_channels == plan.unet.in_channels == 4
    assert parse_plan(plan_json(plan), what="it") == plan
    assert "and prompts" in (model / "card.md").read_text()


def test_a_plan_without_prompts_is_written_and_read_as_before(plain: tuple[Path, Path]) -> None:
    _, model = plain
    text = (model / "plan.json").read_text()
    assert "prompts" not in json.loads(text)
    plan = parse_plan(text, what="it")
    assert plan.prompts is None
    assert plan.unet.in_channels == plan.channels == 1
    assert plan_json(plan) == text


def test_a_plan_whose_network_has_no_room_for_its_prompts_is_refused(prompted: tuple[Path, Path]) -> None:
    content = json.loads((prompted[1] / "plan.json").read_text())
    content["unet"]["in_channels"] = 1
    with pytest.raises(ConfigError, match="in_channels must be 4"):
        parse_plan(json.dumps(content), what="it")


def test_a_stopped_run_with_prompts_resumes_to_the_same_weights(tmp_path: Path) -> None:
    data = make_dataset(tmp_path / "data", 2)
    train(data, tmp_path / "a", steps=6)
    train(data, tmp_path / "b", steps=6, stop_at=3)
    train(data, tmp_path / "b", steps=6, resume=True)
    plans = [(tmp_path / name / "plan.json").read_text() for name in "ab"]
    assert plans[0] == plans[1]
    whole, resumed = (ModelFolder(tmp_path / name).load()[1][0].state_dict() for name in "ab")
    assert all(bool((whole[name] == resumed[name]).all()) for name in whole)


@pytest.mark.parametrize("dim", [2, 3])
def test_volumes_are_prompted_slice_by_slice_or_as_a_whole(tmp_path: Path, dim: int) -> None:
    data = make_dataset(tmp_path / "data", 2, (9, 40, 48))
    train(data, tmp_path / "model", ndim=dim)
    image = data / "images" / "case0.nii.gz"
    predict(tmp_path / "model", [image], tmp_path / "none", probabilities=True)
    predict(tmp_path / "model", [image], tmp_path / "out", clicks=("2,20,12", "2,20,36:0"), probabilities=True)
    without, given = (
        io.read_image(tmp_path / name / "case0_probability_1.nii.gz").array[0] for name in ("none", "out")
    )
    changed = np.abs(given - without) > 1e-4
    assert changed[2].any()
    assert changed[5].any() == (dim == 3)


def test_settings_that_ask_for_prompts_need_a_plan_with_them(plain: tuple[Path, Path], tmp_path: Path) -> None:
    data, model = plain
    with pytest.raises(ConfigError, match="plan must hold prompts"):
        train(data, tmp_path / "model", plan=model / "plan.json")


# --- guards -----------------------------------------------------------------------------------------------------------


def test_prompts_for_a_model_without_them_are_refused(plain: tuple[Path, Path], tmp_path: Path) -> None:
    data, model = plain
    with pytest.raises(ConfigError, match="train --prompts"):
        predict(model, [data / "images" / "case0.tif"], tmp_path / "out", clicks=("1,1",))
    assert not (tmp_path / "out").exists()


def test_clicks_belong_to_one_image(prompted: tuple[Path, Path], tmp_path: Path) -> None:
    data, model = prompted
    with pytest.raises(ConfigError, match="belong to one image, got 4 images"):
        predict(model, [data / "images"], tmp_path, clicks=("1,1",))


def test_scribbles_of_several_images_lie_in_a_folder(prompted: tuple[Path, Path], tmp_path: Path) -> None:
    data, model = prompted
    images = [data / "images" / f"case{index}.tif" for index in range(2)]
    result = predict(model, images, tmp_path / "out", scribbles=data / "labels")
    assert len(result.written) == 2


@pytest.mark.parametrize(
    ("clicks", "boxes", "message"),
    [
        (("1",), (), "a click must be 2 whole numbers"),
        (("1,2,3",), (), "a click must be 2 whole numbers"),
        (("1,b",), (), "a click must be 2 whole numbers"),
        (("1,2:",), (), "a click must be 2 whole numbers"),
        (("1,2:5",), (), "label of a prompt must be one of"),
        ((), ("1,2",), "a box must be 4 whole numbers"),
        ((), ("1,2,3,4:0",), "not the background"),
    ],
)
def test_text_that_is_no_prompt_is_refused(
    prompted: tuple[Path, Path], clicks: tuple[str, ...], boxes: tuple[str, ...], message: str
) -> None:
    plan, _ = ModelFolder(prompted[1]).load()
    with pytest.raises(ConfigError, match=message):
        check_prompts(PredictSettings(clicks=clicks, boxes=boxes), plan, images=1)


def test_a_click_names_its_label_where_there_are_several(prompted: tuple[Path, Path]) -> None:
    plan, _ = ModelFolder(prompted[1]).load()
    several = replace(plan, classes=replace(plan.classes, values=(0, 1, 5), names=("a", "b", "c")))
    check_prompts(PredictSettings(clicks=("1,2:5",)), several, images=1)
    with pytest.raises(ConfigError, match=r"name its label.*1,2:LABEL"):
        check_prompts(PredictSettings(clicks=("1,2",)), several, images=1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"clicks": ("40,2",)}, "inside the image of shape"),
        ({"clicks": ("-1,2",)}, "inside the image of shape"),
        ({"boxes": ("1,2,3,48",)}, "inside the image of shape"),
        ({"boxes": ("5,2,3,7",)}, "first to its last voxel"),
    ],
)
def test_prompts_outside_of_the_image_are_refused_before_anything_is_written(
    prompted: tuple[Path, Path], tmp_path: Path, options: dict[str, object], message: str
) -> None:
    data, model = prompted
    with pytest.raises(GeometryError, match=message):
        predict(model, [data / "images" / "case0.tif"], tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_scribbles_of_another_size_are_refused_before_anything_is_written(
    prompted: tuple[Path, Path], tmp_path: Path
) -> None:
    data, model = prompted
    drawn = LabelMap(np.ones((5, 5), np.uint8), Grid.from_spacing((5, 5), (1.0, 1.0)))
    io.write_labels(tmp_path / "small.tif", drawn)
    with pytest.raises(GeometryError, match="on the grid of their image"):
        predict(model, [data / "images" / "case0.tif"], tmp_path / "out", scribbles=tmp_path / "small.tif")
    assert not (tmp_path / "out").exists()


def test_a_voxel_that_is_clicked_for_two_labels_is_refused(prompted: tuple[Path, Path]) -> None:
    plan = ModelFolder(prompted[1]).read_plan()
    check_prompts(PredictSettings(clicks=("5,6:1", "5,6:1", "5,7:0")), plan, images=1)
    with pytest.raises(ConfigError, match="clicked for one label, got '5,6:0'"):
        check_prompts(PredictSettings(clicks=("5,6:1", "5,6:0")), plan, images=1)


def test_a_prompt_that_was_not_followed_puts_its_own_class_in_doubt() -> None:
    classes = np.zeros((4, 6), int)
    classes[:, 3:] = 2
    marks = (Mark(np.array([[0, 0]]), 1), Mark(np.array([[1, 4]]), 0), Mark(np.array([[2, 4]]), 2))
    found = unheeded(classes, ImagePrompts(Prompts(marks, (BoxPrompt((0, 0), (2, 2), 1),))))
    assert [words.split(" did")[0] for words in found[1]] == ["the click at 0,0", "the box from 0,0 on"]
    assert [words.split(" did")[0] for words in found[2]] == ["the click at 1,4"]


def test_scribbles_are_checked_like_an_image(prompted: tuple[Path, Path], tmp_path: Path) -> None:
    data, model = prompted
    plan, _ = ModelFolder(model).load()
    grid = io.read_image(data / "images" / "case0.tif").grid
    case = Case("case0", (Source(data / "images" / "case0.tif"),))
    io.write_labels(tmp_path / "empty.tif", LabelMap(np.zeros(grid.shape, np.uint8), grid))
    io.write_labels(tmp_path / "other.tif", LabelMap(np.full(grid.shape, 7, np.uint8), grid))
    small = Grid.from_spacing((5, 5), (1.0, 1.0))
    io.write_labels(tmp_path / "small.tif", LabelMap(np.ones((5, 5), np.uint8), small))
    for name, error, message in [
        ("empty", ConfigError, "at least one voxel"),
        ("other", ConfigError, "label of a prompt must be one of"),
        ("small", GeometryError, "on the grid of their image"),
    ]:
        with pytest.raises(error, match=message):
            read_prompts(PredictSettings(scribbles=tmp_path / f"{name}.tif"), case, grid=grid, classes=plan.classes)


def test_a_background_value_needs_scribbles() -> None:
    with pytest.raises(ConfigError, match="give --scribbles"):
        PredictSettings(scribble_background=3)


# --- from the image's grid to the network's ---------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("spacing", [None, (2.0, 1.5, 0.5)])
def test_a_prompt_lies_where_a_label_of_the_same_voxel_lies(seed: int, spacing: tuple[float, ...] | None) -> None:
    """For all orders and directions of axes, marks and boxes go where labels go."""
    rng = np.random.default_rng(seed)
    shape = (12, 10, 14)
    affine = np.eye(4)
    affine[:3, :3] = np.eye(3)[rng.permutation(3)] * rng.choice([-1.0, 1.0], 3)
    grid = Grid(shape, affine)
    start, labels = rng.integers(0, 6, 3), np.zeros(shape, np.uint8)
    stop = start + rng.integers(3, 5, 3)
    labels[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))] = 1
    placement = Placement.plan(grid, spacing)
    expected = placement.apply_labels(labels) > 0
    points = np.argwhere(labels).astype(np.int64)
    box = BoxPrompt(tuple(map(int, start)), tuple(map(int, stop)), 1)
    placed = ImagePrompts(Prompts((Mark(points, 1),), (box,))).placed(placement)
    marked = np.zeros(placement.shape, bool)
    marked[tuple(placed.marks[0].points.T)] = True
    boxed = np.zeros(placement.shape, bool)
    boxed[tuple(slice(a, b) for a, b in zip(placed.boxes[0].start, placed.boxes[0].stop, strict=True))] = True
    if spacing is None:
        assert np.array_equal(marked, expected)
        assert np.array_equal(boxed, expected)
    else:
        assert (boxed & expected).sum() == expected.sum()
        assert marked.any()
        assert not (marked & ~boxed).any()


# --- the live tool ----------------------------------------------------------------------------------------------------


def test_the_live_tool_and_the_command_give_the_same_mask(prompted: tuple[Path, Path], tmp_path: Path) -> None:
    data, model = prompted
    predict(model, [data / "images" / "case0.tif"], tmp_path, clicks=("20,12", "20,36:0"))
    expected = io.read_labels(tmp_path / "case0.tif").array
    image = io.read_image(data / "images" / "case0.tif").array[0]
    network = PromptedModel(model, settings=PredictSettings(devices="cpu", precision="32-true"))
    strokes = [Stroke(np.array([[20, 12]]), 1), Stroke(np.array([[20, 36]]), 0)]
    whole = prompted_network(image, expected, predict=network, strokes=strokes)
    assert np.array_equal(whole.labels, expected)
    region = Box((5, 3), (33, 41))
    part = prompted_network(image, expected, predict=network, strokes=strokes, region=region)
    assert np.mean(part.labels == expected[region.slices]) > 0.97


@pytest.mark.parametrize("dim", [2, 3])
def test_the_live_tool_answers_for_a_region_of_a_volume(tmp_path: Path, dim: int) -> None:
    data = make_dataset(tmp_path / "data", 2, (9, 40, 48))
    train(data, tmp_path / "model", ndim=dim)
    image = io.read_image(data / "images" / "case0.nii.gz").array[0]
    network = PromptedModel(tmp_path / "model", settings=PredictSettings(devices="cpu", precision="32-true"))
    region = Box((1, 5, 3), (4, 33, 41))
    box = (Box((2, 10, 4), (4, 30, 20)), 1)
    change = prompted_network(image, np.zeros(image.shape, np.uint8), predict=network, boxes=[box], region=region)
    assert change.box == region
    assert set(np.unique(change.labels)) <= {0, 1}
    asked = iter([False, *[True] * 100])
    with pytest.raises(Cancelled):
        prompted_network(
            image, np.zeros(image.shape, np.uint8), predict=network, region=region, cancelled=lambda: next(asked)
        )


def test_the_live_tool_refuses_a_model_without_prompts(plain: tuple[Path, Path]) -> None:
    with pytest.raises(ConfigError, match="train --prompts"):
        PromptedModel(plain[1])


# --- as a step of a script, and from the command line -----------------------------------------------------------------


def edited(data: Path, model: Path, steps: str, output: Path) -> np.ndarray:
    edit.edit(
        data / "images" / "case0.tif",
        None,
        output=output,
        script=parse_script(f'[[step]]\ndo = "prompted"\nmodel = "{model}"\n{steps}\n'),
        settings=edit.EditSettings(new=True),
        hooks=Hooks(),
    )
    return io.read_labels(output).array


def test_a_step_of_a_script_gives_the_mask_of_the_command(prompted: tuple[Path, Path], tmp_path: Path) -> None:
    data, model = prompted
    for name, steps, options in [
        ("click", "points = [[20, 12]]", {"clicks": ("20,12",)}),
        (
            "stroke",
            "strokes = [{points = [[20, 36]], label = 1}, {points = [[20, 12]], label = 0}]",
            {"clicks": ("20,36", "20,12:0")},
        ),
        ("box", "boxes = [{region = [[10, 28], [30, 44]], label = 1}]", {"boxes": ("10,28,29,43",)}),
    ]:
        predict(model, [data / "images" / "case0.tif"], tmp_path / name, **options)
        expected = io.read_labels(tmp_path / name / "case0.tif").array
        assert expected.any()
        assert np.array_equal(edited(data, model, steps, tmp_path / f"{name}.tif"), expected)


def test_a_script_loads_a_model_once_however_many_steps_name_it(
    prompted: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, model = prompted
    loaded: list[Path] = []
    load = ModelFolder.load

    def counted(self: ModelFolder, folds: str = "all") -> object:
        loaded.append(self.path)
        return load(self, folds)

    monkeypatch.setattr(ModelFolder, "load", counted)
    again = f'points = [[20, 12]]\n[[step]]\ndo = "prompted"\nmodel = "{model}"\npoints = [[20, 36]]'
    both = edited(data, model, again, tmp_path / "both.tif")
    assert loaded == [model]
    assert np.array_equal(both, edited(data, model, "points = [[20, 36]]", tmp_path / "last.tif"))


def test_marks_of_a_layer_reach_the_network_as_strokes_of_their_labels(
    prompted: tuple[Path, Path], tmp_path: Path
) -> None:
    data, model = prompted
    image = io.read_image(data / "images" / "case0.tif")
    drawn = np.zeros(image.grid.shape, np.uint8)
    drawn[20, 36], drawn[20, 12] = 1, 9
    io.write_labels(tmp_path / "drawn.tif", LabelMap(drawn, image.grid))
    written = {}
    for name, shown in [
        ("layer", 'seeds_layer = "drawn"\nseeds_background = 9'),
        ("strokes", "strokes = [{points = [[20, 12]], label = 0}, {points = [[20, 36]], label = 1}]"),
    ]:
        script = parse_script(f'[[step]]\ndo = "prompted"\nmodel = "{model}"\n{shown}\n')
        edit.edit(
            data / "images" / "case0.tif",
            None,
            output=tmp_path / f"{name}.tif",
            script=script,
            settings=edit.EditSettings(new=True, layers={"drawn": tmp_path / "drawn.tif"}),
            hooks=Hooks(),
        )
        written[name] = io.read_labels(tmp_path / f"{name}.tif").array
    assert written["layer"].any()
    assert np.array_equal(written["layer"], written["strokes"])


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ("points = [[20, 48]]", "inside the image"),
        ("points = [[20, 12]]\nlabel = 4", "label of a prompt must be one of"),
        ("boxes = 3", "list of {region, label}"),
        ("boxes = [{region = [[1, 1], [3, 3]], colour = 2}]", "unknown key 'colour' of a box"),
        ("boxes = [{region = [[1, 1]]}]", "two corners"),
        ("boxes = [{region = [[1, 1], [3, 3]], label = 1.5}]", "whole number"),
        ("boxes = [{region = [[5, 5], [3, 3]]}]", "must hold voxels"),
        ("boxes = [{region = [[5, 5], [9, 60]]}]", "must hold voxels"),
        ("boxes = [{region = [[1, 1], [3, 3]], label = 0}]", "mark background with a stroke"),
    ],
)
def test_a_step_that_cannot_be_meant_is_refused(
    prompted: tuple[Path, Path], tmp_path: Path, steps: str, message: str
) -> None:
    data, model = prompted
    with pytest.raises((ConfigError, GeometryError), match=message):
        edited(data, model, steps, tmp_path / "out.tif")
    assert not (tmp_path / "out.tif").exists()


def test_a_step_needs_a_model_that_takes_prompts(plain: tuple[Path, Path], tmp_path: Path) -> None:
    data, model = plain
    with pytest.raises(ConfigError, match="needs model, got none"):
        parse_script('[[step]]\ndo = "prompted"\npoints = [[1, 1]]\n')
    with pytest.raises(ConfigError, match="train --prompts"):
        edited(data, model, "points = [[20, 12]]", tmp_path / "out.tif")


def test_a_volume_that_lies_otherwise_is_seen_by_the_live_tool_as_by_the_command(tmp_path: Path) -> None:
    data = make_dataset(tmp_path / "data", 2, (9, 40, 48))
    train(data, tmp_path / "model", ndim=3)
    turned = io.read_image(data / "images" / "case0.nii.gz")
    affine = turned.grid.affine @ np.diag([-1.0, -1.0, 1.0, 1.0])
    grid = Grid(turned.grid.shape, affine)
    io.write_image(tmp_path / "turned.nii.gz", Image(turned.array, grid))
    predict(tmp_path / "model", [tmp_path / "turned.nii.gz"], tmp_path / "out", clicks=("2,20,12",))
    image = io.read_image(tmp_path / "turned.nii.gz")
    network = PromptedModel(
        tmp_path / "model", settings=PredictSettings(devices="cpu", precision="32-true"), grid=image.grid
    )
    click = Stroke(np.array([[2, 20, 12]]), 1)
    change = prompted_network(
        image.array[0], np.zeros(image.grid.shape, np.uint8), predict=network, strokes=[click],
        spacing=image.grid.spacing,
    )  # fmt: skip
    expected = io.read_labels(tmp_path / "out" / "turned.nii.gz").array.copy()
    expected[2, 20, 12] = 1
    assert np.array_equal(change.labels, expected)


def test_training_and_prediction_without_prompts_never_meet_the_prompts(
    plain: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model without prompts takes the prepared image itself, and draws the numbers that it always drew."""
    data, model = plain

    def never(*given: object, **more: object) -> None:
        raise AssertionError("prompts were asked for")

    monkeypatch.setattr("septum.net.learning.train.prompt_batch", never)
    monkeypatch.setattr("septum.workflows.prediction.prompts.paint_prompts", never)
    monkeypatch.setattr("septum.workflows.prediction.prompts.PromptedImage", never)
    monkeypatch.setattr("septum.workflows.training.folds.correct", never)
    train(data, tmp_path / "again", prompts=False)
    one, other = (ModelFolder(folder).load()[1][0].state_dict() for folder in (model, tmp_path / "again"))
    assert all(torch.equal(one[name], other[name]) for name in one)
    plan, _ = ModelFolder(model).load()
    array = np.zeros((1, 4, 4), np.float32)
    assert with_prompts(array, plan, prompts=Prompts(), spacing=(1.0, 1.0)) is array


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--click", "20,12:3"), "label of a prompt must be one of"),
        (("--click", "40,12"), "inside the image of shape"),
        (("--box", "30,4,10,20"), "first to its last voxel"),
        (("--scribbles", "small.tif"), "on the grid of their image"),
    ],
)
def test_the_command_says_what_is_wrong_with_a_prompt(
    prompted: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    message: str,
) -> None:
    data, model = prompted
    monkeypatch.chdir(tmp_path)
    io.write_labels(Path("small.tif"), LabelMap(np.ones((5, 5), np.uint8), Grid.from_spacing((5, 5), (1.0, 1.0))))
    image = data / "images" / "case0.tif"
    with pytest.raises(SystemExit) as ended:
        main(["predict", str(model), str(image), "-o", "out", "--devices", "cpu", *arguments])
    assert ended.value.code == 2
    assert message in " ".join(capsys.readouterr().err.split())
    assert not list(Path("out").glob("*.tif"))
