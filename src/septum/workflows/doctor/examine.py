"""Opens every case of a data set once and gathers what is wrong with it.

One insight: what cannot be read is a finding like any other, and the way in which it fails (a colour picture, values
between whole numbers, a truncated file) says how to mend it.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum import io
from septum.errors import DatasetError, SeptumError
from septum.geometry import Image, LabelMap
from septum.workflows.data.cases import Case, Dataset, Source, load_image, load_labels
from septum.workflows.data.classes import summarise_labels
from septum.workflows.data.load import load_dataset
from septum.workflows.doctor.checks import (
    ALL,
    CASE_CHECKS,
    SEVERITIES,
    CaseFacts,
    Finding,
    OpenedCase,
    facts_of,
)
from septum.workflows.doctor.cohort import DATASET_CHECKS, EXCHANGED
from septum.workflows.doctor.patients import check_patients
from septum.workflows.doctor.soft import NEAR, harden, is_one_mask
from septum.workflows.runs.failures import Failures
from septum.workflows.runs.hooks import Hooks

_RASTER = (".png", ".jpg", ".jpeg", ".bmp", ".gif")


MISPLACED = ("other-grid", "shape-mismatch", "geometry-mismatch", "geometry-shifted")
"""What is not said of labels that may belong to another image: each names a mend that would move them."""


_FLOATS = (".nii", ".gz", ".nrrd", ".nhdr", ".mha", ".mhd", ".tif", ".tiff")


def examine(path: Path | str, *, axes: str | None = None, hooks: Hooks | None = None) -> tuple[Finding, ...]:
    """Everything that is wrong with a data set, errors first; empty when nothing is.

    Reads every file once or twice, one case at a time.

    Args:
        path: a data set in any layout that Septum knows.
        axes: as for `load_dataset`.
        hooks: progress with the case's id, and the wish to stop, asked between cases.

    Raises:
        DatasetError: when there is no data set at `path` at all.
        Cancelled: the hooks said stop.

    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from septum import Grid, Image, write_image
    >>> with TemporaryDirectory() as folder:
    ...     Path(folder, "images").mkdir()
    ...     flat = Image(np.full((1, 8, 9), 7, np.uint8), Grid.pixels((8, 9)))
    ...     write_image(Path(folder, "images", "a.png"), flat)
    ...     [(finding.case, finding.code) for finding in examine(folder)]
    [('a', 'constant-image'), ('(all)', 'no-labels')]
    """
    return examine_cases(load_dataset(path, axes=axes, strict=False), hooks=hooks)


def examine_cases(dataset: Dataset, *, hooks: Hooks | None = None) -> tuple[Finding, ...]:
    """`examine` for a data set that is loaded already (with `strict=False`)."""
    hooks = hooks or Hooks()
    findings = [Finding(p.case, "error", p.code, p.message, p.mend) for p in dataset.problems]
    if not dataset.labelled:
        mend = "put labels with the same names as the images into the folder labels"
        findings.append(Finding(ALL, "warning", "no-labels", f"none of {len(dataset.cases)} cases has labels", mend))
    facts: list[CaseFacts] = []
    for number, case in enumerate(dataset.cases):
        hooks.stop_if_asked()
        found, fact = examine_case(case, dataset)
        findings += found
        facts += [fact] if fact else []
        hooks.on_progress(case.id, (number + 1) / len(dataset.cases))
    for check in (*DATASET_CHECKS, check_patients):
        findings += check(facts, dataset)
    doubted = {found.case for found in findings if found.code == EXCHANGED}
    findings = [f for f in findings if f.case not in doubted or f.code not in MISPLACED]  # not to be moved, but asked
    return tuple(sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity)))


def examine_case(case: Case, dataset: Dataset) -> tuple[list[Finding], CaseFacts | None]:
    """The findings of one case on its own, and what to compare with other cases (`None` when it cannot be read)."""
    failures = Failures()
    with failures.of(case.id):
        image = load_image(case)
    if failures.rows:
        mend = "copy the file again from its source, or leave the case out"
        return [Finding(case.id, "error", "unreadable-image", failures.rows[0][1], mend)], None
    findings: list[Finding] = []
    with failures.of(case.id):
        labels, findings = _open_labels(case, dataset.declared_values)
        summary = summarise_labels(case.id, labels) if labels is not None else None
        opened = OpenedCase(case, image, labels, summary)
        for check in CASE_CHECKS:
            findings += check(opened, dataset)
        return findings, facts_of(opened)
    mend = "copy the files again from their source, or leave the case out"
    return [*findings, Finding(case.id, "error", "cannot-be-checked", failures.rows[0][1], mend)], None


def _open_labels(case: Case, declared: Collection[int]) -> tuple[LabelMap | None, list[Finding]]:
    """The labels of a case, or why they cannot be used."""
    if case.label is None:
        return None, []
    try:
        labels = load_labels(case)
    except SeptumError as error:
        return None, [_why_unreadable(case, case.label, error=error, declared=declared)]
    if case.label.path.suffix.lower() in _FLOATS and not case.label.slices:
        kind = io.describe(case.label.path, axes=case.label.axes).dtype
        if kind.startswith("float"):
            message = f"labels are stored as {kind}, with whole numbers"
            mend = "nothing to do: they are read as integers; --fix stores them as integers"
            return labels, [Finding(case.id, "note", "float-labels", message, mend, fixable=True)]
    return labels, []


def _why_unreadable(case: Case, source: Source, *, error: SeptumError, declared: Collection[int]) -> Finding:
    """What the labels are instead of integers: a colour picture, a soft mask, or damaged."""
    try:
        image = io.read_image(source.path, axes=source.axes, frame=source.frame)
    except SeptumError:
        mend = "copy the file again from its source, save the masks in a form that Septum reads, or draw them again"
        return Finding(case.id, "error", "unreadable-labels", str(error), mend)
    if len(image.array) > 1:
        return _colour_finding(case, image)
    if image.array.dtype.kind == "f":
        return _soft_finding(case, image.array[0], declared=declared)
    return Finding(case.id, "error", "unreadable-labels", str(error), "save the labels as integers, one per class")


MAX_COLOURS = 32
"""A colour mask with more colours than this is antialiased or a photograph, and is not mended."""


def _colour_finding(case: Case, image: Image) -> Finding:
    found = colours_of(image.array)
    message = f"the mask is a colour picture with {len(found)} colours instead of one number per sample"
    if len(found) <= MAX_COLOURS:
        mend = "save one number per class; --fix numbers the colours (black is 0) and lists them in its log"
        return Finding(case.id, "error", "colour-mask", message, mend, fixable=True)
    mend = "save it as an integer mask without antialiasing; so many colours cannot be told apart for sure"
    return Finding(case.id, "error", "colour-mask", message, mend)


def colours_of(array: NDArray[Any]) -> tuple[tuple[int, ...], ...]:
    """The different colours of a `(C, *spatial)` picture, sorted, black first."""
    found = np.unique(array.reshape(len(array), -1), axis=1).T
    return tuple(tuple(int(v) for v in colour) for colour in found.tolist())


def _soft_finding(case: Case, array: NDArray[Any], *, declared: Collection[int]) -> Finding:
    finite = np.isfinite(array)
    broken = (~finite) | (np.abs(array - np.rint(np.where(finite, array, 0))) > 1e-3)
    low, high = float(array[finite].min(initial=np.inf)), float(array[finite].max(initial=-np.inf))
    message = f"{int(broken.sum())} labels are not whole numbers (range {low:.4g} to {high:.4g})"
    if not finite.all():
        return Finding(case.id, "error", "soft-labels", f"{message}, some are NaN", "save the labels as integers")
    try:
        harden(array, declared)
    except DatasetError as error:
        return Finding(case.id, "error", "soft-labels", message, str(error))
    mend = "a smoothed mask or a probability: --fix cuts it at 0.5"
    if not is_one_mask(array, declared):
        mend = (
            f"a scaled header, or resampled with interpolation: --fix rounds what is within {NEAR} of a whole number, "
        )
        mend += "and gives other samples the nearest such sample's value"
    return Finding(case.id, "error", "soft-labels", message, mend, fixable=True)
