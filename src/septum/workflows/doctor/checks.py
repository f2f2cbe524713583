"""What can be wrong with a case, one small function for each; what can be wrong with cases together is in `cohort`.

One insight: a case is opened once, and what must be compared between cases is boiled down to a few numbers and two
hashes (`CaseFacts`), so a data set of any size is examined in the memory of one case.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum import io
from septum.geometry import Grid, Image, LabelMap
from septum.workflows.data.cases import UNANNOTATED, Case, Dataset, can_resample, compare_grids
from septum.workflows.data.classes import LabelSummary

ALL = "(all)"
"""Stands for the whole data set in `Finding.case`."""


SEVERITIES = ("error", "warning", "note")


@dataclass(frozen=True)
class Finding:
    """One thing that the doctor found.

    Args:
        case: id of the case, or `ALL`.
        severity: `"error"` (the case cannot be used as it is), `"warning"` (probably wrong) or `"note"`.
        code: short name of the check, such as `"shape-mismatch"`.
        message: what is wrong, with the offending numbers.
        mend: how to mend it.
        fixable: whether `mend` mends it; cases with other errors are left out of a mended copy.
    """

    case: str
    severity: str
    code: str
    message: str
    mend: str
    fixable: bool = False

    def __str__(self) -> str:
        return f"{self.severity:<7}  {self.case}  [{self.code}] {self.message}; {self.mend}"


@dataclass(frozen=True, eq=False)
class OpenedCase:
    """A case as it was read: `labels` is `None` where there are none, or where they could not be read."""

    case: Case
    image: Image
    labels: LabelMap | None
    summary: LabelSummary | None


@dataclass(frozen=True)
class CaseFacts:
    """What is kept of a case once it is closed again."""

    case: str
    grid: Grid
    labels_grid: Grid | None
    channels: int
    image_hash: str
    label_hash: str
    counts: dict[int, int]
    grey: bool
    modality: str = ""


def facts_of(opened: OpenedCase) -> CaseFacts:
    """The numbers and hashes of a case that are compared with those of other cases."""
    image, summary = opened.image, opened.summary
    counts = {} if summary is None else {v: n for v, n in summary.counts.items() if v != UNANNOTATED}
    label_hash = "" if opened.labels is None else pixel_hash(opened.labels.array, np.int64)
    return CaseFacts(
        opened.case.id,
        image.grid,
        None if opened.labels is None else opened.labels.grid,
        len(image.channels),
        pixel_hash(image.array),
        label_hash,
        counts,
        bool(summary and (summary.grey_edges or summary.picture)),
        io.modality_of(opened.case.images[0].path),
    )


def pixel_hash(array: NDArray[Any], dtype: type[np.generic] | None = None) -> str:
    """A hash of shape and values (as `dtype`), so that one picture saved in two formats is found."""
    digest = hashlib.blake2b(str(array.shape).encode(), digest_size=16)
    for part in array:
        digest.update(np.ascontiguousarray(part, dtype=dtype).tobytes())
    return digest.hexdigest()


def check_finite(opened: OpenedCase, dataset: Dataset) -> Iterator[Finding]:
    """NaN and infinite intensities."""
    array = opened.image.array
    if array.dtype.kind != "f":
        return
    bad = int(array.size - np.isfinite(array).sum())
    if bad:
        yield Finding(
            opened.case.id,
            "error",
            "not-finite",
            f"{bad} of {array.size} intensities are NaN or infinite",
            "set them to a number; --fix sets them to the smallest finite intensity of the image",
            fixable=bad < array.size,
        )


def check_constant(opened: OpenedCase, dataset: Dataset) -> Iterator[Finding]:
    """Images in which nothing is to be seen."""
    array = opened.image.array
    finite = array[np.isfinite(array)] if array.dtype.kind == "f" else array
    if finite.size and finite.min() == finite.max():
        message = f"every intensity is {finite.flat[0]}"
        yield Finding(opened.case.id, "error", "constant-image", message, "export the image again, or leave it out")


def check_geometry(opened: OpenedCase, dataset: Dataset) -> Iterator[Finding]:
    """Shape, place and orientation of the labels against the image's."""
    if opened.labels is None:
        return
    image, labels = opened.image.grid, opened.labels.grid
    relation, distance = compare_grids(image, labels)
    case = opened.case.id
    if relation == "shape":
        turned = any("EXIF" in note for note in opened.image.notes) and image.shape == labels.shape[::-1]
        yield _raw_pixels(case, image) if turned else _shape_finding(case, image, labels=opened.labels)
    elif relation == "reoriented":
        message = f"the image's axes run {image.orientation}, the labels' {labels.orientation}"
        mend = "reorient the labels as the image; --fix does so without loss"
        yield Finding(case, "error", "orientation", message, mend, fixable=True)
    elif relation == "shifted":
        message = f"image and labels have one shape, but their corners differ by {distance:.2f} voxels"
        mend = "copy the image's geometry to the labels, as --fix does; look at one overlay to be sure"
        yield Finding(case, "error", "geometry-shifted", message, mend, fixable=True)
    elif relation == "different":
        message = f"image and labels have one shape, but their corners differ by {distance:.1f} voxels"
        mend = "find out which of the two is wrong: the labels may belong to another image"
        yield Finding(case, "error", "geometry-mismatch", message, mend)
    elif relation == "lost" and not _plain(opened):
        message = "the labels' file has lost its geometry (spacing 1, origin 0), the image's has not"
        mend = "copy the image's geometry to the labels, as --fix does"
        yield Finding(case, "warning", "geometry-lost", message, mend, fixable=True)
    elif relation == "same" and distance > 1e-3:
        message = f"positions of image and labels differ by {distance:.3f} voxels: rounding in the headers"
        mend = "nothing to do: the image's geometry counts; --fix copies it to the labels"
        yield Finding(case, "note", "geometry-rounding", message, mend, fixable=True)


