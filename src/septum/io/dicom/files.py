"""DICOM: a folder that holds one series, or a single file, as an image in the units of its rescale equation.

Which files belong together and where they lie is decided in `series`; here their samples are decoded. Series of
a folder that holds several are chosen by number: `folder::2`.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum.errors import FormatError
from septum.io.decoded import Decoded, check_bytes, check_size, collapse_grey, native, pick_frame, smallest_integer
from septum.io.dicom.arrange import Layout, arrange_planes
from septum.io.dicom.planes import Plane
from septum.io.dicom.series import Series, dicom_files, is_dicom_file, scan, strays
from septum.io.safe import reading

_RGB = ("red", "green", "blue")
_PREFIX = "1.2.840.10008.1.2.4."
_CODECS = {
    _PREFIX + "51": "jpeg8_decode",
    _PREFIX + "57": "ljpeg_decode",
    _PREFIX + "70": "ljpeg_decode",
    _PREFIX + "80": "jpegls_decode",
    _PREFIX + "81": "jpegls_decode",
    _PREFIX + "90": "jpeg2k_decode",
    _PREFIX + "91": "jpeg2k_decode",
    _PREFIX + "201": "jpeg2k_decode",
    _PREFIX + "202": "jpeg2k_decode",
    _PREFIX + "203": "jpeg2k_decode",
}
"""Transfer syntaxes that imagecodecs decodes; what is not here is left to pydicom."""

_RADIOGRAPHS = {"CR", "DX", "MG", "IO", "PX", "RG", "XA", "RF"}


def split_choice(path: Path) -> tuple[Path, int | None]:
    """A path and the series number that follows `::`, if any.

    >>> split_choice(Path("study::2"))[1], split_choice(Path("study"))[1]
    (2, None)
    """
    found = re.fullmatch(r"(.+)::(\d+)", str(path))
    if found and not path.exists():
        return Path(found.group(1)), int(found.group(2))
    return path, None


def is_dicom_folder(folder: Path) -> bool:
    """Whether at least one DICOM file lies directly in the folder.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "0001").write_bytes(bytes(128) + b"DICM")
    ...     is_dicom_folder(Path(folder))
    True
    """
    return folder.is_dir() and next(dicom_files(folder), None) is not None


def read(path: Path, *, axes: str | None = None, frame: int | None = None, labels: bool = False) -> Decoded:
    """Decode one frame of the series in a folder, or of one file.

    Raises:
        FormatError: no images, several series, missing slices, or a compression that cannot be decoded.
    """
    with _private(path):
        series, layout, notes = _layout(path, axes)
        chosen = pick_frame(path, len(layout.frames), frame=frame)
        stack = layout.frames[chosen]
        check_size(path, layout.grid.shape)
        array, more, doubts = _decode(path, stack)
    array = array.reshape(len(array), *layout.grid.shape)
    letters = ("T" if len(layout.frames) > 1 else "") + "ZYX"[-layout.grid.ndim :] + ("C" if len(array) > 1 else "")
    result = Decoded(
        native(array), layout.grid, _RGB if len(array) == 3 else ("intensity",), format="DICOM",
        modality=series.modality, axes=letters, frames=len(layout.frames),
        notes=(*notes, *layout.notes, *more), doubts=(*layout.doubts, *doubts),
    )  # fmt: skip
    return collapse_grey(result)


def count_frames(path: Path, *, axes: str | None = None) -> int:
    """How many frames in time the series holds."""
    with _private(path):
        return len(_layout(path, axes)[1].frames)


@contextmanager
def _private(path: Path) -> Iterator[None]:
    """Errors of the decoder may quote the header, and with it the patient: only their kind is passed on."""
    try:
        with reading(path, "DICOM"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except FormatError as error:
        if error.__cause__ is not None and not isinstance(error.__cause__, OSError):
            kind = type(error.__cause__).__name__
            raise FormatError(
                f"{path} must be complete DICOM, but it cannot be read ({kind}); copy it again from its source"
            ) from None
        raise


def _layout(path: Path, axes: str | None) -> tuple[Series, Layout, list[str]]:
    folder, choice = split_choice(path)
    files, doubts = _files_of(path, folder)
    series, others = scan(files)
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(others.items()))
    if not series:
        raise FormatError(
            f"{folder} must hold images or masks that Septum reads, got DICOM objects without an image ({kinds}): "
            "convert contours (RTSTRUCT) and segmentations (SEG) to NIfTI or NRRD masks, for example with 3D Slicer"
        )
    chosen = _choose(folder, series, choice=choice)
    notes = [f"left out, no images: {kinds}"] if others else []
    layout = arrange_planes(folder.name, chosen, axes=axes)
    if axes is not None:
        _check_axes(path, axes, layout=layout)
    return chosen, replace(layout, doubts=(*layout.doubts, *doubts)), notes


def _files_of(path: Path, folder: Path) -> tuple[list[Path], list[str]]:
    """The DICOM files of a folder, or the one file; and a doubt where empty files lie among them."""
    files = list(dicom_files(folder)) if folder.is_dir() else [folder]
    if not files:
        inside = [sub.name for sub in sorted(folder.iterdir()) if is_dicom_folder(sub)]
        hint = f"give one of the folders in it ({', '.join(inside[:5])})" if inside else "give a file or such a folder"
        raise FormatError(f"{folder} must hold image files, it is a folder without DICOM; {hint}")
    if not all(is_dicom_file(file) for file in files):
        raise FormatError(f"{path} must be a DICOM file, its signature is missing; it is of another format or damaged")
    called, empty = strays(folder) if folder.is_dir() else ([], [])
    if called:
        raise FormatError(
            f"{called[0]} must be a DICOM file as its name says, its signature is missing; it is empty, damaged or of "
            "another format: copy it again from its source, or remove it"
        )
    if not empty:
        return files, []
    return files, [f"{len(empty)} empty files lie among the slices, such as {empty[0].name}: is the series complete?"]


def _choose(folder: Path, series: list[Series], *, choice: int | None) -> Series:
    listing = "; ".join(f"{number}: {one.summary()}" for number, one in enumerate(series, start=1))
    if choice is None:
        if len(series) > 1:
            raise FormatError(
                f"{folder} must hold one series, got {len(series)} ({listing}); put one series into each folder, "
                f"or name one by its number: {folder.name}::1"
            )
        return series[0]
    if not 1 <= choice <= len(series):
        raise FormatError(f"the series number must be between 1 and {len(series)}, got {choice} ({listing})")
    return series[choice - 1]


def _check_axes(path: Path, axes: str, *, layout: Layout) -> None:
    known = ("T" if len(layout.frames) > 1 else "") + "ZYX"[-layout.grid.ndim :]
    plain = "".join(letter for letter in axes.upper() if letter not in "CS")
    if plain != known:
        raise FormatError(f"axes of {path.name} must be {known}, got {axes!r}: DICOM states its axes; leave axes out")


def _decode(path: Path, stack: tuple[Plane, ...]) -> tuple[NDArray[Any], list[str], list[str]]:
    """`(C, Z, Y, X)` rescaled samples, as integers where the rescale equation keeps them whole; notes and doubts."""
    import pydicom

    whole = all(float(plane.slope).is_integer() and float(plane.intercept).is_integer() for plane in stack)
    result: NDArray[Any] = np.empty(0)
    notes: list[str] = []
    above: list[str] = []
    opened, dataset = Path(), pydicom.Dataset()
    for number, plane in enumerate(stack):
        with _private(plane.path):  # of a folder, the message names the damaged slice
            if opened != plane.path:
                opened, dataset = plane.path, pydicom.dcmread(plane.path, force=True)
                _check_length(plane.path, dataset)
                if _above_bits(plane, dataset):
                    above.append(plane.path.name)
            samples, inverted = _picture(plane, dataset)
        if inverted and not notes:
            notes.append("MONOCHROME1: inverted, so that bright means dense")
        if number == 0:
            kind = _value_type(stack) if whole and samples.dtype.kind in "iu" else np.dtype(np.float32)
            result = np.empty((samples.shape[-1], len(stack), *plane.shape), dtype=kind)
        if len(result) != samples.shape[-1]:
            raise FormatError(f"all slices of {path.name} must have the same channels; split the series")
        values = _rescaled(samples, plane, dtype=result.dtype)
        if values.dtype.itemsize > result.dtype.itemsize:  # a slice has more than its header's bits, or fractions
            result = result.astype(np.promote_types(result.dtype, values.dtype))
        result[:, number] = np.moveaxis(values, -1, 0)
    doubts = []
    if above:
        doubts.append(
            f"{len(above)} files ({above[0]}, ...) store bits above BitsStored; they are cut off, as the standard says "
            "and other viewers do"
        )
    return result, notes, doubts


def _above_bits(plane: Plane, dataset: Any) -> bool:
    """Whether unsigned samples use bits that the header calls unused; overlays may lie there, or values."""
    allocated = int(dataset.get("BitsAllocated") or 0)
    syntax = getattr(dataset, "file_meta", {}).get("TransferSyntaxUID")
    unusual = getattr(syntax, "is_compressed", False) or not getattr(syntax, "is_little_endian", True)
    if plane.signed or plane.bits >= allocated or allocated not in (8, 16, 32) or unusual or "PixelData" not in dataset:
        return False
    data = dataset.PixelData
    stored = np.frombuffer(data, f"<u{allocated // 8}", count=len(data) * 8 // allocated)
    return bool(stored.size and int(stored.max()) >= 2**plane.bits)


def _check_length(path: Path, dataset: Any) -> None:
    """Uncompressed samples must be there before memory for them is taken."""
    frames = int(dataset.get("NumberOfFrames") or 1)
    bits = int(dataset.get("BitsAllocated") or 0)
    syntax = getattr(dataset, "file_meta", {}).get("TransferSyntaxUID")
    if "PixelData" in dataset and not getattr(syntax, "is_compressed", False):
        samples = int(dataset.Rows) * int(dataset.Columns) * int(dataset.get("SamplesPerPixel") or 1) * frames
        subsampled = "422" in str(dataset.get("PhotometricInterpretation", ""))
        check_bytes(path, samples * bits // 8 * (2 if subsampled else 3) // 3, stored=len(dataset.PixelData) + 1)


def _rescaled(samples: NDArray[Any], plane: Plane, *, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Samples by the rescale equation in `dtype`, or in a larger type where they do not fit it."""
    exact = np.float64 if dtype.kind == "f" or samples.dtype.kind == "f" else np.int64
    values: NDArray[Any] = samples.astype(exact) * exact(plane.slope) + exact(plane.intercept)
    if dtype.kind == "f" or exact is np.float64:
        return values.astype(np.float32)
    low, high = int(values.min()), int(values.max())
    bounds = np.iinfo(dtype)
    if bounds.min <= low and high <= bounds.max:
        return values.astype(dtype)
    return values.astype(np.promote_types(dtype, smallest_integer(low, high)))


