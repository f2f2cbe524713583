"""DICOM: order by position, values by the rescale equation, and no series that is quietly wrong."""

from __future__ import annotations

from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import SimpleITK
from pydicom.dataset import Dataset
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)
from tests.io import dicoms

from septum import io
from septum.errors import FormatError
from septum.io.dicom.files import split_choice


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
@pytest.mark.parametrize("suffix", [".dcm", "", ".IMA"])
def test_slices_are_sorted_by_position_whatever_their_names(tmp_path: Path, syntax: str, suffix: str) -> None:
    samples = dicoms.stored((6, 7, 9))
    folder = dicoms.series(tmp_path / "ct", samples, syntax=syntax, suffix=suffix)
    image = io.read_image(folder)
    np.testing.assert_array_equal(image.array[0], samples)
    np.testing.assert_allclose(image.grid.spacing, (2.5, 0.8, 0.5))
    np.testing.assert_allclose(image.grid.index_to_world((1, 2, 3)), (10 - 3 * 0.5, -20 - 2 * 0.8, 5 + 2.5))
    assert image.grid.orientation == "SPL"


def test_position_and_values_agree_with_itk(tmp_path: Path) -> None:
    folder = dicoms.series(tmp_path / "ct", dicoms.stored((5, 6, 7)), RescaleSlope=2, RescaleIntercept=-1024)
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    oracle = reader.Execute()
    image = io.read_image(folder)
    np.testing.assert_array_equal(image.array[0], SimpleITK.GetArrayFromImage(oracle))
    left, posterior, superior = oracle.TransformIndexToPhysicalPoint((3, 2, 4))
    np.testing.assert_allclose(image.grid.index_to_world((4, 2, 3)), (-left, -posterior, superior), atol=1e-6)


def test_the_rescale_equation_keeps_whole_numbers_whole(tmp_path: Path) -> None:
    samples = dicoms.stored((3, 4, 5))
    whole = io.read_image(dicoms.series(tmp_path / "a", samples, RescaleSlope=1, RescaleIntercept=-1024, BitsStored=12))
    assert whole.array.dtype == np.int16
    np.testing.assert_array_equal(whole.array[0], samples.astype(int) - 1024)
    broken = io.read_image(dicoms.series(tmp_path / "b", samples, RescaleSlope=0.25, RescaleIntercept=3))
    assert broken.array.dtype == np.float32
    np.testing.assert_allclose(broken.array[0], samples * 0.25 + 3)


def test_every_slice_may_have_its_own_slope_as_in_pet(tmp_path: Path) -> None:
    samples = dicoms.stored((4, 3, 3))
    for z in range(4):
        dicoms.series(
            tmp_path / "pet", samples, skip=[i for i in range(4) if i != z], Modality="PT", RescaleSlope=0.5 * (z + 1),
            RescaleIntercept=0, Units="BQML",
        )  # fmt: skip
    image = io.read_image(tmp_path / "pet")
    np.testing.assert_allclose(image.array[0], samples * (0.5 * np.arange(1, 5))[:, None, None])
    assert "values are in BQML" in io.describe(tmp_path / "pet").notes


def test_signed_samples_are_read_signed(tmp_path: Path) -> None:
    samples = (dicoms.stored((3, 4, 5)).astype(np.int16)) - 200
    np.testing.assert_array_equal(io.read_image(dicoms.series(tmp_path / "s", samples)).array[0], samples)


def test_a_missing_slice_is_an_error_that_counts(tmp_path: Path) -> None:
    folder = dicoms.series(tmp_path / "ct", dicoms.stored((9, 4, 4)), skip=[3, 4])
    with pytest.raises(FormatError, match=r"gap of 7\.50 mm after slice 3 of 7 .* about 2 missing"):
        io.read_image(folder)


