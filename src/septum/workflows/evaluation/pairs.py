"""Which mask belongs to which reference, and one pass over each pair.

The insight: a case that falls out unnoticed changes a mean more than a better network does. So names are matched by the
same careful rule as images and labels, whatever finds no partner is returned by name, and masks on different grids are
refused together, with how far they lie apart, never resampled in silence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from septum import io
from septum.errors import DatasetError, GeometryError, SeptumError
from septum.geometry import Grid, LabelMap
from septum.geometry.resample import resample_labels
from septum.metrics import JointTable, joint_table
from septum.workflows.data.cases import UNANNOTATED, Case, Dataset, Source, load_labels
from septum.workflows.data.classes import LabelSummary, picture_message, summarise_labels
from septum.workflows.data.declared import Declared, declare, declared_labels
from septum.workflows.data.folders import LABEL_FOLDERS
from septum.workflows.data.grey import is_picture
from septum.workflows.data.load import load_dataset
from septum.workflows.data.masks import _has_images_beside, is_plain, mask_cases
from septum.workflows.data.matching import match_stems
from septum.workflows.evaluation.covering import cover, on_the_plane, padded
from septum.workflows.runs.failures import Failed, attempt
from septum.workflows.runs.hooks import Hooks
from septum.workflows.runs.parallel import CasePool
from septum.workflows.runs.words import some


@dataclass(frozen=True)
class Pair:
    """A case with its reference (`case.label`) and the file that holds its prediction."""

    case: Case
    prediction: Source


@dataclass(frozen=True)
class MeasuredPair:
    """One pass over a pair: its joint table without unannotated voxels, what its reference looks like, the reference's
    grid; `notes` are what the readers of the reference and of the prediction assumed."""

    case: Case
    table: JointTable
    summary: LabelSummary
    grid: Grid
    resampled: bool = False
    outside: int = 0
    missed: int = 0
    flat: bool = False
    notes: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())


@dataclass(frozen=True)
class OpenedPair:
    """Both sides of a pair; `difference` says how their grids differ (empty where they do not, or where the prediction
    was `resampled` onto the reference's lattice, which then begins at sample `start` of the reference's file).

    `outside` and `missed` count marked samples of the prediction beyond the reference's edges, and the reverse. `flat`:
    one side was a volume of one slice, the other its plane. `notes` are those of both files.
    """

    reference: LabelMap
    prediction: LabelMap
    difference: str = ""
    resampled: bool = False
    start: tuple[int, ...] = ()
    outside: int = 0
    missed: int = 0
    flat: bool = False
    notes: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())


def reference_cases(path: Path, axes: str | None) -> Dataset:
    """The references as a data set: a plain folder of masks, one mask, or any layout with images.

    What a `dataset.json` in the folder of the masks declares holds, or one beside a folder `labelsTr` and the like.
    """
    if not path.exists():
        raise DatasetError(f"references must be an existing folder or file, got {path}; check the path")
    if is_plain(path) and not _has_images_beside(path):
        return declare(Dataset(path, "masks", tuple(mask_cases(path, axes))), _declared_near(path))
    return load_dataset(path, axes=axes)


def _declared_near(path: Path) -> Declared:
    folder = path if path.is_dir() else path.parent
    if (folder / "dataset.json").is_file() or folder.name.lower() not in {name.lower() for name in LABEL_FOLDERS}:
        return declared_labels(folder)
    return declared_labels(folder.resolve().parent)


Pairing = tuple[list[Pair], tuple[str, ...], tuple[str, ...], list[str]]


def pair_up(dataset: Dataset, predictions: Sequence[Case]) -> Pairing:
    """Pairs by name; with the cases that lack a prediction, the predictions that lack a reference, and notes."""
    labelled = list(dataset.labelled)
    if len(labelled) == len(predictions) == 1 and dataset.root.is_file() and dataset.kind == "masks":  # the user did
        match = {predictions[0].id: labelled[0].id}
        rule = ""
    else:
        found = match_stems([case.id for case in labelled], [case.id for case in predictions])
        match, rule = found.pairs, found.rule
    by_case = {case_id: prediction for prediction, case_id in match.items()}
    files = {case.id: case for case in predictions}
    pairs = [Pair(case, _source(files[by_case[case.id]])) for case in labelled if case.id in by_case]
    missing = tuple(case.id for case in labelled if case.id not in by_case)
    surplus = tuple(case.id for case in predictions if case.id not in match)
    if not pairs:
        raise DatasetError(
            f"predictions and references must share names, got no common name: predictions "
            f"{some([c.id for c in predictions]) or 'none'}; references {some([c.id for c in labelled]) or 'none'}; "
            "name each prediction like its image"
        )
    notes = []
    if rule:
        prediction, case_id = next((p, c) for p, c in match.items() if p != c)
        notes.append(f"Predictions were paired with references by {rule}, for example {prediction} with {case_id}.")
    if missing:
        notes.append(f"{len(missing)} of {len(labelled)} references have no prediction and are not scored.")
    if surplus:
        notes.append(f"{len(surplus)} predictions have no reference and are not scored.")
    return pairs, missing, surplus, notes


def _source(mask: Case) -> Source:
    """Where a mask is; its frame where the file holds several."""
    return mask.label or mask.images[0]


def read_mask(source: Source) -> LabelMap:
    """The labels that a source names; `FormatError` when it cannot be read or holds no labels."""
    return io.read_labels(source.path, axes=source.axes, frame=source.frame)


def read_pair(pair: Pair, *, resample: bool = False, background: int = 0) -> OpenedPair:
    """Reference and prediction of a pair.

    Args:
        pair: what to read.
        resample: put a prediction on another grid onto the reference's, nearest neighbour. Where a format holds no
            position, both are taken to show the same field of view. What it marks outside the reference counts: the
            reference is continued there with background.
        background: the value of the background on both sides.
    """
    reference, prediction = load_labels(pair.case), read_mask(pair.prediction)
    opened = _on_one_grid(reference, prediction, resample=resample, background=background)
    return replace(opened, notes=(reference.notes, prediction.notes))


def _on_one_grid(reference: LabelMap, prediction: LabelMap, *, resample: bool, background: int) -> OpenedPair:
    """The two on the grid of the reference."""
    plane = on_the_plane(prediction, reference.grid)
    if plane is not None:
        return OpenedPair(reference, plane, flat=True)
    difference = grid_difference(reference.grid, prediction.grid)
    if not difference or not resample or reference.grid.ndim != prediction.grid.ndim:
        return OpenedPair(reference, prediction, difference)
    if not (reference.grid.positioned and prediction.grid.positioned):
        grid = _same_view(reference.grid, prediction.grid.shape)
        moved = resample_labels(LabelMap(prediction.array, grid, prediction.names), reference.grid)
        return OpenedPair(reference, moved, resampled=True)
    found = cover(reference, prediction, background=background)
    if isinstance(found, str):
        return OpenedPair(reference, prediction, f"{difference}: {found}")
    return OpenedPair(
        found.reference, found.prediction, resampled=True, start=found.start, outside=found.outside, missed=found.missed
    )


def on_one_lattice(opened: Sequence[OpenedPair], *, background: int) -> tuple[LabelMap, list[LabelMap]]:
    """One reference and several predictions of it on a common grid: each may have continued the reference elsewhere."""
    first = opened[0].reference
    starts = [one.start or (0,) * first.grid.ndim for one in opened]
    start = tuple(map(min, zip(*starts, strict=True)))
    shapes = [one.reference.grid.shape for one in opened]
    ends = [[a + n for a, n in zip(*own, strict=True)] for own in zip(starts, shapes, strict=True)]
    shape = tuple(max(stops) - a for stops, a in zip(zip(*ends, strict=True), start, strict=True))

    def placed(labels: LabelMap, own: tuple[int, ...]) -> LabelMap:
        offset = tuple(a - b for a, b in zip(start, own, strict=True))
        grid = labels.grid if shape == labels.grid.shape else labels.grid.crop(offset, shape)
        return padded(labels, grid, start=offset, background=background)

    masks = [placed(one.prediction, own) for one, own in zip(opened, starts, strict=True)]
    return placed(first, starts[0]), masks


def _same_view(reference: Grid, shape: tuple[int, ...]) -> Grid:
    """The grid of `shape` whose outer edges are those of `reference`."""
    scale = np.array([n / m for n, m in zip(reference.shape, shape, strict=True)])
    affine = reference.affine.copy()
    affine[:-1, :-1] = reference.affine[:-1, :-1] * scale
    affine[:-1, -1] = reference.index_to_world((scale - 1) / 2)
    return replace(reference, shape=shape, affine=affine)


@dataclass(frozen=True)
class Apart:
    """Stands where a pair would be measured: how its grids differ, and whether resampling could help."""

    difference: str
    alike: bool


def count_pair(pair: Pair, *, background: int, resample: bool) -> MeasuredPair | Apart:
    """Read and count a pair; how its grids differ where they do."""
    opened = read_pair(pair, resample=resample, background=background)
    if opened.difference:
        return Apart(opened.difference, opened.reference.grid.ndim == opened.prediction.grid.ndim)
    reference = opened.reference
    table = joint_table(reference.array, opened.prediction.array)
    if np.unique(table.prediction).size > np.unique(table.reference).size and is_picture(opened.prediction.array):
        raise DatasetError(picture_message(pair.prediction.path.name, np.unique(table.prediction).size))
    summary = _summary(pair, reference, table=table, background=background)
    grid, counted = reference.grid, table.without(UNANNOTATED)
    return MeasuredPair(
        pair.case, counted, summary, grid, opened.resampled, opened.outside, opened.missed, opened.flat, opened.notes
    )


def count_pairs(
    pairs: Sequence[Pair],
    *,
    background: int,
    resample: bool = False,
    pool: CasePool | None = None,
    hooks: Hooks | None = None,
) -> list[MeasuredPair | Failed]:
    """Read and count every pair, or why it could not be; grids that differ are collected and refused together.

    Raises:
        GeometryError: predictions on other grids than their references.
        Cancelled: the hooks said stop.
    """
    found = (pool or CasePool()).map(
        partial(attempt, partial(count_pair, background=background, resample=resample)),
        pairs,
        name_of=name_of,
        hooks=hooks,
    )
    apart = [(pair.case.id, one) for pair, one in zip(pairs, found, strict=True) if isinstance(one, Apart)]
    if apart:
        refused = [f"{case} ({one.difference})" for case, one in apart]
        mend = "check that they belong together"
        if not all(one.alike for _, one in apart):
            mend += ": planes and volumes are not compared, but for volumes of one slice with pixels of the same size"
        elif not resample:
            mend += ", then resample the predictions with --resample (`resample_labels` in Python)"
        raise GeometryError(
            f"cannot compare: reference and prediction lie on different grids in {len(refused)} of {len(pairs)} cases: "
            f"{'; '.join(refused[:5])}{' …' if len(refused) > 5 else ''}; {mend}"
        )
    return [one for one in found if not isinstance(one, Apart)]


def beyond_the_edges(measured: Sequence[MeasuredPair], whose: str) -> list[str]:
    """How much of the masks lies where the other side has no samples, in words; it counts as wrong."""
    notes = []
    outside = {m.case.id: m.outside for m in measured if m.outside}
    missed = {m.case.id: m.missed for m in measured if m.missed}
    if outside:
        worst = max(outside, key=lambda case: outside[case])
        notes.append(
            f"{len(outside)} predictions{whose} mark samples beyond the edges of their references, most in {worst} "
            f"({outside[worst]} samples): there is background in the reference, and they count as false positives."
        )
    if missed:
        worst = max(missed, key=lambda case: missed[case])
        notes.append(
            f"{len(missed)} references mark samples beyond the edges of the predictions{whose}, most in {worst} "
            f"({missed[worst]} samples): they count as missed."
        )
    return notes


def name_of(pair: Pair) -> str:
    """The case of a pair, for progress."""
    return pair.case.id


def grid_difference(reference: Grid, prediction: Grid) -> str:
    """How two grids differ, or an empty string. Shapes decide where either file holds no position."""
    positioned = reference.positioned and prediction.positioned
    if reference.shape != prediction.shape:
        text = f"shapes {reference.shape} and {prediction.shape}"
        if reference.ndim != prediction.ndim or not positioned:
            return text
        corners = np.stack(np.meshgrid(*[(0, n - 1) for n in reference.shape], indexing="ij"), -1)
        offset = reference.world_to_index(prediction.corners()) - corners.reshape(-1, reference.ndim)
        return f"{text}, corners differ by {np.abs(offset).max():.1f} voxels"
    if not positioned:
        return ""
    voxels = reference.corner_difference(prediction)
    return "" if voxels <= 0.1 else f"corners differ by {voxels:.1f} voxels"


def _summary(pair: Pair, reference: LabelMap, *, table: JointTable, background: int) -> LabelSummary:
    """What the reference looks like; few values need no second pass."""
    values = np.unique(table.reference)
    if values.size >= 5:
        return summarise_labels(pair.case.id, reference, background=background)
    counts = {int(v): int(table.voxels[table.reference == v].sum()) for v in values}
    return LabelSummary(pair.case.id, counts, 1.0, ())


def image_cases(
    images: Path | None, references: Path, *, dataset: Dataset, axes: str | None
) -> tuple[dict[str, Case], list[str]]:
    """The case whose image is shown, by id of the reference case; with a note about images that were not found."""
    if images is None and dataset.kind != "masks":
        return {case.id: case for case in dataset.labelled}, []
    folder = images
    if folder is None and references.name.lower() in {name.lower() for name in LABEL_FOLDERS}:
        folder = references.resolve().parent
    if folder is None:
        return {}, []
    try:
        cases = mask_cases(folder, axes) if is_plain(folder) else list(load_dataset(folder, axes=axes).cases)
    except SeptumError as error:
        if images is None:  # nobody asked for them: the folder beside the labels was a guess
            return {}, []
        raise DatasetError(f"images must be a folder of images or a data set, got {images}: {error}") from error
    by_id = {case.id: case for case in cases} | {case.id.removesuffix("_0000"): case for case in cases}
    pairs = match_stems(by_id, [case.id for case in dataset.labelled]).pairs
    lost = [case.id for case in dataset.labelled if case.id not in pairs]
    note = [f"{len(lost)} cases have no image of their name in {images}: {some(lost)}."] if lost and images else []
    return {label: by_id[image] for label, image in pairs.items()}, note
