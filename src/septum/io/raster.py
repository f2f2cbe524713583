"""PNG, JPEG, BMP and GIF through Pillow: planes without physical size.

These formats were made for showing pictures, so the reading rules matter more than the decoding: a palette with
colours is a list of classes when labels are read; transparency is not a measurement; and a camera's orientation mark
is obeyed, because that is how the person who drew the mask saw the picture.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum.errors import FormatError
from septum.geometry import Grid, Image, LabelMap
from septum.geometry.picture import rgb_of
from septum.io import decoded as limits
from septum.io import png
from septum.io.decoded import (
    TURNS,
    Decoded,
    check_size,
    collapse_grey,
    compact,
    drop_alpha,
    native,
    pick_frame,
    upright,
)
from septum.io.naming import suffix
from septum.io.safe import reading, replacing

_RGB = ("red", "green", "blue")
_CHANNELS = {1: ("grey",), 2: ("grey", "alpha"), 3: _RGB, 4: (*_RGB, "alpha")}
_ORIENTATION = 0x0112  # EXIF tag
_PALETTE = bytes((0, 0, 0)) + b"".join(bytes(rgb_of(label)) for label in range(1, 256))
"""Of written labels: all 256 entries, so that every file has 8 bits per sample."""


def read(path: Path, *, axes: str | None = None, frame: int | None = None, labels: bool = False) -> Decoded:
    """Decode one frame. A colour palette gives colours for an image and class indices for labels.

    `axes` may only confirm what these formats always hold: "YX", "YXC", or with "T" in front for animations.

    >>> import tempfile
    >>> image = Image(np.ones((1, 4, 5), np.uint8), Grid.from_spacing((4, 5), (1.0, 1.0)))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_image(Path(folder, "a.png"), image)
    ...     read(Path(folder, "a.png")).grid.spacing
    (1.0, 1.0)
    """
    check_axes(path, axes)
    with reading(path, "image"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        picture = _open(path)
        with picture:
            frames = _frames(picture)
            chosen = pick_frame(path, frames, frame=frame)
            turn = _turn(path, picture)
            array, notes = _pixels(path, picture, frame=chosen, labels=labels)
            doubts = _doubts(picture, turn=turn, labels=labels)
            name = str(picture.format)
    if labels and array.shape[-1] == 4 and _alpha_is_mask(array):
        array, notes = array[..., 3:], [*notes, "the colours are constant: labels are read from the transparency"]
    if turn in TURNS:
        notes.append(f"turned as its EXIF orientation ({turn}) says, the way viewers show it")
    planes = native(upright(np.moveaxis(array, -1, 0), turn))
    grid = Grid.pixels(planes.shape[1:])
    letters = ("T" if frames > 1 else "") + ("YXC" if len(planes) > 1 else "YX")
    result = Decoded(
        planes, grid, _CHANNELS[len(planes)], format=name, axes=letters, frames=frames, notes=tuple(notes),
        doubts=tuple(doubts),
    )  # fmt: skip
    if len(planes) in (2, 4):
        result = drop_alpha(result)
    return collapse_grey(result)


def count_frames(path: Path, *, axes: str | None = None) -> int:
    """Number of pictures in an animation, otherwise 1.

    >>> import tempfile
    >>> image = Image(np.ones((1, 4, 5), np.uint8), Grid.from_spacing((4, 5), (1.0, 1.0)))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_image(Path(folder, "a.png"), image)
    ...     count_frames(Path(folder, "a.png"))
    1
    """
    check_axes(path, axes)
    with reading(path, "image"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with _open(path) as picture:
            return _frames(picture)


def is_colour(path: Path) -> bool:
    """Whether a picture shows anything but greys; one that cannot be read does not (reading it says why).

    >>> import tempfile
    >>> image = Image(np.ones((1, 4, 5), np.uint8), Grid.from_spacing((4, 5), (1.0, 1.0)))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_image(Path(folder, "a.png"), image)
    ...     is_colour(Path(folder, "a.png"))
    False
    """
    import PIL.Image

    try:
        with PIL.Image.open(path, formats=("PNG", "JPEG", "BMP", "GIF")) as picture:
            if picture.mode in ("1", "L", "LA", "I", "I;16", "F"):
                return False
        return len(read(path).array) > 1
    except (OSError, FormatError, PIL.Image.DecompressionBombError):
        return False


def check_axes(path: Path, axes: str | None) -> None:
    """Rows, columns and colours are fixed in these formats; only a wrong declaration can be told.

    >>> check_axes(Path("cells.png"), "YX")  # says nothing
    """
    if axes is not None and axes.upper().removeprefix("T") not in ("YX", "YXC", "YXS"):
        raise FormatError(f"axes of {path.name} must be YX, YXC, TYX or TYXC, got {axes!r}; leave axes out")


def write_labels(path: Path, labels: LabelMap) -> None:
    """Write a plane of labels as PNG: up to 255 with a colour palette, so that every viewer shows them, else 16 bits.

    The indices are the labels, as in the masks of PASCAL VOC: index 0 is black, label n has the colour that pages and
    notebooks give it. A reader that turns palettes into colours must be told not to; Pillow's `Image.open` keeps them.

    Raises:
        FormatError: for volumes, negative labels, labels above 65535 and formats that would change labels.

    >>> import tempfile
    >>> labels = LabelMap(np.ones((4, 5), np.uint8), Grid.from_spacing((4, 5), (1.0, 1.0)))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_labels(Path(folder, "a.png"), labels)
    ...     int(read(Path(folder, "a.png"), labels=True).array.max())
    1
    """
    if suffix(path) != ".png":
        raise FormatError(f"labels must be written without loss, got {path.name}; use .png or .tif")
    array = compact(labels.array)
    if array.dtype.kind == "i" or array.dtype.itemsize > 2:
        low, high = int(array.min()), int(array.max())
        raise FormatError(f"PNG labels must be 0 to 65535, got {low} to {high}; write {path.name} as .tif")
    _write(path, array, grid=labels.grid, palette=_PALETTE if array.dtype == np.uint8 else None)


def write_image(path: Path, image: Image) -> None:
    """Write 8- or 16-bit grey or 8-bit RGB as PNG; 8 bits also as JPEG or BMP.

    Raises:
        FormatError: for volumes, floating point and more than three channels.

    >>> import tempfile
    >>> image = Image(np.ones((1, 4, 5), np.uint8), Grid.from_spacing((4, 5), (1.0, 1.0)))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_image(Path(folder, "a.png"), image)
    ...     read(Path(folder, "a.png")).array.shape
    (1, 4, 5)
    """
    array = image.array
    if array.dtype not in (np.uint8, np.uint16) or len(array) not in (1, 3):
        raise FormatError(
            f"{path.name} must hold 1 or 3 channels of 8- or 16-bit integers, got {len(array)} of {array.dtype}; "
            "write it as .tif"
        )
    if array.dtype == np.uint16 and (len(array) == 3 or suffix(path) != ".png"):
        raise FormatError(f"16 bits must be grey and PNG, got {len(array)} channels for {path.name}; write it as .tif")
    _write(path, array[0] if len(array) == 1 else np.moveaxis(array, 0, -1), grid=image.grid)


def _write(path: Path, array: NDArray[Any], *, grid: Grid, palette: bytes | None = None) -> None:
    import PIL.Image

    if grid.ndim != 2:
        raise FormatError(f"{path.name} must be a plane, got shape {grid.shape}; write volumes as .nii.gz or .tif")
    picture = PIL.Image.fromarray(np.ascontiguousarray(array))
    if palette is not None:
        picture.putpalette(palette)
    name = {".png": "PNG", ".bmp": "BMP", ".jpg": "JPEG", ".jpeg": "JPEG"}.get(suffix(path))
    if name is None:
        raise FormatError(f"{path.name} cannot be written in this format; use .png or .tif")
    with replacing(path) as temporary, temporary.open("wb") as stream:
        picture.save(stream, format=name)


def _open(path: Path) -> Any:
    import PIL.Image

    try:
        picture = PIL.Image.open(path, formats=("PNG", "JPEG", "BMP", "GIF"))
    except PIL.Image.DecompressionBombError as error:
        raise FormatError(f"{path.name} is too large to be safe ({error}); save it as TIFF or in tiles") from error
    except PIL.UnidentifiedImageError as error:
        raise ValueError("it is not a PNG, JPEG, BMP or GIF image") from error
    try:
        check_size(path, (picture.height, picture.width), limit=limits.MAX_RASTER_PIXELS)
    except FormatError:
        picture.close()
        raise
    return picture


def _frames(picture: Any) -> int:
    """Pictures of an animation; the extra pictures that telephones add to a JPEG are not frames."""
    return 1 if picture.format == "MPO" else int(getattr(picture, "n_frames", 1))


def _pixels(path: Path, picture: Any, *, frame: int, labels: bool) -> tuple[NDArray[Any], list[str]]:
    """`(Y, X, C)` pixels of one frame and what had to be decided."""
    notes = []
    if frame:
        picture.seek(frame)
    if picture.format in ("JPEG", "MPO") and labels:
        notes.append("JPEG loses detail: label values may be wrong near borders")
    if picture.format == "MPO":
        notes.append("the JPEG carries further pictures (previews, depth); the first is read")
    stored = png.stored_samples(path) if picture.format == "PNG" else None
    if stored is not None:
        return (stored if stored.ndim == 3 else stored[..., None]), notes
    picture.load()
    array, more = _unpacked(picture, labels=labels)
    return (array if array.ndim == 3 else array[..., None]), [*notes, *more]


def _turn(path: Path, picture: Any) -> int:
    """How EXIF says that the picture lies: one of `TURNS`, any other number means as stored."""
    turn = picture.getexif().get(_ORIENTATION) if png.may_turn(path) else None
    return turn if isinstance(turn, int) else 1


def _doubts(picture: Any, *, turn: int, labels: bool) -> list[str]:
    """What every command should say: a turned photo beside masks on raw pixels, greys that are not the indices."""
    doubts = []
    if turn in TURNS:
        doubts.append(
            f"the photo is turned as its EXIF orientation ({turn}) says; masks drawn on the unturned pixels do not fit"
        )
    if labels and picture.mode == "P" and picture.palette is not None:
        colours = np.frombuffer(bytes(picture.palette.palette), np.uint8)
        step = 4 if picture.palette.mode == "RGBA" else 3
        colours = colours[: len(colours) // step * step].reshape(-1, step)[:, :3]
        used = np.unique(np.asarray(picture))
        shown = colours[used[used < len(colours)]]
        if len(shown) and (shown == shown[:, :1]).all() and not np.array_equal(shown[:, 0], used[: len(shown)]):
            doubts.append(
                f"labels are the palette's indices {used[:6].tolist()}, shown as the greys {shown[:6, 0].tolist()}"
            )
    return doubts


def _unpacked(picture: Any, *, labels: bool) -> tuple[NDArray[Any], list[str]]:
    mode = picture.mode
    if mode == "P":
        if labels:
            return np.asarray(picture), ["stored with a palette: its indices are read as labels"]
        return np.asarray(picture.convert("RGB")), ["stored with a palette"]
    if mode == "1":  # one bit: 0 and 255, as every viewer shows it and as grey masks store it
        return np.asarray(picture.convert("L")), []
    if mode in ("L", "LA", "RGB", "RGBA", "I", "I;16"):
        return np.asarray(picture), []
    return np.asarray(picture.convert("RGB")), [f"converted from {mode} to RGB"]


def _alpha_is_mask(array: NDArray[Any]) -> bool:
    colours, alpha = array[..., :3], array[..., 3]
    return bool((colours == colours[0, 0]).all() and (alpha != alpha[0, 0]).any())