def test_uneven_slices_are_an_error(tmp_path: Path) -> None:
    places = [[0, 0, z] for z in (0.0, 1.0, 2.0, 3.3, 4.6)]
    with pytest.raises(FormatError, match=r"distances from 1\.00 to 1\.30 mm"):
        io.read_image(dicoms.series(tmp_path / "ct", dicoms.stored((5, 4, 4)), positions=places))


def test_slices_out_of_line_are_an_error(tmp_path: Path) -> None:
    places = [[0, 0, 0], [9, 0, 1], [0, 0, 2], [0, 0, 3]]
    with pytest.raises(FormatError, match="in line"):
        io.read_image(dicoms.series(tmp_path / "ct", dicoms.stored((4, 4, 4)), positions=places))


def test_slightly_uneven_slices_are_noted(tmp_path: Path) -> None:
    places = [[0, 0, z] for z in (0.0, 1.0, 2.03, 3.0)]
    folder = dicoms.series(tmp_path / "ct", dicoms.stored((4, 4, 4)), positions=places)
    assert any("slice distances vary" in note for note in io.describe(folder).notes)


def test_copies_of_a_slice_are_read_once(tmp_path: Path) -> None:
    samples = dicoms.stored((4, 4, 4))
    folder = dicoms.series(tmp_path / "ct", samples)
    one = sorted(folder.iterdir())[0]
    (folder / "copy.dcm").write_bytes(one.read_bytes())
    np.testing.assert_array_equal(io.read_image(folder).array[0], samples)
    assert any("1 images occur twice" in note for note in io.describe(folder).notes)


def test_two_series_are_listed_without_the_patient_and_can_be_chosen(tmp_path: Path) -> None:
    first, second = dicoms.stored((3, 4, 4)), dicoms.stored((5, 4, 4), seed=1)
    dicoms.series(tmp_path / "study", first)
    dicoms.series(tmp_path / "study", second, SeriesInstanceUID="1.2.3.222222", SeriesNumber=2, Modality="MR")
    with pytest.raises(FormatError) as caught:
        io.read_image(tmp_path / "study")
    message = str(caught.value)
    assert "got 2" in message
    assert "1: CT, 3 images" in message
    assert "2: MR, 5 images" in message
    assert "222222" in message
    assert "study::1" in message
    assert not any(word in message for word in ("Secret", "Person", "4711"))
    np.testing.assert_array_equal(io.read_image(f"{tmp_path}/study::1").array[0], first)
    np.testing.assert_array_equal(io.read_image(f"{tmp_path}/study::2").array[0], second)
    assert io.is_image(f"{tmp_path}/study::2")
    assert io.stem(f"{tmp_path}/study::2") == "study_2"
    with pytest.raises(FormatError, match="between 1 and 2, got 3"):
        io.read_image(f"{tmp_path}/study::3")


def test_a_scout_in_the_same_series_is_not_mixed_with_the_slices(tmp_path: Path) -> None:
    folder = dicoms.series(tmp_path / "ct", dicoms.stored((4, 5, 5)))
    scout = dicoms.dataset(
        dicoms.stored((1, 5, 5))[0], ImagePositionPatient=[0.0, 0, 0], ImageOrientationPatient=[1.0, 0, 0, 0, 0, -1]
    )
    scout.save_as(folder / "scout.dcm", enforce_file_format=True)
    with pytest.raises(FormatError, match="got 2"):
        io.read_image(folder)
    assert io.read_image(f"{folder}::1").array.shape == (1, 4, 5, 5)


def test_objects_without_an_image_are_left_out_and_counted(tmp_path: Path) -> None:
    folder = dicoms.series(tmp_path / "ct", dicoms.stored((3, 4, 4)))
    plan = dicoms.dataset(dicoms.stored((1, 4, 4))[0], Modality="RTSTRUCT", Rows=None, Columns=None)
    plan.save_as(folder / "rs.dcm", enforce_file_format=True)
    assert io.describe(folder).notes == ("left out, no images: 1 RTSTRUCT",)
    alone = tmp_path / "alone"
    alone.mkdir()
    plan.save_as(alone / "rs.dcm", enforce_file_format=True)
    with pytest.raises(FormatError, match="objects without an image"):
        io.read_image(alone)


