"""What can be wrong with a case, one small function for each, and what can be wrong with the cases together.

One insight: a case is opened once, and what must be compared between cases is boiled down to a few numbers and two
hashes (`Facts`), so a data set of any size is examined in the memory of one case.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum.geometry import Grid, Image, LabelMap
from septum.workflows.data.cases import UNANNOTATED, Case, Dataset, compare_grids, is_identity
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
class Opened:
    """A case as it was read: `labels` is `None` where there are none, or where they could not be read."""

    case: Case
    image: Image
    labels: LabelMap | None
    summary: LabelSummary | None


@dataclass(frozen=True)
class Facts:
    """What is kept of a case once it is closed again."""

    case: str
    shape: tuple[int, ...]
    spacing: tuple[float, ...]
    unit: str
    channels: int
    image_hash: str
    label_hash: str
    counts: dict[int, int]
    grey: bool


def facts_of(opened: Opened) -> Facts:
    """The numbers and hashes of a case that are compared with those of other cases."""
    image, summary = opened.image, opened.summary
    counts = {} if summary is None else {v: n for v, n in summary.counts.items() if v != UNANNOTATED}
    label_hash = "" if opened.labels is None else pixel_hash(opened.labels.array, np.int64)
    return Facts(
        opened.case.id,
        image.grid.shape,
        image.grid.spacing,
        image.grid.unit,
        len(image.channels),
        pixel_hash(image.array),
        label_hash,
        counts,
        bool(summary and summary.grey_edges),
    )


def pixel_hash(array: NDArray[Any], dtype: type[np.generic] | None = None) -> str:
    """A hash of shape and values (as `dtype`), so that one picture saved in two formats is found."""
    digest = hashlib.blake2b(str(array.shape).encode(), digest_size=16)
    for part in array:
        digest.update(np.ascontiguousarray(part, dtype=dtype).tobytes())
    return digest.hexdigest()


def check_finite(opened: Opened, dataset: Dataset) -> Iterator[Finding]:
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


def check_constant(opened: Opened, dataset: Dataset) -> Iterator[Finding]:
    """Images in which nothing is to be seen."""
    array = opened.image.array
    finite = array[np.isfinite(array)] if array.dtype.kind == "f" else array
    if finite.size and finite.min() == finite.max():
        message = f"every intensity is {finite.flat[0]}"
        yield Finding(opened.case.id, "error", "constant-image", message, "export the image again, or leave it out")


def check_geometry(opened: Opened, dataset: Dataset) -> Iterator[Finding]:
    """Shape, place and orientation of the labels against the image's."""
    if opened.labels is None:
        return
    image, labels = opened.image.grid, opened.labels.grid
    relation, distance = compare_grids(image, labels)
    case = opened.case.id
    if relation == "shape":
        yield _shape_finding(case, image, labels=opened.labels)
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