UNTURNED = "unturned-labels"


def _raw_pixels(case: str, image: Grid) -> Finding:
    message = f"the photo is {image.shape} when it is turned as its EXIF mark says, and its labels fit the raw pixels"
    return Finding(case, "error", UNTURNED, message, f"{_TURN}; do not mirror or transpose them")


def check_turned(opened: OpenedCase, dataset: Dataset) -> Iterator[Finding]:
    """Photos that were turned by their EXIF mark where the shape cannot tell whether the labels were, too."""
    said = next((note for note in opened.image.notes if "EXIF" in note), "")
    if not said or opened.labels is None or opened.labels.grid.shape != opened.image.grid.shape:
        return
    sideways = re.search(r"orientation \([5-8]\)", said)
    if not sideways or len(set(opened.image.grid.shape)) == 1:
        yield Finding(
            opened.case.id, "warning", "photo-turned", said, f"look at one overlay; where it does not fit, {_TURN}"
        )


def _plain(opened: OpenedCase) -> bool:
    """Whether the labels are in a format that holds no position anyway."""
    label = opened.case.label
    return label is not None and label.path.suffix.lower() in (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff")


_TURN = "turn the labels as the mark turns the photo, or remove the mark from the photo"


def _shape_finding(case: str, image: Grid, *, labels: LabelMap) -> Finding:
    message = f"the image is {image.shape}, its labels are {labels.grid.shape}"
    if can_resample(image, labels):
        mend = (
            "resample the labels to the image's grid (nearest neighbour), as --fix does; both know their place in space"
        )
        return Finding(case, "error", "other-grid", message, mend, fixable=True)
    mend = "draw the labels again, or resize them with nearest neighbour"
    if sorted(image.shape) == sorted(labels.grid.shape):
        mend = "the labels look transposed: exchange their axes"
    elif (
        image.ndim == labels.grid.ndim
        and len({a / b for a, b in zip(image.shape, labels.grid.shape, strict=True)}) == 1
    ):
        mend = (
            f"the image is {image.shape[0] / labels.grid.shape[0]:g} times as large: use the image they were drawn on"
        )
    return Finding(case, "error", "shape-mismatch", message, mend)


def check_values(opened: OpenedCase, dataset: Dataset) -> Iterator[Finding]:
    """Values outside the declared set, antialiasing, and labels that hold nothing."""
    summary = opened.summary
    if summary is None:
        return
    case = opened.case.id
    seen = set(summary.counts) - {UNANNOTATED, dataset.ignore_value}
    if summary.grey_edges:
        low, high = min(seen), max(seen)
        message = f"{len(summary.grey_edges)} values between {low} and {high} lie along edges: antialiased, or JPEG"
        mend = "save masks without antialiasing as PNG; --fix gives each such sample the nearest true value"
        yield Finding(case, "error", "antialiased", message, mend, fixable=True)
    if summary.picture:
        message = f"the labels are a grey picture with {len(seen)} values: an image, or a map of probabilities"
        yield Finding(case, "error", "grey-picture", message, "cut a map at half of its largest value, or draw labels")
        return
    stray = sorted(seen - set(dataset.label_names) - {0}) if dataset.label_names else []
    if stray and not summary.grey_edges:
        shown = ", ".join(f"{v} ({summary.counts[v]} samples)" for v in stray[:6])
        declared = sorted(dataset.label_names)
        message = f"values that are not declared {declared[:12]}: {shown}"
        yield Finding(case, "error", "undeclared-value", message, "correct the labels, or declare it in dataset.json")
    if seen <= {0}:
        message = "the labels hold nothing but background"
        mend = "fine if there is nothing to see here; otherwise annotate it, or remove the label file"
        yield Finding(case, "note", "empty-labels", message, mend)


def check_readers(opened: OpenedCase, dataset: Dataset) -> Iterator[Finding]:
    """What the readers had to assume; samples that are not finite, and photos that `check_geometry` or `check_turned`
    speak of, are said there."""
    elsewhere = ["NaN or infinite"]
    if any(check_turned(opened, dataset)) or any(one.code == UNTURNED for one in check_geometry(opened, dataset)):
        elsewhere.append("EXIF")
    sides = (("image", opened.image.notes), ("labels", opened.labels.notes if opened.labels is not None else ()))
    for what, notes in sides:
        for note in (one for one in notes if not any(part in one for part in elsewhere)):
            mend = f"nothing to do where this is right for the {what}; otherwise export the file again from its source"
            yield Finding(opened.case.id, "note", "assumed", f"{what}: {note}", mend)


CASE_CHECKS: tuple[Callable[[OpenedCase, Dataset], Iterator[Finding]], ...] = (
    check_finite,
    check_constant,
    check_geometry,
    check_turned,
    check_values,
    check_readers,
)
