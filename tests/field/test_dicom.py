"""What people suffered with DICOM: wrapped values, slices taken for copies, series that nobody could read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pydicom
import pydicom.data
import pytest
import SimpleITK
from pydicom.dataset import Dataset
from tests.io import dicoms

from septum import io
from septum.cli.main import main
from septum.errors import FormatError, SeptumError
from septum.geometry import Image
from septum.geometry.placement import Placement
from septum.geometry.rectify import rectangular
from septum.workflows.data.classes import ClassMap
from septum.workflows.prediction import predict as prediction
from septum.workflows.prediction.settings import PredictSettings


def save(folder: Path, name: str, samples: np.ndarray, **tags: object) -> None:
    folder.mkdir(exist_ok=True)
    dicoms.dataset(samples, **tags).save_as(folder / name, enforce_file_format=True)


@pytest.mark.parametrize("odd", [np.uint8, np.int16])
def test_slices_of_other_depth_or_sign_keep_their_values(tmp_path: Path, odd: type) -> None:
    expected = [7, 901, 902, 903, 904, 7]
    for z, value in enumerate(expected):
        kind = odd if z in (0, 5) else np.uint16
        save(tmp_path / "s", f"{z}.dcm", np.full((8, 8), value, kind), ImagePositionPatient=[0, 0, 2.0 * z])
    assert io.read_image(tmp_path / "s").array[0].max(axis=(1, 2)).tolist() == expected


def test_a_negative_slice_among_unsigned_ones_stays_negative(tmp_path: Path) -> None:
    for z in range(4):
        kind = np.int16 if z == 2 else np.uint16
        value = -5 if z == 2 else 60000
        save(tmp_path / "s", f"{z}.dcm", np.full((8, 8), value, kind), ImagePositionPatient=[0, 0, 2.0 * z])
    assert io.read_image(tmp_path / "s").array[0, :, 0, 0].tolist() == [60000, 60000, -5, 60000]


def test_values_above_bits_stored_are_cut_as_itk_does_and_every_command_says_so(tmp_path: Path) -> None:
    picture = np.full((8, 8), 300, np.uint16)
    save(tmp_path, "a.dcm", picture, ImagePositionPatient=[0, 0, 0], BitsStored=8, HighBit=7)
    image = io.read_image(tmp_path / "a.dcm")
    oracle = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(tmp_path / "a.dcm")))
    np.testing.assert_array_equal(image.array[0], oracle)
    assert any("above BitsStored" in note for note in image.notes)


def test_twelve_slices_with_one_identifier_are_twelve_slices(tmp_path: Path) -> None:
    for z in range(12):
        picture = np.full((8, 8), z * 10, np.uint16)
        save(tmp_path / "s", f"{z:02d}.dcm", picture, ImagePositionPatient=[0, 0, 2.0 * z], SOPInstanceUID="1.2.3.4")
    image = io.read_image(tmp_path / "s")
    assert image.array[0, :, 0, 0].tolist() == list(range(0, 120, 10))
    save(tmp_path / "s", "copy.dcm", np.full((8, 8), 30, np.uint16), ImagePositionPatient=[0, 0, 6.0],
         SOPInstanceUID="1.2.3.4")  # fmt: skip
    assert io.read_image(tmp_path / "s").array.shape == (1, 12, 8, 8)


def spect(path: Path, **tags: object) -> np.ndarray:
    place = Dataset()
    place.ImagePositionPatient = [-30, -40, 50]
    place.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    samples = np.stack([np.full((8, 8), z * 10, np.uint16) for z in range(10)])
    values = {
        "Modality": "NM", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.20", "ImageOrientationPatient": None,
        "NumberOfFrames": 10, "DetectorInformationSequence": [place], "SpacingBetweenSlices": -4, "SliceThickness": 4,
        "PixelSpacing": [1, 1],
    }  # fmt: skip
    dicoms.dataset(samples, **(values | tags)).save_as(path, enforce_file_format=True)
    return samples


def test_a_spect_volume_has_the_place_that_itk_gives_it(tmp_path: Path) -> None:
    samples = spect(tmp_path / "nm.dcm", SpacingBetweenSlices=4)
    image = io.read_image(tmp_path / "nm.dcm")
    oracle = SimpleITK.ReadImage(str(tmp_path / "nm.dcm"))
    np.testing.assert_array_equal(image.array[0], samples)
    np.testing.assert_allclose(image.grid.spacing[::-1], oracle.GetSpacing())
    np.testing.assert_allclose(image.grid.origin, np.array([-1, -1, 1]) * oracle.GetOrigin())


def test_a_spect_volume_with_a_negative_step_has_four_millimetres(tmp_path: Path) -> None:
    spect(tmp_path / "nm.dcm")
    image = io.read_image(tmp_path / "nm.dcm")
    assert image.array.shape == (1, 10, 8, 8)
    np.testing.assert_allclose(image.grid.spacing, (4, 1, 1))


@pytest.mark.parametrize("axes", [None, "ZYX"])
def test_ct_slices_without_positions_are_a_volume_with_a_note(tmp_path: Path, axes: str | None) -> None:
    for z in range(5):
        picture = np.full((8, 8), z, np.uint16)
        save(tmp_path / "s", f"{9 - z}.dcm", picture, InstanceNumber=z + 1, SliceThickness=3)
    image = io.read_image(tmp_path / "s", axes=axes)
    assert image.array[0, :, 0, 0].tolist() == [0, 1, 2, 3, 4]
    np.testing.assert_allclose(image.grid.spacing, (3, 0.8, 0.5))
    assert "no positions" in image.notes[0]
    assert io.count_frames(tmp_path / "s", axes="TYX") == 5


def test_positions_rounded_to_a_tenth_are_one_even_stack(tmp_path: Path) -> None:
    for z in range(20):
        place = [0, 0, round(0.625 * z, 1)]
        save(tmp_path / "s", f"{z:02d}.dcm", np.full((8, 8), z, np.uint16), ImagePositionPatient=place)
    image = io.read_image(tmp_path / "s")
    assert image.array[0, :, 0, 0].tolist() == list(range(20))
    assert image.grid.spacing[0] == pytest.approx(0.625, abs=0.002)
    assert "rounded" in image.notes[0]


def test_a_doubled_position_is_refused_with_its_file_and_place(tmp_path: Path) -> None:
    for z in range(8):
        place = [0, 0, 2.0 * (3 if z == 4 else z)]
        save(tmp_path / "s", f"{z}.dcm", np.full((8, 8), z, np.uint16), ImagePositionPatient=place)
    with pytest.raises(FormatError, match=r"2 at 6\.00 mm: 3\.dcm, 4\.dcm"):
        io.read_image(tmp_path / "s")


def test_a_parallel_scout_is_left_out_with_a_note(tmp_path: Path) -> None:
    for z in range(8):
        save(tmp_path / "s", f"{z}.dcm", np.full((8, 8), z, np.uint16), ImagePositionPatient=[0, 0, 2.0 * z])
    save(tmp_path / "s", "scout.dcm", np.full((8, 8), 99, np.uint16), ImagePositionPatient=[-400, 0, 5.0])
    image = io.read_image(tmp_path / "s")
    assert image.array[0, :, 0, 0].tolist() == list(range(8))
    assert "scout.dcm" in image.notes[0]


@pytest.mark.parametrize(("tag", "value"), [("RescaleSlope", 0), ("PixelSpacing", [0, 0.5])])
def test_a_zero_that_cannot_be_is_named(tmp_path: Path, tag: str, value: object) -> None:
    tags = {"ImagePositionPatient": [0, 0, 0], "RescaleIntercept": 0, tag: value}
    save(tmp_path, "a.dcm", np.zeros((8, 8), np.uint16), **tags)
    with pytest.raises(FormatError, match=f"{tag} of a.dcm must"):
        io.read_image(tmp_path / "a.dcm")


def test_a_damaged_length_is_a_refusal_without_the_patients_name(tmp_path: Path) -> None:
    raw = bytearray(Path(str(pydicom.data.get_testdata_file("CT_small.dcm"))).read_bytes())
    raw[138] = 6
    (tmp_path / "bad.dcm").write_bytes(raw)
    with pytest.raises(SeptumError, match=r"bad\.dcm"):
        io.read_image(tmp_path / "bad.dcm")


@pytest.mark.parametrize("frames", [10**6, 2**31 - 1])
def test_frames_that_are_not_there_take_no_memory(tmp_path: Path, frames: int) -> None:
    save(tmp_path, "a.dcm", np.zeros((8, 8), np.uint16), NumberOfFrames=frames, ImagePositionPatient=[0, 0, 0])
    with pytest.raises(FormatError):
        io.read_image(tmp_path / "a.dcm")


def tilted(folder: Path) -> None:
    """A block of 900 in ten slices whose gantry was tilted by 12 degrees."""
    tilt = np.radians(12)
    picture = np.full((20, 20), 100, np.int16)
    picture[5:12, 5:12] = 900
    for z in range(10):
        save(folder, f"{z}.dcm", picture, ImagePositionPatient=[0, 0, 2.0 * z],
             ImageOrientationPatient=[1, 0, 0, 0, round(np.cos(tilt), 7), round(-np.sin(tilt), 7)])  # fmt: skip


def centre_and_volume(path: Path) -> tuple[np.ndarray, float]:
    """Of a mask, as SimpleITK opens it: the centre in its LPS millimetres, and mm3."""
    shape = SimpleITK.LabelShapeStatisticsImageFilter()
    shape.Execute(SimpleITK.Cast(SimpleITK.ReadImage(str(path)), SimpleITK.sitkUInt8))
    return np.array(shape.GetCentroid(1)), shape.GetPhysicalSize(1)


def test_a_gantry_tilt_is_said_to_every_command(tmp_path: Path) -> None:
    tilted(tmp_path / "s")
    assert "gantry tilt" in io.read_image(tmp_path / "s").notes[0]


def test_a_mask_of_a_tilted_gantry_opens_in_itk_with_rectify_and_lies_where_the_object_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tilted(tmp_path / "ct")
    image = io.read_image(tmp_path / "ct")
    for folder, more in (("plain", ()), ("straight", ("--rectify",))):
        words = ["segment", "-m", "otsu", str(tmp_path / "ct"), "-o", str(tmp_path / folder), "--no-page", *more]
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert not ended.value.code
        assert "gantry tilt" in capsys.readouterr().err
    with pytest.raises(RuntimeError, match="orthonormal"):
        SimpleITK.ReadImage(str(tmp_path / "plain" / "ct.nii.gz"))
    centre, volume = centre_and_volume(tmp_path / "straight" / "ct.nii.gz")
    inside = image.array[0] > 500
    where = image.grid.index_to_world(np.argwhere(inside).mean(axis=0))
    np.testing.assert_allclose(centre * [-1, -1, 1], where, atol=0.35)
    assert volume == pytest.approx(inside.sum() * image.grid.voxel_volume, rel=0.05)


def test_predict_writes_mask_and_probabilities_on_the_rectangular_grid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tilted(tmp_path / "ct")
    image = io.read_image(tmp_path / "ct")
    model = a_threshold(monkeypatch, image)
    prediction.segment(image, model, output=tmp_path / "m.nii.gz")  # type: ignore[arg-type]
    centre, _ = centre_and_volume(tmp_path / "m.nii.gz")
    where = image.grid.index_to_world(np.argwhere(image.array[0] > 500).mean(axis=0))
    np.testing.assert_allclose(centre * [-1, -1, 1], where, atol=0.35)
    for value, beyond in ((0, 1.0), (1, 0.0)):
        found = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(tmp_path / f"m_probability_{value}.nii.gz")))
        assert found.shape == rectangular(image.grid).shape
        assert found[0, -1, 0] == pytest.approx(beyond)


def a_threshold(monkeypatch: pytest.MonkeyPatch, image: Image) -> SimpleNamespace:
    """A model that says what is brighter than 500; its probabilities are sure."""
    classes = ClassMap((0, 1), ("background", "block"))

    def said(engine: object, array: np.ndarray, *, probabilities: Callable[..., None], **more: object) -> np.ndarray:
        inside = (array[0] > 500).astype(np.uint8)
        probabilities((slice(None),) * 3, np.stack([1 - inside, inside]).astype(np.float32))
        return inside

    monkeypatch.setattr(prediction, "predict_prepared", said)
    plan = SimpleNamespace(
        classes=classes, instances=None, specks=(), placement=lambda grid: Placement.plan(grid, None)
    )
    place = Placement.plan(image.grid, None)
    monkeypatch.setattr(prediction, "to_network", lambda image, plan: (place.reorient(image.array), place))
    monkeypatch.setattr(prediction, "with_prompts", lambda array, plan, **more: array)
    settings = PredictSettings(probabilities=True, rectify=True)
    return SimpleNamespace(plan=plan, settings=settings, engine=None)


def test_a_sheared_nifti_is_said_as_a_tilted_gantry_is(tmp_path: Path) -> None:
    tilted(tmp_path / "ct")
    image = io.read_image(tmp_path / "ct")
    io.write_image(tmp_path / "a.nii", Image(image.array, image.grid))
    assert any("--rectify" in note for note in io.read_image(tmp_path / "a.nii").notes)


def stack(folder: Path, places: np.ndarray, *, skip: int = -1, numbered: bool = True) -> None:
    """One slice per place, each with its number as value and, where `numbered`, as InstanceNumber."""
    for z, place in enumerate(places):
        if z != skip:
            number = z + 1 if numbered else None
            save(folder, f"{z:02d}.dcm", np.full((8, 8), z, np.uint16), ImagePositionPatient=list(place),
                 InstanceNumber=number, ImageOrientationPatient=[1, 0, 0, 0, 0.8, 0.6])  # fmt: skip


@pytest.mark.parametrize(("digit", "distance"), [(0.1, 0.625), (1.0, 2.6)])
def test_rounded_positions_of_an_oblique_stack_are_one_even_stack_and_a_lost_slice_is_seen(
    tmp_path: Path, digit: float, distance: float
) -> None:
    normal = np.array([0, -0.6, 0.8])
    places = np.round(np.round((np.arange(20)[:, None] * distance * normal + [3, 5, 7]) / digit) * digit, 1)
    stack(tmp_path / "whole", places)
    image = io.read_image(tmp_path / "whole")
    assert image.array[0, :, 0, 0].tolist() == list(range(20))
    assert image.grid.spacing[0] == pytest.approx(distance, abs=2 * digit / 19)
    assert "rounded" in image.notes[0]
    stack(tmp_path / "holed", places, skip=7)
    with pytest.raises(FormatError, match=r"06\.dcm at .* mm and 08\.dcm at"):
        io.read_image(tmp_path / "holed")


def test_where_the_digit_is_as_coarse_as_the_distance_the_numbers_tell_that_a_slice_is_lost(tmp_path: Path) -> None:
    places = np.zeros((7, 3))
    places[:, 2] = [0, 2, 3, 5, 7, 8, 10]  # 1.65 mm apart, rounded to 1 mm, would look alike without the one at 5
    for z, place in enumerate(places):
        number = z + 1 + (z > 3)
        picture = np.full((8, 8), z, np.uint16)
        save(tmp_path / "s", f"{z}.dcm", picture, ImagePositionPatient=list(place), InstanceNumber=number)
        save(tmp_path / "t", f"{z}.dcm", picture, ImagePositionPatient=list(place), InstanceNumber=z + 1)
    with pytest.raises(FormatError, match="evenly spaced"):
        io.read_image(tmp_path / "s")
    assert io.read_image(tmp_path / "t").array.shape == (1, 7, 8, 8)


def test_a_lost_slice_is_refused_with_the_files_and_places_beside_it(tmp_path: Path) -> None:
    for z in (0, 1, 2, 4, 5):
        save(tmp_path / "s", f"{z}.dcm", np.full((8, 8), z, np.uint16), ImagePositionPatient=[0, 0, 2.0 * z])
    with pytest.raises(FormatError, match=r"between 2\.dcm at 4\.00 mm and 4\.dcm at 8\.00 mm"):
        io.read_image(tmp_path / "s")


@pytest.mark.parametrize("aside", [20.0, 3.0])
def test_a_slice_beside_the_others_is_named(tmp_path: Path, aside: float) -> None:
    for z in range(8):
        place = [aside if z == 5 else 0, 0, 2.0 * z]
        save(tmp_path / "s", f"{z}.dcm", np.full((8, 8), z, np.uint16), ImagePositionPatient=place)
    with pytest.raises(FormatError, match=r"in line, got 5\.dcm at 10\.00 mm"):
        io.read_image(tmp_path / "s")


@pytest.mark.parametrize("left", [0, 200, 420])
def test_the_last_slice_is_not_lost_in_silence_when_its_file_is_cut(tmp_path: Path, left: int) -> None:
    for z in range(6):
        save(tmp_path / "s", f"{z}.dcm", np.full((8, 8), z, np.uint16), ImagePositionPatient=[0, 0, 2.0 * z])
    last = tmp_path / "s" / "5.dcm"
    last.write_bytes(last.read_bytes()[:left])
    with pytest.raises(FormatError, match=r"5\.dcm must be"):
        io.read_image(tmp_path / "s")
    last.rename(tmp_path / "s" / "IM5")
    if left:
        with pytest.raises(FormatError, match="IM5 must be complete DICOM"):
            io.read_image(tmp_path / "s")
    else:
        assert any("IM5" in note for note in io.read_image(tmp_path / "s").notes)