def _value_type(stack: tuple[Plane, ...]) -> np.dtype[Any]:
    """The smallest integer type that holds every value that the stored bits of any slice can rescale to."""
    values = [0]
    for plane in stack:
        bits = min(plane.bits, 32)
        ends = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if plane.signed else (0, 2**bits - 1)
        values += [int(plane.slope) * end + int(plane.intercept) for end in ends]
    return smallest_integer(min(values), max(values))


def _picture(plane: Plane, dataset: Any) -> tuple[NDArray[Any], bool]:
    """`(Y, X, C)` stored samples of one plane, colours as RGB, and whether they were inverted."""
    from pydicom.pixels import apply_color_lut, apply_modality_lut

    samples = _stored(plane, dataset)
    interpretation = str(dataset.get("PhotometricInterpretation", ""))
    if interpretation == "PALETTE COLOR":
        samples = apply_color_lut(samples, dataset)
        samples = (samples >> 8).astype(np.uint8) if samples.dtype == np.uint16 else samples
    elif "ModalityLUTSequence" in dataset:
        samples = apply_modality_lut(samples, dataset)
    inverted = interpretation == "MONOCHROME1" and str(dataset.get("Modality", "")) in _RADIOGRAPHS
    if inverted:
        bits = int(dataset.get("BitsStored", 16))
        top = 2 ** (bits - 1) - 1 if int(dataset.get("PixelRepresentation", 0)) else 2**bits - 1
        low = -(2 ** (bits - 1)) if int(dataset.get("PixelRepresentation", 0)) else 0
        samples = ((top + low) - samples.astype(np.int64)).astype(samples.dtype)
    return (samples if samples.ndim == 3 else samples[..., None]), inverted


