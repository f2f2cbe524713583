"""One suite that every writable format passes: what is written is read back, whole files only, clear refusals."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.geometry.test_grid import ORIENTATIONS, oriented
from tests.io.contracts import PLANES, VOLUMES, plane_labels, volume_labels

from septum import io
from septum.errors import FormatError, GeometryError
from septum.geometry import Grid, Image, LabelMap

PLACED = (".nii", ".nii.gz", ".nrrd", ".mha")


@pytest.mark.parametrize("suffix", VOLUMES)
@pytest.mark.parametrize(("high", "dtype"), [(1, "u1"), (255, "u1"), (256, "u2"), (70000, "u4")])
def test_label_volumes_are_read_as_they_were_written(tmp_path: Path, suffix: str, high: int, dtype: str) -> None:
    labels = volume_labels(high)
    labels.array[0, 0, 0] = high
    io.write_labels(tmp_path / f"m{suffix}", labels)
    back = io.read_labels(tmp_path / f"m{suffix}")
    np.testing.assert_array_equal(back.array, labels.array)
    assert back.array.dtype == np.dtype(dtype)
    np.testing.assert_allclose(back.grid.affine, labels.grid.affine, atol=1e-6)


@pytest.mark.parametrize("suffix", PLANES)
@pytest.mark.parametrize("high", [1, 255, 300])
def test_label_planes_are_read_as_they_were_written(tmp_path: Path, suffix: str, high: int) -> None:
    labels = plane_labels(high)
    io.write_labels(tmp_path / f"m{suffix}", labels)
    back = io.read_labels(tmp_path / f"m{suffix}")
    np.testing.assert_array_equal(back.array, labels.array)
    assert back.grid.matches(labels.grid, tolerance=0)
    assert back.grid.unit == ("px" if suffix == ".png" else "mm")
    assert back.grid.positioned == (suffix not in (".tif", ".ome.tif", ".png"))


@pytest.mark.parametrize("suffix", [s for s in VOLUMES if s != ".seg.nrrd"])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", "float32", "float64"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("ndim", [2, 3])
def test_images_are_read_as_they_were_written(
    tmp_path: Path, suffix: str, dtype: str, channels: int, ndim: int
) -> None:
    shape = (4, 5, 6)[-ndim:]
    array = (np.random.default_rng(1).random((channels, *shape)) * 200).astype(dtype)
    image = Image(array, Grid.from_spacing(shape, (2.0, 0.5, 0.25)[-ndim:]))
    io.write_image(tmp_path / f"i{suffix}", image)
    back = io.read_image(tmp_path / f"i{suffix}")
    np.testing.assert_array_equal(back.array, array)
    assert back.array.dtype == array.dtype
    np.testing.assert_allclose(back.grid.affine, image.grid.affine, atol=1e-6)


@pytest.mark.parametrize("suffix", PLACED)
@pytest.mark.parametrize(("order", "signs"), ORIENTATIONS)
def test_every_orientation_survives(
    tmp_path: Path, suffix: str, order: tuple[int, ...], signs: tuple[int, ...]
) -> None:
    labels = LabelMap(np.arange(120, dtype=np.uint8).reshape(4, 5, 6), oriented(order, signs))
    io.write_labels(tmp_path / f"m{suffix}", labels)
    back = io.read_labels(tmp_path / f"m{suffix}")
    np.testing.assert_array_equal(back.array, labels.array)
    np.testing.assert_allclose(back.grid.affine, labels.grid.affine, atol=1e-5)


@given(seed=st.integers(0, 10_000), suffix=st.sampled_from(PLACED))
def test_oblique_geometry_survives_and_is_exact_the_second_time(
    tmp_path_factory: pytest.TempPathFactory, seed: int, suffix: str
) -> None:
    rng = np.random.default_rng(seed)
    rotation, _ = np.linalg.qr(rng.standard_normal((3, 3)))
    affine = np.eye(4)
    affine[:3, :3] = rotation * rng.uniform(0.2, 7, 3)
    affine[:3, 3] = rng.uniform(-300, 300, 3)
    grid = Grid(tuple(rng.integers(1, 6, 3)), affine)
    path = tmp_path_factory.mktemp("oblique") / f"m{suffix}"
    io.write_labels(path, LabelMap(np.zeros(grid.shape, np.uint8), grid))
    once = io.read_labels(path)
    assert grid.corner_difference(once.grid) < 1e-3
    io.write_labels(path, once)
    twice = io.read_labels(path)
    assert once.grid.corner_difference(twice.grid) < 1e-9
    if suffix in (".nii", ".nii.gz"):
        assert twice.grid == once.grid


@pytest.mark.parametrize("suffix", [*VOLUMES, ".png", ".jpg", ".gif", ".bmp"])
@pytest.mark.parametrize("keep", [0.0, 0.03, 0.5, 0.9])
def test_a_truncated_file_is_an_error_that_names_it(
    tmp_path: Path, suffix: str, keep: float, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"case{suffix}"
    rng = np.random.default_rng(0)
    if suffix in VOLUMES:
        io.write_labels(path, LabelMap(rng.integers(0, 255, (20, 30, 30)), Grid.from_spacing((20, 30, 30), (1, 1, 2))))
    else:
        import PIL.Image

        PIL.Image.fromarray(rng.integers(0, 255, (90, 90)).astype(np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])
    with pytest.raises(FormatError, match=rf"case{suffix}"):
        io.read_image(path)
    with pytest.raises(FormatError, match=rf"case{suffix}"):
        io.read_labels(path)


@pytest.mark.parametrize("suffix", PLANES)
def test_a_file_of_another_format_under_this_name_is_an_error(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"case{suffix}"
    path.write_bytes(b"GARBAGE! " * 200)
    with pytest.raises(FormatError, match="case"):
        io.read_image(path)
    with pytest.raises(FormatError, match="case"):
        io.count_frames(path)


@pytest.mark.parametrize("suffix", [*VOLUMES, ".png"])
def test_a_full_disk_leaves_nothing_new_and_nothing_changed(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / f"m{suffix}"
    path.write_text("precious")
    monkeypatch.setattr(os, "fsync", full)
    labels = plane_labels() if suffix == ".png" else volume_labels()
    with pytest.raises(FormatError, match="No space left on device"):
        io.write_labels(path, labels)
    assert path.read_text() == "precious"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="needs a limit on the size of files")
def test_every_writer_notices_when_the_disk_takes_no_more(tmp_path: Path) -> None:
    """In a process of its own, whose files may not grow beyond 20 kB: the writers' own error handling is tried."""
    script = f"""
import resource, signal, pathlib, numpy as np
import nibabel, SimpleITK, tifffile, PIL.Image, PIL.PngImagePlugin, imagecodecs
from septum import io
from septum.errors import FormatError
from septum.geometry import Grid, LabelMap
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
rng = np.random.default_rng(0)
for suffix in {(*VOLUMES, ".png")!r}:
    shape = (300, 300) if suffix == ".png" else (30, 60, 50)
    path = pathlib.Path({str(tmp_path)!r}) / ("m" + suffix)
    path.write_text("precious")
    try:
        io.write_labels(path, LabelMap(rng.integers(0, 255, shape), Grid.from_spacing(shape, (1,) * len(shape))))
    except FormatError:
        assert path.read_text() == "precious"
        print("refused", suffix)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [word for suffix in (*VOLUMES, ".png") for word in ("refused", suffix)]
    assert not list(tmp_path.glob(".septum-*"))


@pytest.mark.parametrize("suffix", [*VOLUMES, ".png"])
def test_a_missing_output_folder_is_an_error(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(FormatError, match="could not be written"):
        io.write_labels(tmp_path / "absent" / f"m{suffix}", plane_labels())


@pytest.mark.parametrize("suffix", PLANES)
def test_complex_numbers_are_not_written(tmp_path: Path, suffix: str) -> None:
    image = Image(np.ones((1, 4, 5), np.complex64), Grid.from_spacing((4, 5), (1, 1)))
    with pytest.raises(FormatError, match="complex64"):
        io.write_image(tmp_path / f"m{suffix}", image)
    assert not list(tmp_path.iterdir())


def test_impossible_geometry_passes_through_as_such(tmp_path: Path) -> None:
    sheared = Grid((2, 3, 4), np.array([[0, 0, 1, 0], [0, 1, 0.3, 0], [1, 0, 0, 0], [0, 0, 0, 1]], float))
    io.write_labels(tmp_path / "m.nii.gz", LabelMap(np.zeros((2, 3, 4), np.uint8), sheared))
    np.testing.assert_allclose(io.read_labels(tmp_path / "m.nii.gz").grid.affine, sheared.affine, atol=1e-6)
    assert issubclass(GeometryError, Exception)
