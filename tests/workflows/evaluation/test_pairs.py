"""Pairs of masks: matched by name, on one grid, and whatever falls out is said."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.workflows.evaluation.cohorts import N, cohort, disc, run, save

from septum.errors import DatasetError, GeometryError
from septum.geometry import Grid, LabelMap
from septum.workflows.data.cases import Case, Dataset, Source
from septum.workflows.evaluation import pairs as pairs_module
from septum.workflows.evaluation.pairs import (
    OpenedPair,
    beyond_the_edges,
    count_pairs,
    grid_difference,
    image_cases,
    on_one_lattice,
    pair_up,
    reference_cases,
)
from septum.workflows.runs.failures import Failed


def test_other_grids_are_resampled_when_asked_and_said(tmp_path: Path) -> None:
    fine = np.zeros((8, 24, 24), np.uint8)
    fine[2:6, 6:18, 6:18] = 1
    coarse = fine[::2, ::2, ::2].copy()
    affine = Grid.from_spacing(fine.shape, (1.0, 1.0, 1.0)).affine.copy()
    affine[:3, 3] += 0.5  # centres of blocks of two
    affine[:3, :3] *= 2
    save(tmp_path / "ref", {"a": fine}, ".nii.gz")
    save(tmp_path / "pred", {"a": coarse}, ".nii.gz", Grid(coarse.shape, affine))
    message = r"a \(shapes \(8, 24, 24\) and \(4, 12, 12\), corners differ by 0\.5 voxels\); .* --resample"
    with pytest.raises(GeometryError, match=message):
        run(tmp_path / "pred", tmp_path / "ref", tmp_path / "out")
    result = run(tmp_path / "pred", tmp_path / "ref", tmp_path / "out", resample=True, metrics=("overlap", "surface"))
    assert result.mean_dice == 1.0
    assert result.scores[0].value("hausdorff") == 0
    assert "1 predictions were resampled onto the grid of their references" in " ".join(result.notes)


def test_pictures_of_another_size_are_taken_to_show_the_same_field(tmp_path: Path) -> None:
    small = disc(9)
    large = small.repeat(2, axis=0).repeat(2, axis=1)
    save(tmp_path / "ref", {"a": large})
    result = run(save(tmp_path / "pred", {"a": small}), tmp_path / "ref", tmp_path / "out", resample=True)
    assert result.mean_dice == 1.0


def test_planes_and_volumes_are_never_resampled_into_each_other(tmp_path: Path) -> None:
    save(tmp_path / "ref", {"a": np.ones((3, 8, 8), np.uint8)}, ".nii.gz")
    with pytest.raises(GeometryError, match=r"shapes \(3, 8, 8\) and \(8, 8\)"):
        run(save(tmp_path / "p", {"a": np.ones((8, 8), np.uint8)}), tmp_path / "ref", tmp_path / "out", resample=True)


def cases(*names: str) -> list[Case]:
    return [Case(name, (Source(Path(f"{name}.png")),), Source(Path(f"{name}.png"))) for name in names]


def known(*names: str, root: Path = Path("folder")) -> Dataset:
    return Dataset(root, "masks", tuple(cases(*names)))


def test_pairs_are_made_by_name_and_what_finds_no_partner_is_returned() -> None:
    pairs, missing, surplus, notes = pair_up(known("a", "b", "c"), cases("c", "a", "z"))
    assert [(one.case.id, one.prediction.path.name) for one in pairs] == [("a", "a.png"), ("c", "c.png")]
    assert (missing, surplus) == (("b",), ("z",))
    assert notes == [
        "1 of 3 references have no prediction and are not scored.",
        "1 predictions have no reference and are not scored.",
    ]
    with pytest.raises(DatasetError, match="predictions z; references a, b"):
        pair_up(known("a", "b"), cases("z"))


def test_two_files_that_a_person_named_are_a_pair_but_two_lone_files_of_folders_are_not(tmp_path: Path) -> None:
    (tmp_path / "mine.png").touch()
    pairs, *_ = pair_up(known("mine", root=tmp_path / "mine.png"), cases("theirs"))
    assert len(pairs) == 1
    with pytest.raises(DatasetError, match="share names"):
        pair_up(known("mine", root=tmp_path), cases("theirs"))


def test_a_rule_of_names_is_told_with_an_example() -> None:
    _, _, _, (note,) = pair_up(known("21_manual1", "22_manual1"), cases("21_pred", "22_pred"))
    assert "21_pred with 21_manual1" in note


GRID = Grid((4, 6, 8), np.array([[0, 0, -1, 30], [0, 2, 0, -20], [3, 0, 0, 50], [0, 0, 0, 1.0]]))


@pytest.mark.parametrize(("voxels", "text"), [(0.05, ""), (0.099, ""), (0.2, "corners differ by 0.2 voxels"),
                                              (3.0, "corners differ by 3.0 voxels")])  # fmt: skip
def test_grids_that_lie_apart_are_told_in_voxels(voxels: float, text: str) -> None:
    affine = GRID.affine.copy()
    affine[:3, 3] += voxels * affine[:3, 0]
    assert grid_difference(GRID, Grid(GRID.shape, affine)) == text


def test_grids_of_other_shapes_tell_both_and_the_corners_where_both_are_known() -> None:
    larger = Grid((5, 6, 8), GRID.affine)
    assert grid_difference(GRID, larger) == "shapes (4, 6, 8) and (5, 6, 8), corners differ by 1.0 voxels"
    assert grid_difference(GRID, Grid.pixels((6, 8))) == "shapes (4, 6, 8) and (6, 8)"
    assert grid_difference(Grid.pixels((6, 8)), Grid.pixels((6, 9))) == "shapes (6, 8) and (6, 9)"
    assert grid_difference(Grid.pixels((6, 8)), Grid.from_spacing((6, 8), (0.5, 0.5))) == ""


@given(st.tuples(*[st.integers(1, 9)] * 3))
def test_the_same_view_in_other_samples_keeps_the_outer_edges(shape: tuple[int, ...]) -> None:
    found = pairs_module._same_view(GRID, shape)
    assert found.shape == shape
    for edge, other in zip(_edges(GRID), _edges(found), strict=True):
        assert edge == pytest.approx(other)


def _edges(grid: Grid) -> list[Any]:
    return [grid.index_to_world(np.array(corner, float)) for corner in
            ((-0.5,) * 3, tuple(n - 0.5 for n in grid.shape))]  # fmt: skip


def test_predictions_that_continued_the_reference_elsewhere_come_to_lie_on_one_lattice() -> None:
    line = Grid.from_spacing((3, 1), (1.0, 1.0))
    first = LabelMap(np.array([[1], [1], [0]], np.uint8), line)
    up = line.crop((-1, 0), (4, 1))
    down = line.crop((0, 0), (5, 1))
    opened = [
        OpenedPair(LabelMap(np.array([[0], [1], [1], [0]], np.uint8), up), LabelMap(np.full((4, 1), 2, np.uint8), up),
               start=(-1, 0)),
        OpenedPair(LabelMap(np.array([[1], [1], [0], [0], [0]], np.uint8), down),
               LabelMap(np.full((5, 1), 3, np.uint8), down), start=(0, 0)),
    ]  # fmt: skip
    reference, masks = on_one_lattice(opened, background=0)
    assert reference.array[:, 0].tolist() == [0, 1, 1, 0, 0, 0]
    assert [mask.array[:, 0].tolist() for mask in masks] == [[2, 2, 2, 2, 0, 0], [0, 3, 3, 3, 3, 3]]
    assert all(mask.grid.matches(reference.grid) for mask in masks)
    alone, _ = on_one_lattice([OpenedPair(first, first)], background=0)
    assert alone is first


def measured(case: str, outside: int, missed: int) -> Any:
    return SimpleNamespace(case=SimpleNamespace(id=case), outside=outside, missed=missed)


def test_what_lies_beyond_the_edges_is_told_with_the_worst_case() -> None:
    notes = beyond_the_edges([measured("a", 3, 0), measured("b", 7, 0), measured("c", 0, 2)], " of anna")
    assert notes[0].startswith("2 predictions of anna mark samples beyond")
    assert "most in b (7 samples)" in notes[0]
    assert notes[1].startswith("1 references mark samples beyond the edges of the predictions of anna, most in c (2")
    assert beyond_the_edges([measured("a", 0, 0)], "") == []


def test_grids_that_differ_are_refused_together_and_unreadable_files_are_kept_as_reasons(tmp_path: Path) -> None:
    dataset = reference_cases(cohort(tmp_path / "ref"), None)
    predictions = cohort(tmp_path / "p")
    (predictions / "c1.png").write_bytes(b"no picture")
    pairs, *_ = pair_up(dataset, reference_cases(predictions, None).cases)
    found = count_pairs(pairs, background=0)
    assert [isinstance(one, Failed) for one in found] == [number == 1 for number in range(N)]
    save(predictions, {"c2": disc(5)[:30], "c3": disc(5)[:, :30]})
    with pytest.raises(GeometryError, match=r"in 2 of 8 cases: c2 \(shapes.*--resample"):
        count_pairs(pairs, background=0)


def test_images_are_found_beside_a_folder_of_labels_and_only_missed_when_asked_for(tmp_path: Path) -> None:
    labels = cohort(tmp_path / "labels")
    dataset = reference_cases(labels, None)
    assert image_cases(None, labels, dataset=dataset, axes=None) == ({}, [])
    save(tmp_path / "images", {f"c{i}": disc(9) for i in range(N)})
    found, notes = image_cases(None, labels, dataset=dataset, axes=None)
    assert (set(found), notes) == ({f"c{i}" for i in range(N)}, [])
    few = save(tmp_path / "few", {"c0": disc(9), "c1_0000": disc(9)})
    found, (note,) = image_cases(few, labels, dataset=dataset, axes=None)
    assert set(found) == {"c0", "c1"}
    assert note.startswith(f"{N - 2} cases have no image")
    with pytest.raises(DatasetError, match="images must be a folder"):
        image_cases(tmp_path / "none", labels, dataset=dataset, axes=None)


def test_references_that_do_not_exist_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="references must be an existing"):
        reference_cases(tmp_path / "none", None)