def test_a_tilted_gantry_gives_a_sheared_grid(tmp_path: Path) -> None:
    places = [[0.0, 0.5 * z, 2.0 * z] for z in range(5)]
    folder = dicoms.series(tmp_path / "ct", dicoms.stored((5, 4, 4)), positions=places)
    image = io.read_image(folder)
    np.testing.assert_allclose(image.grid.index_to_world((4, 0, 0)), (0, -2.0, 8.0), atol=1e-6)
    assert any("tilt of 14.0 degrees" in note for note in io.describe(folder).notes)


def test_sagittal_slices_lie_where_they_were_taken(tmp_path: Path) -> None:
    places = [[3.0 * z, 0.0, 0.0] for z in range(4)]
    folder = dicoms.series(
        tmp_path / "mr", dicoms.stored((4, 5, 6)), positions=places, ImageOrientationPatient=[0.0, 1, 0, 0, 0, -1]
    )
    image = io.read_image(folder)
    # Rows run down, columns to the back; slices are stacked along row x column = to the patient's right.
    assert image.grid.orientation == "RIP"
    np.testing.assert_allclose(image.grid.spacing, (3.0, 0.8, 0.5))


def test_several_images_at_each_position_are_frames_in_time(tmp_path: Path) -> None:
    phases = [dicoms.stored((4, 5, 5), seed=seed) for seed in range(3)]
    for time, samples in enumerate(phases):
        dicoms.series(
            tmp_path / f"phase{time}",
            samples,
            TemporalPositionIdentifier=time + 1,
            SeriesNumber=1,
            suffix=f"_{time}.dcm",
        )
    folder = tmp_path / "all"
    folder.mkdir()
    for path in tmp_path.glob("phase*/*"):
        path.rename(folder / path.name)
    assert io.count_frames(folder) == 3
    for time, samples in enumerate(phases):
        np.testing.assert_array_equal(io.read_image(folder, frame=time).array[0], samples)
    with pytest.raises(FormatError, match="holds 3 frames"):
        io.read_image(folder)
    next(folder.glob("*_1.dcm")).unlink()
    with pytest.raises(FormatError, match="as many images at every position, got 2 at some and 3"):
        io.read_image(folder, frame=0)


def test_a_multi_frame_file_takes_its_geometry_from_the_functional_groups(tmp_path: Path) -> None:
    samples = dicoms.stored((5, 6, 7))
    made = dicoms.enhanced(samples, order=[4, 2, 0, 3, 1])
    made.save_as(tmp_path / "mf.dcm", enforce_file_format=True)
    image = io.read_image(tmp_path / "mf.dcm")
    np.testing.assert_array_equal(image.array[0], samples.astype(int) - 1000)
    np.testing.assert_allclose(image.grid.spacing, (2.0, 0.8, 0.5))


def test_a_multi_frame_file_may_hold_several_times(tmp_path: Path) -> None:
    samples = dicoms.stored((6, 4, 4))
    dicoms.enhanced(samples, times=2).save_as(tmp_path / "mf.dcm", enforce_file_format=True)
    assert io.count_frames(tmp_path / "mf.dcm") == 2
    np.testing.assert_array_equal(
        io.read_image(tmp_path / "mf.dcm", frame=1).array[0], samples[1::2].astype(int) - 1000
    )


def test_an_ultrasound_loop_without_positions_is_a_movie(tmp_path: Path) -> None:
    samples = dicoms.stored((4, 5, 6))
    made = dicoms.dataset(
        samples[0], Modality="US", NumberOfFrames=4, PixelData=samples.tobytes(), PixelSpacing=None,
        ImageOrientationPatient=None,
    )  # fmt: skip
    made.save_as(tmp_path / "us.dcm", enforce_file_format=True)
    assert io.count_frames(tmp_path / "us.dcm") == 4
    np.testing.assert_array_equal(io.read_image(tmp_path / "us.dcm", frame=2).array[0], samples[2])
    assert io.describe(tmp_path / "us.dcm").units == "px"