def _stored(plane: Plane, dataset: Any) -> NDArray[Any]:
    from pydicom.pixels import pixel_array
    from pydicom.uid import ImplicitVRLittleEndian

    meta = getattr(dataset, "file_meta", None)
    syntax = meta.get("TransferSyntaxUID") if meta is not None else None
    if syntax is None:
        if meta is None:
            import pydicom

            dataset.file_meta = meta = pydicom.dataset.FileMetaDataset()
        meta.TransferSyntaxUID = syntax = ImplicitVRLittleEndian
    if "PixelData" not in dataset and "FloatPixelData" not in dataset and "DoubleFloatPixelData" not in dataset:
        raise FormatError(f"{plane.path.name} must hold pixels, it has only a header; copy it again from its source")
    if str(syntax) in _CODECS:
        return _decompressed(plane, dataset, syntax=str(syntax))
    try:
        return np.asarray(pixel_array(dataset, index=plane.index))
    except (RuntimeError, NotImplementedError, ImportError):
        raise FormatError(
            f"{plane.path.name} is compressed as {syntax.name} ({syntax}), which cannot be decoded here; "
            "decompress the series first, for example with gdcmconv --raw or dcmdjpeg"
        ) from None


def _decompressed(plane: Plane, dataset: Any, *, syntax: str) -> NDArray[Any]:
    import imagecodecs
    from pydicom.encaps import get_frame

    count = int(dataset.get("NumberOfFrames") or 1)
    stream = get_frame(dataset.PixelData, plane.index, number_of_frames=count)
    try:
        samples = np.asarray(getattr(imagecodecs, _CODECS[syntax])(stream))
    except ImportError:
        name = _CODECS[syntax].removesuffix("_decode")
        raise FormatError(f"{plane.path.name} needs the codec {name}; install the full imagecodecs package") from None
    if samples.shape[:2] != plane.shape:
        raise FormatError(f"{plane.path.name} must hold {plane.shape} pixels, got {samples.shape[:2]}; it is damaged")
    if int(dataset.get("PixelRepresentation", 0)) == 1 and samples.dtype.kind == "u":
        bits = samples.dtype.itemsize * 8
        shift = bits - int(dataset.get("BitsStored", bits))
        samples = (samples << shift).view(samples.dtype.str.replace("u", "i")) >> shift
    return samples