def _plain(opened: Opened) -> bool:
    """Whether the labels are in a format that holds no position anyway."""
    label = opened.case.label
    return label is not None and label.path.suffix.lower() in (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff")


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


def can_resample(image: Grid, labels: LabelMap) -> bool:
    """Whether both grids know their place in space and every labelled sample lies inside the image."""
    if image.ndim != 3 or labels.grid.ndim != 3 or is_identity(image) or is_identity(labels.grid):
        return False
    index = np.argwhere(labels.array > 0)
    if not len(index):
        return False
    ends = np.stack([index.min(axis=0), index.max(axis=0)])
    corners = np.stack(np.meshgrid(*ends.T, indexing="ij"), axis=-1).reshape(-1, 3)
    inside = image.world_to_index(labels.grid.index_to_world(corners))
    return bool((inside >= -1).all() and (inside <= np.array(image.shape)).all())


def check_values(opened: Opened, dataset: Dataset) -> Iterator[Finding]:
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


def check_readers(opened: Opened, dataset: Dataset) -> Iterator[Finding]:
    """What the readers of image and labels had to assume; samples that are not finite have a check of their own."""
    sides = (("image", opened.image.notes), ("labels", opened.labels.notes if opened.labels is not None else ()))
    for what, notes in sides:
        for note in (one for one in notes if "NaN or infinite" not in one):
            mend = f"nothing to do where this is right for the {what}; otherwise export the file again from its source"
            yield Finding(opened.case.id, "note", "assumed", f"{what}: {note}", mend)


CASE_CHECKS: tuple[Callable[[Opened, Dataset], Iterator[Finding]], ...] = (
    check_finite,
    check_constant,
    check_geometry,
    check_values,
    check_readers,
)


def check_duplicates(facts: Sequence[Facts], dataset: Dataset) -> Iterator[Finding]:
    """One picture under two names, with one mask or with two, and one mask under two pictures."""
    for group in _grouped(facts, lambda f: f.image_hash).values():
        yield from _conflicts(group)
        for other in group[1:]:
            first = group[0]
            if not (first.label_hash and other.label_hash and first.label_hash != other.label_hash):
                message = f"the image equals that of {first.case}: a random split would test on training images"
                mend = "remove one of them; --fix keeps the first, or the one with labels"
                kept = other.case if other.label_hash and not first.label_hash else first.case
                left = first.case if kept == other.case else other.case
                yield Finding(left, "warning", "duplicate-image", message, mend, fixable=True)
    labelled = [f for f in facts if f.label_hash and len(f.counts) > 1]
    for group in _grouped(labelled, lambda f: f.label_hash).values():
        for other in group[1:]:
            if other.image_hash != group[0].image_hash:
                message = f"the labels equal those of {group[0].case}, but the images differ"
                mend = (
                    "two pictures of one thing (then give both one group in a table), or one carries the other's mask: "
                    "look at both"
                )
                yield Finding(other.case, "warning", "duplicate-labels", message, mend)


def _conflicts(group: Sequence[Facts]) -> Iterator[Finding]:
    """One picture with several masks: which is right cannot be known, so every one of them is named."""
    labelled = [f for f in group if f.label_hash]
    if len({f.label_hash for f in labelled}) < 2:
        return
    names = [f.case for f in labelled]
    for fact in labelled:
        others = ", ".join(name for name in names if name != fact.case)
        message = f"the image equals that of {others}, but the labels differ"
        yield Finding(fact.case, "error", "duplicate-conflict", message, f"keep the right one of {', '.join(names)}")


def _grouped(facts: Sequence[Facts], key: Callable[[Facts], str]) -> dict[str, list[Facts]]:
    groups: dict[str, list[Facts]] = defaultdict(list)
    for fact in facts:
        groups[key(fact)].append(fact)
    return {name: group for name, group in groups.items() if len(group) > 1}


def check_alike(facts: Sequence[Facts], dataset: Dataset) -> Iterator[Finding]:
    """Cases whose number of channels or of dimensions is not that of most."""
    for code, what, value in (
        ("channels-differ", "channels", lambda f: f.channels),
        ("dimensions-differ", "dimensions", lambda f: len(f.shape)),
    ):
        counts = Counter(value(f) for f in facts)
        if len(counts) < 2:
            continue
        usual = counts.most_common(1)[0][0]
        if code == "channels-differ" and set(counts) == {1, 3}:
            message = f"{counts[1]} images are grey and {counts[3]} have three channels"
            mend = (
                "nothing to do where the three are red, green and blue: grey is then read as equal red, green and blue"
            )
            yield Finding(ALL, "note", "grey-and-colour", message, mend)
            continue
        for fact in facts:
            if value(fact) != usual:
                message = f"the image has {value(fact)} {what}, most of the {len(facts)} have {usual}"
                mend = "save all images alike, or make two data sets: one network takes one kind of image"
                yield Finding(fact.case, "error", code, message, mend)


def check_spacing(facts: Sequence[Facts], dataset: Dataset) -> Iterator[Finding]:
    """Spacings in other units than most (micrometres for millimetres), and images that know no size."""
    sized = [f for f in facts if f.unit == "mm"]
    if sized and len(sized) < len(facts):
        unsized = [f.case for f in facts if f.unit != "mm"]
        message = f"{len(unsized)} of {len(facts)} images do not say how large a sample is (such as {unsized[0]})"
        mend = "store the sample size in all of them, or resampling to one size is not possible"
        yield Finding(ALL, "warning", "units-mixed", message, mend)
    if len(sized) < 3:
        return
    usual = float(np.median([np.prod(f.spacing) ** (1 / len(f.spacing)) for f in sized]))
    for fact in sized:
        ratio = float(np.prod(fact.spacing) ** (1 / len(fact.spacing))) / usual
        if not 1 / 30 < ratio < 30:
            spacing = "×".join(f"{s:.4g}" for s in fact.spacing)
            message = f"the spacing {spacing} mm is {ratio:.3g} times the usual one: perhaps another unit"
            yield Finding(fact.case, "warning", "spacing-outlier", message, "correct the spacing in the file's header")


def check_coding(facts: Sequence[Facts], dataset: Dataset) -> Iterator[Finding]:
    """Masks that are 0/1 in some cases and 0/255 in others."""
    binary = [f for f in facts if f.counts and not f.grey]
    values = {f.case: set(f.counts) - {0, dataset.ignore_value} for f in binary}
    if dataset.label_names or any(len(v) > 1 for v in values.values()):
        return
    usual = Counter(next(iter(v)) for v in values.values() if v).most_common()
    if {value for value, _ in usual} != {1, 255}:
        return
    for case, found in values.items():
        if found and found != {usual[0][0]}:
            message = f"foreground is {next(iter(found))} here and {usual[0][0]} in {usual[0][1]} other cases"
            mend = "use one value for one thing; --fix uses the more frequent one"
            yield Finding(case, "error", "mixed-coding", message, mend, fixable=True)


def check_polarity(facts: Sequence[Facts], dataset: Dataset) -> Iterator[Finding]:
    """Two-valued masks whose background (0) is the smaller part, in the data set or in single cases."""
    shares = {f.case: 1 - f.counts.get(0, 0) / sum(f.counts.values()) for f in facts if 0 < len(f.counts) <= 2}
    if dataset.label_names or dataset.instances or len(shares) < len([f for f in facts if f.counts]) or not shares:
        return
    usual = float(np.median(list(shares.values())))
    if usual > 0.5:
        top = Counter(v for f in facts for v in f.counts if v != 0).most_common(1)
        message = f"the labels are mostly foreground ({usual:.0%} is not 0): perhaps 0 marks the object"
        mend = f"if {top[0][0]} is the background, pass --background {top[0][0]}; otherwise nothing to do"
        yield Finding(ALL, "warning", "mostly-foreground", message, mend)
        return
    for case, share in shares.items():
        if share > 0.5 and usual < 0.2:
            message = f"{share:.0%} of the labels are foreground, usually {usual:.0%}: perhaps inverted here"
            yield Finding(case, "warning", "inverted", message, "look at the mask; exchange its two values if need be")


def check_rare_classes(facts: Sequence[Facts], dataset: Dataset) -> Iterator[Finding]:
    """Classes that one labelled case alone holds: they can be learnt or measured, not both."""
    labelled = [fact for fact in facts if fact.counts and not fact.grey]
    where: dict[int, list[str]] = {}
    for fact in labelled:
        for value in (set(dataset.label_names) or set(fact.counts)) & set(fact.counts) - {0, dataset.ignore_value}:
            where.setdefault(value, []).append(fact.case)
    if all(len(set(fact.counts) - {0, dataset.ignore_value}) < 2 for fact in labelled):
        return  # one value per case: another coding of the same class, rather than a class of its own
    if dataset.instances or len(labelled) < 3 or len(where) > MOST_CLASSES:
        return
    for value, cases in sorted(where.items()):
        if len(cases) == 1 and len(where) > 1:
            name = dataset.label_names.get(value, f"label {value}")
            message = f"{name} occurs in this case only, of {len(labelled)} with labels"
            mend = "annotate it in a second case: with one it can be learnt or measured, not both"
            yield Finding(cases[0], "warning", "rare-class", message, mend)


MOST_CLASSES = 12
"""With more values than this they may be ids of objects, of which each occurs once."""


DATASET_CHECKS: tuple[Callable[[Sequence[Facts], Dataset], Iterator[Finding]], ...] = (
    check_duplicates,
    check_alike,
    check_spacing,
    check_coding,
    check_polarity,
    check_rare_classes,
)