def test_a_radiograph_is_a_plane_and_monochrome1_is_inverted(tmp_path: Path) -> None:
    picture = dicoms.stored((1, 5, 6))[0]
    made = dicoms.dataset(
        picture, Modality="DX", PhotometricInterpretation="MONOCHROME1", BitsStored=12, HighBit=11, PixelSpacing=None,
        ImageOrientationPatient=None, ImagerPixelSpacing=[0.15, 0.14],
    )  # fmt: skip
    made.save_as(tmp_path / "cxr.dcm", enforce_file_format=True)
    image = io.read_image(tmp_path / "cxr.dcm")
    np.testing.assert_array_equal(image.array[0], 4095 - picture)
    assert image.grid.spacing == (0.15, 0.14)
    assert any("inverted" in note for note in io.describe(tmp_path / "cxr.dcm").notes)


def test_one_file_of_a_series_is_one_slice(tmp_path: Path) -> None:
    folder = dicoms.series(tmp_path / "ct", dicoms.stored((3, 4, 5)), SliceThickness=4.0)
    image = io.read_image(sorted(folder.iterdir())[0])
    assert image.grid.shape == (1, 4, 5)
    assert image.grid.spacing == (4.0, 0.8, 0.5)


def test_colour_images_have_three_channels(tmp_path: Path) -> None:
    rgb = np.random.default_rng(0).integers(0, 255, (5, 6, 3)).astype(np.uint8)
    made = dicoms.dataset(
        rgb, Modality="XC", Rows=5, Columns=6, SamplesPerPixel=3, PlanarConfiguration=0,
        PhotometricInterpretation="RGB", ImageOrientationPatient=None,
    )  # fmt: skip
    made.save_as(tmp_path / "photo.dcm", enforce_file_format=True)
    image = io.read_image(tmp_path / "photo.dcm")
    np.testing.assert_array_equal(image.array, np.moveaxis(rgb, -1, 0))
    assert image.channels == ("red", "green", "blue")


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize(
    ("syntax", "encode"),
    [
        (JPEGLosslessSV1, imagecodecs.ljpeg_encode),
        (JPEGLSLossless, imagecodecs.jpegls_encode),
        (JPEG2000Lossless, lambda picture: imagecodecs.jpeg2k_encode(picture, level=0, codecformat="j2k")),
    ],
)
def test_lossless_compression_is_decoded(tmp_path: Path, syntax: str, encode, signed: bool) -> None:
    picture = dicoms.stored((1, 16, 20))[0]
    expected = picture.astype(np.int16) - 30 if signed else picture
    stream = encode(expected.view(np.uint16))
    made = dicoms.compressed(expected, stream, syntax)
    made.save_as(tmp_path / "c.dcm", enforce_file_format=True)
    np.testing.assert_array_equal(io.read_image(tmp_path / "c.dcm").array[0, 0], expected)


def test_run_length_compression_is_decoded(tmp_path: Path) -> None:
    picture = dicoms.stored((1, 8, 9))[0]
    made = dicoms.dataset(picture, ImagePositionPatient=[0.0, 0, 0])
    made.compress(RLELossless)
    made.save_as(tmp_path / "c.dcm", enforce_file_format=True)
    np.testing.assert_array_equal(io.read_image(tmp_path / "c.dcm").array[0, 0], picture)


def test_a_compression_that_nothing_decodes_is_named(tmp_path: Path) -> None:
    made = dicoms.compressed(dicoms.stored((1, 8, 8))[0], b"\x00" * 64, "1.2.840.10008.1.2.4.100")
    made.save_as(tmp_path / "c.dcm", enforce_file_format=True)
    with pytest.raises(FormatError, match=r"compressed as MPEG2.*cannot be decoded here; decompress"):
        io.read_image(tmp_path / "c.dcm")


