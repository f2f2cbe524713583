"""A case's way: the mask lies on the image's own grid in the user's label values, and its probabilities agree."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.workflows.datasets import VOLUME, picture, write_image
from tests.workflows.models import PLAN, VOLUMES, Brighter

from septum import io
from septum.errors import Cancelled, ConfigError, DatasetError
from septum.geometry import Grid, Image
from septum.net.inference.predict import Listener
from septum.net.prompts import Mark, Prompts
from septum.workflows.data.cases import Case, Source
from septum.workflows.data.jobs import Job
from septum.workflows.data.slices import read_slices
from septum.workflows.prediction import predict as module
from septum.workflows.prediction.engine import Segmenter
from septum.workflows.prediction.predict import Watch, run_jobs, segment, segment_classes
from septum.workflows.prediction.prompts import ImagePrompts
from septum.workflows.prediction.settings import PredictSettings
from septum.workflows.quality.looks import Look
from septum.workflows.runs.hooks import Hooks


def model(plan: Any = PLAN, **settings: Any) -> Segmenter:
    return Segmenter(Brighter(), plan, PredictSettings(**settings))


def plane(seed: int = 0) -> Image:
    return Image(np.random.default_rng(seed).normal(50, 9, (1, 20, 26)).astype(np.float32), Grid.pixels((20, 26)))


def test_the_channel_that_a_person_chose_is_what_the_network_sees() -> None:
    grey = plane()
    other = np.random.default_rng(7).normal(50, 9, grey.array.shape).astype(np.float32)
    cells = Image(np.concatenate([other, grey.array]), grey.grid, ("actin", "DAPI"))
    np.testing.assert_array_equal(segment(cells, model(channel="DAPI")).array, segment(grey, model()).array)
    np.testing.assert_array_equal(segment(cells, model(channel="1")).array, segment(grey, model()).array)
    with pytest.raises(ConfigError, match="actin, DAPI, 0, 1"):
        segment(cells, model(channel="red"))
    with pytest.raises(DatasetError, match="--channel NAME"):
        segment(cells, model())


def expected(image: Image) -> np.ndarray:
    return np.where(image.array[0] > image.array[0].mean(), 3, 0)


@given(st.permutations([0, 1, 2]), st.tuples(*[st.sampled_from([-1, 1])] * 3))
def test_a_volume_however_it_lies_gets_its_mask_where_its_voxels_are(axes: Any, signs: Any) -> None:
    affine = np.zeros((4, 4))
    for column, (world, sign) in enumerate(zip(axes, signs, strict=True)):
        affine[world, column] = sign * (3.0, 0.8, 0.8)[column]
    affine[3, 3] = 1.0
    grid = Grid((4, 6, 7), affine)
    image = Image(np.random.default_rng(3).normal(50, 9, (1, *grid.shape)).astype(np.float32), grid)
    labels = segment(image, model(VOLUMES))
    assert np.array_equal(labels.array, expected(image))
    assert labels.grid == grid
    assert labels.names == {0: "background", 3: "label 3", 7: "label 7"}


def test_probabilities_of_all_classes_lie_beside_the_mask_and_agree_with_it(tmp_path: Path) -> None:
    image = plane()
    labels = segment(image, model(probabilities=True), output=tmp_path / "a.png")
    maps = {v: io.read_image(tmp_path / f"a_probability_{v}.tif") for v in (0, 3, 7)}
    assert sum(one.array[0] for one in maps.values()) == pytest.approx(1, abs=2e-3)
    assert np.array_equal(maps[3].array[0] > 0.5, labels.array == 3)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png", *(f"a_probability_{v}.tif" for v in (0, 3, 7))]


def test_nothing_is_written_without_an_output_nor_after_a_stop(tmp_path: Path) -> None:
    segment(plane(), model(probabilities=True))
    with pytest.raises(Cancelled):
        segment(
            plane(), model(probabilities=True), output=tmp_path / "a.png", listener=Listener(should_stop=lambda: True)
        )
    assert list(tmp_path.iterdir()) == []


def test_all_slices_of_a_volume_are_marked_as_predicted_and_a_plane_has_none(tmp_path: Path) -> None:
    image = Image(picture(0, VOLUME.shape)[None].astype(np.float32), VOLUME)
    segment(image, model(VOLUMES), output=tmp_path / "a.nii.gz")
    assert read_slices(tmp_path / "a.nii.gz", VOLUME.shape) == {0: "p" * VOLUME.shape[0]}
    segment(plane(), model(), output=tmp_path / "b.png")
    assert not (tmp_path / "b.slices.json").exists()


def test_a_sheared_grid_is_made_rectangular_only_when_asked_for(tmp_path: Path) -> None:
    affine = VOLUME.affine.copy()
    affine[1, 0] += 1.5
    grid = Grid(VOLUME.shape, affine)
    image = Image(picture(0, grid.shape)[None].astype(np.float32), grid)
    segment(image, model(VOLUMES), output=tmp_path / "a.nrrd")
    segment(image, model(VOLUMES, rectify=True), output=tmp_path / "b.nrrd")
    kept, turned = (io.read_labels(tmp_path / f"{name}.nrrd").grid for name in "ab")
    assert kept.shape == grid.shape
    columns = turned.affine[:3, :3] / np.linalg.norm(turned.affine[:3, :3], axis=0)
    assert columns.T @ columns == pytest.approx(np.eye(3), abs=1e-6)


def test_a_look_sees_the_mask_and_the_prompts_that_were_not_heeded() -> None:
    image, look = plane(), Look(3)
    segment(image, model(), look=look)
    assert look.unheeded_of == {}
    dark = np.argwhere(expected(image) == 0)[:1]
    seen = Look(3)
    prompted = ImagePrompts(Prompts((Mark(dark, 1),)))
    segment(image, model(), prompts=prompted, look=seen)  # this plan takes none: the network cannot heed it
    assert list(seen.unheeded_of) == [1]
    assert [len(seen.of_class(index).unheeded) for index in (1, 2)] == [1, 0]


def test_classes_of_a_model_of_classes_are_its_mask() -> None:
    image = plane()
    assert np.array_equal(segment_classes(image, model()).array, segment(image, model()).array)


def test_objects_are_written_as_ids_and_asked_for_as_classes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    image, written = plane(), []

    class Found:
        labels, semantic = "ids", "classes"

        def rectified(self) -> str:
            return "rectified"

    monkeypatch.setattr(module, "segment_objects", lambda image, model, **named: Found())
    monkeypatch.setattr(module, "write_objects", lambda path, found, **named: written.append(found))
    objects = replace(PLAN, instances=object())
    assert segment(image, model(objects), output=tmp_path / "a.png") == "ids"
    segment(image, model(objects, rectify=True), output=tmp_path / "a.png")
    segment(image, model(objects))
    assert [type(one).__name__ for one in written] == ["Found", "str"]
    assert segment_classes(image, model(objects)) == "classes"


def test_one_bad_image_is_listed_and_the_others_are_heard_of_in_order(tmp_path: Path) -> None:
    jobs = []
    for name in "abc":
        path = write_image(tmp_path / "in" / f"{name}.png", picture(0))
        jobs.append(Job(Case(name, (Source(path),)), tmp_path / f"{name}.png"))
    jobs[1].case.images[0].path.write_bytes(b"no picture")
    heard: list[str] = []
    watch = Watch(
        lambda name, image: heard.append(f"image {name}"),
        lambda name, look: heard.append(f"look {name}"),
        lambda case, image, labels: heard.append(
            f"mask {case.id} {io.read_labels(tmp_path / f'{case.id}.png').array.max()}"
        ),
    )
    result = run_jobs(jobs, model(), hooks=Hooks(), watch=watch)
    assert [path.name for path in result.written] == ["a.png", "c.png"]
    assert [name for name, _ in result.failures] == ["b"]
    assert heard == ["image a", "look a", "mask a 3", "image c", "look c", "mask c 3"]
