"""From a case to the network's array: intensities, channels, and cases too large for memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from septum import io
from septum.errors import DatasetError
from septum.geometry import Grid, Image, LabelMap
from septum.net.learning.sampling import Sample
from septum.workflows.data.cases import Case, Source
from septum.workflows.data.classes import ClassMap
from septum.workflows.data.slices import write_slices
from septum.workflows.model import prepare
from septum.workflows.model.derive import make_plan
from septum.workflows.model.fingerprint import Fingerprint
from septum.workflows.model.machine import Machine
from septum.workflows.model.plan import Normalisation
from septum.workflows.model.prepare import (
    _to_file,
    as_planes,
    block_mask,
    match_channels,
    normalise,
    prepare_cases,
    to_network,
)
from septum.workflows.model.settings import TrainSettings

TWO = ClassMap((0, 1), ("background", "thing"))
STEPS, CPU = TrainSettings(steps=10), Machine("cpu", "32-true")
VOLUMES = Fingerprint(
    cases=1,
    ndim=3,
    anatomical=True,
    shape_min=(12, 16, 10),
    shape_median=(12, 16, 10),
    shape_max=(12, 16, 10),
    spacing_min=(2.0,) * 3,
    spacing_median=(2.0,) * 3,
    spacing_max=(2.0,) * 3,
    channels=1,
    low=(0.0,),
    high=(1.0,),
    mean=(0.5,),
    std=(0.5,),
    minimum=0.0,
    zero_share=0.0,
    class_shares=(0.5, 0.5),
    brighter=1.0,
    thickness=5.0,
    median_voxels=1920,
)


@given(st.floats(0.01, 1e4), st.floats(-1e4, 1e4))
def test_zscore_does_not_depend_on_scale_and_offset(scale: float, offset: float) -> None:
    image = np.random.default_rng(0).standard_normal((1, 40, 40)).astype(np.float64)
    one = normalise(image, Normalisation("zscore"))
    other = normalise(image * scale + offset, Normalisation("zscore"))
    assert np.allclose(one, other, atol=0.05)
    assert abs(float(one.mean())) < 1e-3
    assert abs(float(one.std()) - 1) < 0.02


def test_a_constant_channel_becomes_zero_and_holes_are_filled() -> None:
    image = np.stack([np.full((8, 8), 7.0), np.arange(64.0).reshape(8, 8)])
    image[1, 0, 0] = np.nan
    out = normalise(image, Normalisation("zscore"))
    assert (out[0] == 0).all()
    assert np.isfinite(out).all()


def test_few_bright_objects_do_not_raise_the_noise_around_them() -> None:
    image = np.random.default_rng(0).normal(10, 1, (1, 300, 300))
    image[0, 100:110, 100:110] += 100  # 0.1 % of the samples
    standard, clipped = (normalise(image, Normalisation(name)) for name in ("standard", "zscore"))  # type: ignore[arg-type]
    noise = (slice(None), slice(0, 90), slice(0, 90))
    assert standard[noise].std() < 0.4 < 0.9 < clipped[noise].std()
    assert standard[0, 105, 105] > 9
    assert standard.max() <= 10 + 1e-3


def test_sparse_bright_objects_survive_the_percentiles() -> None:
    image = np.zeros((1, 100, 100))
    image[0, 4:8, 4:8] = 900.0  # 0.16 % of the samples: above the 99.5th percentile
    assert normalise(image, Normalisation("zscore"))[0, 5, 5] > 5


def test_ct_numbers_are_clipped_and_scaled_by_the_data_set() -> None:
    image = np.array([[[-2000.0, 0.0, 50.0, 3000.0]]])
    out = normalise(image, Normalisation("ct", (-100.0,), (100.0,), (50.0,), (25.0,)))
    assert out.ravel().tolist() == [-6.0, -2.0, 0.0, 2.0]


def test_zeros_that_were_cut_away_do_not_count() -> None:
    image = np.zeros((1, 50, 50))
    inside = np.random.default_rng(0).normal(500, 10, (20, 20))
    image[0, :20, :20] = inside
    out = normalise(image, Normalisation("zscore nonzero"))
    assert abs(float(out[0, :20, :20].mean())) < 0.05


def test_grey_is_repeated_into_colour_and_other_mismatches_are_refused() -> None:
    grid = Grid.from_spacing((4, 4), (1, 1))
    grey = Image(np.ones((1, 4, 4)), grid)
    assert match_channels(grey, 3).shape == (3, 4, 4)
    with pytest.raises(DatasetError, match=r"1 channel.*give one of them.*--channel NAME"):
        match_channels(Image(np.ones((2, 4, 4)), grid), 1)
    with pytest.raises(DatasetError, match=r"2 channel.*leave the others out"):
        match_channels(Image(np.ones((3, 4, 4)), grid), 2)


def test_one_channel_does_not_pass_for_several_contrasts() -> None:
    with pytest.raises(DatasetError, match=r"2 channel.*files of all channels together"):
        match_channels(Image(np.ones((1, 4, 4)), Grid.from_spacing((4, 4), (1, 1))), 2)
    with pytest.raises(DatasetError, match="3 channel"):
        match_channels(Image(np.ones((1, 2, 4, 4)), Grid.from_spacing((2, 4, 4), (1, 1, 1))), 3)


def test_memory_mapped_cases_equal_those_in_memory(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    sample = Sample("a", rng.random((1, 5, 6), dtype=np.float32), rng.integers(0, 2, (5, 6), np.uint8), (1.0, 1.0))
    mapped = _to_file(sample, tmp_path)
    assert isinstance(mapped.image, np.memmap)
    assert np.array_equal(mapped.image, sample.image)
    assert np.array_equal(mapped.labels, sample.labels)
    assert prepare.IN_MEMORY_BYTES > 0


@pytest.mark.parametrize("room", [1 << 20, 0])
def test_an_image_without_labels_is_a_sample_that_ignores_every_voxel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    monkeypatch.setattr(prepare, "IN_MEMORY_BYTES", room)
    plan = make_plan(VOLUMES, TWO, settings=STEPS, machine=CPU)
    array = np.random.default_rng(0).random((1, 12, 16, 10)).astype(np.float32)
    io.write_image(tmp_path / "a.nii.gz", Image(array, Grid.from_spacing((12, 16, 10), (2.0,) * 3)))
    case = Case("a", (Source(tmp_path / "a.nii.gz"),))
    (sample,) = prepare_cases([case], plan, folder=tmp_path / "kept", on_progress=lambda what, share: None)
    assert isinstance(sample.image, np.memmap) == (room == 0)
    assert (sample.labels == TWO.ignore_class).all()
    assert not any(sample.labels.strides)
    assert sample.labels.shape == sample.image.shape[1:]
    planes = as_planes(sample, TWO.ignore_class)
    assert len(planes) == sample.labels.shape[0]
    assert all((plane.labels == TWO.ignore_class).all() for plane in planes)


def test_room_in_memory_is_shared_with_the_samples_beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = make_plan(VOLUMES, TWO, settings=STEPS, machine=CPU)
    io.write_image(tmp_path / "a.nii.gz", Image(np.ones((1, 12, 16, 10)), Grid.from_spacing((12, 16, 10), (2.0,) * 3)))
    case = Case("a", (Source(tmp_path / "a.nii.gz"),))
    how = {"folder": tmp_path / "kept", "on_progress": lambda what, share: None}
    (one,) = prepare_cases([case], plan, **how)  # type: ignore[arg-type]
    monkeypatch.setattr(prepare, "IN_MEMORY_BYTES", int(1.5 * one.image.nbytes))
    (alone,) = prepare_cases([case], plan, **how)  # type: ignore[arg-type]
    (crowded,) = prepare_cases([case], plan, beside=[one], **how)  # type: ignore[arg-type]
    assert (isinstance(alone.image, np.memmap), isinstance(crowded.image, np.memmap)) == (False, True)


def test_a_held_out_block_is_held_out_where_it_lies_however_the_volume_is_turned(tmp_path: Path) -> None:
    affine = np.array([[0, 0, 2.0, 0], [2.0, 0, 0, 0], [0, -2.0, 0, 0], [0, 0, 0, 1]])  # axes run A, I, R
    grid = Grid((16, 12, 10), affine)
    values = np.zeros(grid.shape, np.float32)
    values[4:9] = 1
    io.write_image(tmp_path / "turned.nii.gz", Image(values[None], grid))
    case = Case("turned", (Source(tmp_path / "turned.nii.gz"),))
    plan = make_plan(VOLUMES, TWO, settings=STEPS, machine=CPU)
    mask = block_mask(case, plan, block=(0, 4, 9))
    prepared, _ = to_network(io.read_image(tmp_path / "turned.nii.gz"), plan)
    assert np.array_equal(mask, prepared[0] > 0)
    assert mask.sum() == 5 * 12 * 10


def test_only_annotated_slices_become_planes() -> None:
    labels = np.full((4, 3, 3), 255, np.uint8)
    labels[2] = 1
    volume = Sample("v", np.arange(36, dtype=np.float32).reshape(1, 4, 3, 3), labels, (5.0, 1.0, 1.0))
    (plane,) = as_planes(volume, 255)
    assert plane.name == "v slice 2"
    assert plane.spacing == (1.0, 1.0)
    assert np.array_equal(plane.image, volume.image[:, 2])


def test_interpolated_slices_are_known_where_they_lie_however_the_volume_is_turned(tmp_path: Path) -> None:
    affine = np.array([[0, 0, 2.0, 0], [2.0, 0, 0, 0], [0, -2.0, 0, 0], [0, 0, 0, 1]])
    grid = Grid((16, 12, 10), affine)
    values = np.zeros(grid.shape, np.float32)
    values[4:9, 1:] = 1
    labels = LabelMap(np.ones(grid.shape, np.uint8), grid)
    io.write_image(tmp_path / "turned.nii.gz", Image(values[None], grid))
    io.write_labels(tmp_path / "labels.nii.gz", labels)
    case = Case("turned", (Source(tmp_path / "turned.nii.gz"),), Source(tmp_path / "labels.nii.gz"))
    plan = make_plan(VOLUMES, TWO, settings=STEPS, machine=CPU)
    assert prepare.interpolated_in(case, grid.shape) is None
    assert prepare.to_sample(case, plan).interpolated is None
    write_slices(tmp_path / "labels.nii.gz", {0: "..dd" + "i" * 5 + "d" + "." * 6, 1: "d" + "." * 11, 2: "." * 10})
    sample = prepare.to_sample(case, plan)
    assert sample.interpolated is not None
    assert np.array_equal(sample.interpolated, to_network(io.read_image(tmp_path / "turned.nii.gz"), plan)[0][0] > 0)
    (plane, *_) = as_planes(sample, 255)
    assert np.array_equal(plane.interpolated, sample.interpolated[0])
    write_slices(tmp_path / "labels.nii.gz", {0: "d" * 16})
    assert prepare.interpolated_in(case, grid.shape) is None