def test_a_missing_codec_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(_: bytes) -> None:
        raise ImportError("no codec")

    picture = dicoms.stored((1, 16, 20))[0]
    made = dicoms.compressed(picture, imagecodecs.jpegls_encode(picture), JPEGLSLossless)
    made.save_as(tmp_path / "c.dcm", enforce_file_format=True)
    monkeypatch.setattr(imagecodecs, "jpegls_decode", absent)
    with pytest.raises(FormatError, match="needs the codec jpegls"):
        io.read_image(tmp_path / "c.dcm")


def test_a_stream_of_another_size_is_refused(tmp_path: Path) -> None:
    picture = dicoms.stored((1, 16, 20))[0]
    made = dicoms.compressed(picture, imagecodecs.jpegls_encode(picture[:8].copy()), JPEGLSLossless)
    made.save_as(tmp_path / "c.dcm", enforce_file_format=True)
    with pytest.raises(FormatError, match=r"must hold \(16, 20\) pixels"):
        io.read_image(tmp_path / "c.dcm")


def test_a_header_without_pixels_is_refused(tmp_path: Path) -> None:
    made = dicoms.dataset(dicoms.stored((1, 4, 5))[0])
    del made.PixelData
    made.save_as(tmp_path / "c.dcm", enforce_file_format=True)
    with pytest.raises(FormatError, match="only a header"):
        io.read_image(tmp_path / "c.dcm")


def test_an_orientation_of_zero_is_refused(tmp_path: Path) -> None:
    made = dicoms.dataset(
        dicoms.stored((1, 4, 5))[0], ImagePositionPatient=[0.0, 0, 0], ImageOrientationPatient=[0.0] * 6
    )
    made.save_as(tmp_path / "c.dcm", enforce_file_format=True)
    with pytest.raises(FormatError, match="orientation of a DICOM image must not be zero"):
        io.read_image(tmp_path / "c.dcm")


def test_colour_among_grey_slices_is_refused(tmp_path: Path) -> None:
    folder = dicoms.series(tmp_path / "ct", dicoms.stored((3, 5, 6)).astype(np.uint8))
    rgb = dicoms.dataset(
        np.zeros((5, 6, 3), np.uint8), Rows=5, Columns=6, SamplesPerPixel=3, PlanarConfiguration=0,
        PhotometricInterpretation="RGB", ImagePositionPatient=[-10.0, 20.0, 12.5],
    )  # fmt: skip
    rgb.save_as(folder / "rgb.dcm", enforce_file_format=True)
    with pytest.raises(FormatError, match="same channels"):
        io.read_image(folder)


def test_palette_colours_are_looked_up(tmp_path: Path) -> None:
    index = np.arange(20, dtype=np.uint8).reshape(4, 5) % 3
    made = dicoms.dataset(index, Modality="US", PhotometricInterpretation="PALETTE COLOR", ImageOrientationPatient=None)
    for number, colour in enumerate(("Red", "Green", "Blue")):
        table = np.zeros(3, np.uint16)
        table[number] = 0xFF00
        setattr(made, f"{colour}PaletteColorLookupTableDescriptor", [3, 0, 16])
        setattr(made, f"{colour}PaletteColorLookupTableData", table.tobytes())
    made.save_as(tmp_path / "p.dcm", enforce_file_format=True)
    expected = np.eye(3, dtype=np.uint8)[index] * 255
    np.testing.assert_array_equal(io.read_image(tmp_path / "p.dcm").array, np.moveaxis(expected, -1, 0))


def test_a_modality_table_is_applied(tmp_path: Path) -> None:
    picture = np.arange(20, dtype=np.uint16).reshape(4, 5) % 4
    made = dicoms.dataset(picture, ImagePositionPatient=[0.0, 0, 0])
    table = Dataset()
    table.LUTDescriptor = [4, 0, 16]
    table.LUTData = [5, 50, 500, 5000]
    made.ModalityLUTSequence = [table]
    made["ModalityLUTSequence"].value[0]["LUTDescriptor"].VR = "US"
    made["ModalityLUTSequence"].value[0]["LUTData"].VR = "US"
    made.save_as(tmp_path / "t.dcm", enforce_file_format=True)
    np.testing.assert_array_equal(io.read_image(tmp_path / "t.dcm").array[0, 0], np.array([5, 50, 500, 5000])[picture])


