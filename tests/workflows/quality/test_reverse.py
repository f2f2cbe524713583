"""Masks from anywhere, graded by a few references: damage is seen, and what cannot be graded is said."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from septum import io
from septum.errors import Cancelled, ConfigError, DatasetError
from septum.geometry import Grid, Image, LabelMap
from septum.workflows.data.cases import Case, Source
from septum.workflows.data.classes import ClassMap
from septum.workflows.quality.grade_masks import QualitySettings, grade_masks, pair_masks
from septum.workflows.quality.reverse import Grader, best, damaged, dice_per_class, make_pool, reverse_scores
from septum.workflows.quality.worklist import REASONS, GradedResult
from septum.workflows.runs.hooks import Hooks

CLASSES = ClassMap((0, 5), ("background", "blob"))


def scene(seed: int, shape: tuple[int, ...] = (48, 56)) -> tuple[np.ndarray, np.ndarray]:
    """A bright blob of random place and size in noise, and its mask of value 5."""
    rng = np.random.default_rng(seed)
    centre = [n / 2 + rng.uniform(-n / 6, n / 6) for n in shape]
    radius = min(shape) / 4 + rng.uniform(-2, 2)
    distance = np.sqrt(sum((i - c) ** 2 for i, c in zip(np.indices(shape), centre, strict=True)))
    mask = distance < radius
    image = ndimage.gaussian_filter(mask * 100.0, 0.7) + rng.normal(0, 12, shape)
    return image.astype(np.float32), 5 * mask.astype(np.uint8)


def write(folder: Path, name: str, image: np.ndarray, mask: np.ndarray | None) -> Case:
    grid = Grid.from_spacing(image.shape, (1.0,) * image.ndim)
    suffix = ".nii.gz" if image.ndim == 3 else ".tif"
    (folder / "images").mkdir(parents=True, exist_ok=True)
    (folder / "labels").mkdir(exist_ok=True)
    io.write_image(folder / "images" / f"{name}{suffix}", Image(image[None], grid))
    label = None
    if mask is not None:
        io.write_labels(folder / "labels" / f"{name}{suffix}", LabelMap(mask, grid))
        label = Source(folder / "labels" / f"{name}{suffix}")
    return Case(name, (Source(folder / "images" / f"{name}{suffix}"),), label)


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Grader]:
    root = tmp_path_factory.mktemp("references")
    cases = [write(root, f"ref{seed}", *scene(seed)) for seed in range(6)]
    return root, Grader.of(cases, CLASSES)


def test_the_more_a_mask_is_ruined_the_lower_its_estimate(known: tuple[Path, Grader], tmp_path: Path) -> None:
    _, grader = known
    image, mask = scene(20)
    ruined = {
        "right": mask,
        "moved": np.roll(mask, 6, axis=1),
        "far": np.roll(mask, 12, axis=1),
        "elsewhere": np.where(mask > 0, 0, 5 * (np.indices(mask.shape)[0] < 12)).astype(np.uint8),
    }
    estimates = {}
    for name, labels in ruined.items():
        (one,) = grader.grade(write(tmp_path, name, image, labels), threshold=0.7)
        estimates[name] = one
        assert one.low <= one.dice <= one.high
        assert (one.label, one.name) == (5, "blob")
    values = [estimates[name].dice for name in ruined]
    assert values == sorted(values, reverse=True)
    assert values[0] > 0.8
    assert values[-1] < 0.4
    assert estimates["far"].dice == pytest.approx(0.39, abs=0.15)
    assert estimates["elsewhere"].dice < 0.05
    assert estimates["far"].verdict == estimates["elsewhere"].verdict == "fail"
    assert estimates["right"].verdict == "pass"
    assert estimates["elsewhere"].reasons == (REASONS["fail"],)


def test_volumes_and_two_classes_are_graded_class_by_class(tmp_path: Path) -> None:
    classes = ClassMap((0, 1, 2), ("background", "left", "right"))
    cases = []
    for seed in range(3):
        image, mask = scene(seed, (20, 24, 28))
        labels = (mask > 0).astype(np.uint8)
        other = (np.roll(mask, 9, axis=2) > 0) & (labels == 0)
        cases.append(write(tmp_path, f"v{seed}", image - 60.0 * other, labels + 2 * other.astype(np.uint8)))
    grader = Grader.of(cases[:2], classes)
    left, right = grader.grade(cases[2], threshold=0.7)
    assert (left.name, right.name) == ("left", "right")
    assert left.verdict == right.verdict == "look"
    assert "too few references" in left.reasons[0]
    assert math.isnan(left.low)
    assert left.expected > 0.6


def test_an_empty_mask_fails_where_no_reference_is_empty_and_is_looked_at_elsewhere(
    known: tuple[Path, Grader], tmp_path: Path
) -> None:
    image, mask = scene(21)
    empty = write(tmp_path, "empty", image, np.zeros_like(mask))
    (one,) = known[1].grade(empty, threshold=0.7)
    assert (one.verdict, one.reasons) == ("fail", ("the mask is empty, and no reference is",))
    first, *others = known[1].pools
    some = replace(known[1], pools=(first.labelled(np.zeros(mask.shape, int)), *others))
    (one,) = some.grade(empty, threshold=0.7)
    assert (one.verdict, one.reasons) == ("look", ("the mask is empty",))


def test_a_mask_with_parts_left_out_teaches_more_than_one_beside_the_structure() -> None:
    image, mask = scene(22)
    classes = (mask > 0).astype(np.uint8)
    picture = Image(image[None], Grid.from_spacing(image.shape, (1.0, 1.0)))
    pool = make_pool(picture, classes, case=Case("x", (Source(Path("x.tif")),)))
    blobs = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=mask.shape), 2) > 0.03
    scores = [
        float(reverse_scores(pool.labelled(one), [pool], n_classes=2)[0, 0])
        for one in (classes, classes * blobs, np.roll(classes, 26, axis=1))
    ]
    assert scores[0] > 0.9
    assert 0.3 < scores[1] < scores[0]
    assert scores[2] < 0.15


def test_a_pool_stands_for_the_whole_image_and_can_be_labelled_anew(tmp_path: Path) -> None:
    image, mask = scene(3, (200, 210))
    classes = (mask > 0).astype(np.uint8)
    picture = Image(image[None], Grid.from_spacing(image.shape, (1.0, 1.0)))
    pool = make_pool(picture, classes, case=write(tmp_path, "x", image, mask))
    assert pool.weights.sum() == pytest.approx(classes.size)
    assert pool.weights[pool.classes == 1].sum() == pytest.approx(classes.sum(), rel=0.05)
    assert np.array_equal(pool.classes, classes.ravel()[pool.source])
    moved = np.roll(classes, 30, axis=0)
    assert np.array_equal(pool.labelled(moved).classes, moved.ravel()[pool.source])
    assert np.isfinite(pool.features).all()


def test_a_flipped_volume_of_a_patient_has_the_same_pool(tmp_path: Path) -> None:
    image, mask = scene(4, (10, 12, 14))
    classes = (mask > 0).astype(np.uint8)
    case = write(tmp_path, "v", image, mask)
    affine = np.diag([1.0, 1.0, 1.0, 1.0])
    turned = affine.copy()
    turned[:3, 0] *= -1
    turned[:3, 3] = affine[:3, 0] * (image.shape[0] - 1)
    one = make_pool(Image(image[None], Grid(image.shape, affine)), classes, case=case)
    two = make_pool(Image(image[None, ::-1], Grid(image.shape, turned)), classes[::-1], case=case)
    assert np.array_equal(one.classes, two.classes)
    np.testing.assert_allclose(one.features, two.features, atol=1e-4)
    assert np.array_equal(classes[::-1].ravel()[two.source], two.classes)


def test_scores_are_a_weighted_dice_and_undefined_where_a_class_is_missing() -> None:
    image, mask = scene(5)
    classes = (mask > 0).astype(np.uint8)
    picture = Image(image[None], Grid.from_spacing(image.shape, (1.0, 1.0)))
    pool = make_pool(picture, classes, case=Case("x", (Source(Path("x.tif")),)))
    itself = reverse_scores(pool, [pool], n_classes=2)
    assert itself.shape == (1, 1)
    assert itself[0, 0] > 0.9
    nothing = pool.labelled(np.zeros_like(classes))
    assert np.isnan(reverse_scores(nothing, [pool], n_classes=2)).all()
    assert np.isnan(reverse_scores(pool, [nothing], n_classes=2)).all()
    found = best(np.array([[0.2, np.nan], [0.6, np.nan]]))
    assert found[0] == 0.6
    assert np.isnan(found[1])


def test_damage_covers_the_range_of_dice_and_starts_with_none() -> None:
    _, mask = scene(6)
    classes = (mask > 0).astype(np.uint8)
    values = [float(dice_per_class(classes, one, n_classes=2)[0]) for one in damaged(classes)]
    assert values[0] == 1
    assert len(values) == 13
    assert max(values[-2:]) < 0.3
    several = classes * (1 + (np.indices(mask.shape)[1] > 28))
    *_, exchanged = damaged(several)
    assert np.array_equal(exchanged[several > 0], 3 - several[several > 0])
    assert not exchanged[several == 0].any()
    assert sum(v < 0.5 for v in values) >= 2
    assert sum(0.5 <= v < 0.95 for v in values) >= 3
    assert len(damaged(np.zeros((4, 4), np.uint8))) == 1
    assert np.isnan(dice_per_class(np.zeros(3, int), np.zeros(3, int), n_classes=2)).all()


def test_grey_and_coloured_images_go_together_and_other_kinds_do_not(tmp_path: Path) -> None:
    def colour(name: str, seed: int, channels: int) -> Case:
        image, mask = scene(seed)
        case = write(tmp_path, name, image, mask)
        grid = Grid.from_spacing(image.shape, (1.0, 1.0))
        io.write_image(case.images[0].path, Image(np.stack([image] * channels), grid))
        return case

    cases = [colour("a", 0, 1), colour("b", 1, 3), colour("c", 2, 1)]
    grader = Grader.of(cases, CLASSES)
    grey, coloured = grader.grade(colour("d", 9, 1), threshold=0.7), grader.grade(colour("e", 9, 3), threshold=0.7)
    assert grey[0].dice == pytest.approx(coloured[0].dice, abs=0.02)
    with pytest.raises(DatasetError, match="2 channel"):
        grader.grade(colour("f", 9, 2), threshold=0.7)
    with pytest.raises(DatasetError, match="one kind"):
        Grader.of([cases[1], colour("g", 3, 2)], CLASSES)


def test_one_reference_is_not_enough(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="at least two"):
        Grader.of([write(tmp_path, "a", *scene(0))], CLASSES)


def test_a_wish_to_stop_ends_the_calibration(tmp_path: Path) -> None:
    cases = [write(tmp_path, f"a{seed}", *scene(seed)) for seed in range(2)]
    with pytest.raises(Cancelled):
        Grader.of(cases, CLASSES, hooks=Hooks(should_stop=lambda: True))


# --- the workflow -----------------------------------------------------------------------------------------------------


def run(masks: Path, images: Path, references: Path, output: Path, **options: object) -> tuple[GradedResult, list[str]]:
    notes: list[str] = []
    settings = QualitySettings(**options)  # type: ignore[arg-type]
    result = grade_masks(
        masks,
        [images],
        references=references,
        output=output,
        settings=settings,
        hooks=Hooks(on_note=notes.append),
    )
    return result, notes


def test_a_folder_of_masks_becomes_a_list_worst_first(known: tuple[Path, Grader], tmp_path: Path) -> None:
    root, _ = known
    image, mask = scene(30)
    write(tmp_path, "good", image, mask)
    write(tmp_path, "bad", image, np.roll(mask, 14, axis=0))
    write(tmp_path, "lonely", image, None)
    foreign = np.where(mask > 0, 9, 0).astype(np.uint8)
    write(tmp_path, "foreign", image, foreign)
    write(tmp_path, "ref0", *scene(0))
    result, notes = run(tmp_path / "labels", tmp_path / "images", root, tmp_path / "out", foreground=False)
    table = pd.read_csv(tmp_path / "out" / "quality.csv")
    assert table["case"].tolist()[0] == "bad"
    assert set(table["case"]) == {"bad", "good", "ref0"}
    assert [name for name, _ in result.failures] == ["foreign"]
    assert "9" in result.failures[0][1]
    assert any("lonely" in note for note in notes)
    assert any("1 references have the name of a mask" in note for note in notes)
    assert (tmp_path / "out" / "septum-quality.json").is_file()
    with pytest.raises(ConfigError, match="--overwrite"):
        run(tmp_path / "labels", tmp_path / "images", root, tmp_path / "out")


def test_channel_files_of_an_image_are_graded_together(tmp_path: Path) -> None:
    image, mask = scene(1)
    for channel in range(2):
        write(tmp_path, f"a_000{channel}", image + channel, None)
    write(tmp_path / "masks", "a", image, mask)
    notes: list[str] = []
    (case,) = pair_masks(
        tmp_path / "masks" / "labels", [tmp_path / "images"], axes=None, on_note=notes.append, channels=2
    )
    assert case.id == "a"
    assert [path.path.name.split(".")[0] for path in case.images] == ["a_0000", "a_0001"]
    assert notes == []


def test_masks_without_images_of_their_names_are_refused(known: tuple[Path, Grader], tmp_path: Path) -> None:
    write(tmp_path / "a", "x1", *scene(1))
    write(tmp_path / "b", "y2", *scene(2))
    with pytest.raises(DatasetError, match="share names"):
        run(tmp_path / "a" / "labels", tmp_path / "b" / "images", known[0], tmp_path / "out")


def test_the_threshold_must_be_a_dice() -> None:
    with pytest.raises(ConfigError, match="threshold"):
        QualitySettings(threshold=1.2)