def test_big_endian_files_are_read(tmp_path: Path) -> None:
    picture = dicoms.stored((1, 4, 5))[0]
    made = dicoms.dataset(picture, syntax=ExplicitVRBigEndian, PixelData=picture.astype(">u2").tobytes())
    made.ImagePositionPatient = [0.0, 0, 0]
    made.save_as(tmp_path / "b.dcm", enforce_file_format=True)
    np.testing.assert_array_equal(io.read_image(tmp_path / "b.dcm").array[0, 0], picture)


def test_files_from_before_the_signature_are_read(tmp_path: Path) -> None:
    picture = dicoms.stored((1, 4, 5))[0]
    made = dicoms.dataset(picture, ImagePositionPatient=[0.0, 0, 0])
    bare = Dataset(made)
    bare.save_as(tmp_path / "old", implicit_vr=True, little_endian=True)
    assert io.is_image(tmp_path / "old")
    np.testing.assert_array_equal(io.read_image(tmp_path / "old").array[0, 0], picture)


@pytest.mark.parametrize("keep", [0.5, 0.97])
def test_a_truncated_slice_is_an_error_that_does_not_quote_the_header(tmp_path: Path, keep: float) -> None:
    folder = dicoms.series(tmp_path / "ct", dicoms.stored((3, 30, 30)))
    victim = sorted(folder.iterdir())[1]
    victim.write_bytes(victim.read_bytes()[: int(victim.stat().st_size * keep)])
    with pytest.raises(FormatError) as caught:
        io.read_image(folder)
    assert "Secret" not in str(caught.value)
    assert "copy it again" in str(caught.value)
    assert victim.name in str(caught.value)


def test_no_identifier_of_the_patient_is_passed_on(tmp_path: Path) -> None:
    folder = dicoms.series(tmp_path / "ct", dicoms.stored((3, 4, 4)))
    image, description = io.read_image(folder), io.describe(folder)
    shown = f"{description} {image.channels} {image.grid}"
    assert not any(word in shown for word in ("Secret", "Person", "4711"))


def test_a_folder_without_dicom_is_no_image(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    assert not io.is_image(tmp_path)
    with pytest.raises(FormatError, match="folder without DICOM"):
        io.read_image(tmp_path)
    with pytest.raises(FormatError, match="folder without DICOM"):
        io.describe(tmp_path)


def test_a_folder_of_series_points_to_them(tmp_path: Path) -> None:
    dicoms.series(tmp_path / "study" / "ct", dicoms.stored((3, 4, 4)))
    with pytest.raises(FormatError, match=r"give one of the folders in it \(ct\)"):
        io.read_image(tmp_path / "study")


def test_a_file_with_the_suffix_but_without_the_signature_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.dcm").write_bytes(b"not dicom at all" * 20)
    with pytest.raises(FormatError, match="signature is missing"):
        io.read_image(tmp_path / "x.dcm")


def test_axes_can_only_confirm_what_the_file_states(tmp_path: Path) -> None:
    folder = dicoms.series(tmp_path / "ct", dicoms.stored((3, 4, 4)))
    assert io.read_image(folder, axes="ZYX").grid.shape == (3, 4, 4)
    with pytest.raises(FormatError, match="axes of ct must be ZYX"):
        io.read_image(folder, axes="TYX")


def test_a_series_number_is_split_only_where_no_such_path_exists(tmp_path: Path) -> None:
    (tmp_path / "a::1").mkdir()
    assert split_choice(tmp_path / "a::1") == (tmp_path / "a::1", None)
    assert split_choice(tmp_path / "b::1") == (tmp_path / "b", 1)
