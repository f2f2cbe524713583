"""From a case as the user has it to what the network sees, and back.

The way back is a value: `to_network` returns the array together with a frozen `Placement`, and undoing is a function of
that record (`septum.geometry.placement`). Intensities are normalised on the image's own samples, before resampling, so
that the numbers do not depend on the resolution chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cc3d
import numpy as np
from numpy.typing import NDArray

from septum.classical import smooth
from septum.errors import DatasetError
from septum.geometry import Image
from septum.geometry.class_maps import class_type
from septum.geometry.placement import Placement
from septum.instances.targets import object_radii
from septum.net.learning.objective import get_objective
from septum.net.learning.sampling import Sample, SampleObjects
from septum.workflows.data.cases import Case, load_image, load_pair
from septum.workflows.data.classes import ClassMap
from septum.workflows.data.folds import block_slices
from septum.workflows.data.slices import read_slices
from septum.workflows.model.plan import Normalisation, Plan
from septum.workflows.runs.failures import Failures, listed

STATISTICS_FROM = 1_000_000
"""Percentiles of larger images are taken from about so many evenly spaced samples."""


FARTHEST = 10.0
"""Standard deviations from the mean beyond which samples are clipped: hot pixels, not objects."""


IN_MEMORY_BYTES = 4 << 30
"""Prepared cases beyond this total are kept in files and memory-mapped."""


def normalise(array: NDArray[Any], normalisation: Normalisation) -> NDArray[np.float32]:
    """Intensities `(C, *spatial)` of any type as float32 of about zero mean and unit deviation; a new array.

    A channel that is constant becomes zero. Samples that are not finite count as the smallest finite one.
    """
    out = np.empty(array.shape, dtype=np.float32)
    for index, channel in enumerate(array):
        values = channel.astype(np.float32)
        finite = np.isfinite(values)
        if not finite.all():
            values[~finite] = values[finite].min() if finite.any() else 0.0
        if normalisation.scheme == "standard":
            sample = values.ravel()[:: max(1, values.size // STATISTICS_FROM)]
            mean, std = float(sample.mean(dtype=np.float64)), float(sample.std(dtype=np.float64))
            low, high = mean - FARTHEST * std, mean + FARTHEST * std
        elif normalisation.scheme == "ct":
            low, high = normalisation.low[index], normalisation.high[index]
            mean, std = normalisation.mean[index], normalisation.std[index]
        else:
            low, high, mean, std = _statistics(values, nonzero=normalisation.scheme == "zscore nonzero")
        np.clip(values, low, high, out=values)
        out[index] = (values - mean) / max(std, 1e-8 * max(1.0, abs(mean)), 1e-12)
    return out


def _statistics(values: NDArray[np.float32], *, nonzero: bool) -> tuple[float, float, float, float]:
    sample = values.ravel()[:: max(1, values.size // STATISTICS_FROM)]
    if nonzero and (sample != 0).any():
        sample = sample[sample != 0]
    low, high = (float(v) for v in np.percentile(sample, (0.5, 99.5)))
    clipped = np.clip(sample, low, high)
    # Sparse bright objects (a few nuclei on black) can lie above the percentile: then nothing is clipped.
    if low == high:
        low, high, clipped = float(sample.min()), float(sample.max()), sample
    return low, high, float(clipped.mean(dtype=np.float64)), float(clipped.std(dtype=np.float64))


def one_channel(image: Image, use: str | None) -> Image:
    """The image with the one channel that a person chose, or as it is where nobody did.

    Raises:
        ConfigError: the image has no such channel.

    >>> from septum import Grid
    >>> cells = Image(np.zeros((2, 4, 5)), Grid.pixels((4, 5)), ("DAPI", "actin"))
    >>> one_channel(cells, "actin").channels
    ('actin',)
    """
    if use is None:
        return image
    return replace(image, array=smooth.channel(image.array, use=use, names=image.channels)[None], channels=(use,))


def match_channels(image: Image, channels: int) -> NDArray[Any]:
    """The image's array with the number of channels the network expects; a grey plane is repeated into colour.

    Raises:
        DatasetError: when the image has another number of channels that cannot be matched.
    """
    found = image.array.shape[0]
    if found == channels:
        return image.array
    if found == 1 and channels == 3 and image.grid.ndim == 2:
        return np.broadcast_to(image.array, (channels, *image.grid.shape))
    raise DatasetError(
        f"the image must have {channels} channel(s) as in training, got {found} ({', '.join(image.channels)}); "
        + (
            "give the files of all channels together (name_0000, name_0001, ..., or a table)"
            if found < channels
            else "give one of them (septum predict --channel NAME), or train on images of this kind"
            if channels == 1
            else "leave the others out of the files, or train on images of this kind"
        )
    )


def to_network(image: Image, plan: Plan) -> tuple[NDArray[np.float32], Placement]:
    """Normalise, turn and resample an image for the plan's network.

    Returns:
        `(C, *placement.shape)` float32, and the record of what was done.

    Raises:
        DatasetError: when dimension or channels are not those of training, or a channel holds no finite sample.
    """
    if image.grid.ndim != plan.fingerprint.ndim:
        kinds = {2: "planes", 3: "volumes"}
        raise DatasetError(
            f"this model was trained on {kinds[plan.fingerprint.ndim]}, got an image of shape {image.grid.shape}; "
            "give images of the same kind (or declare the axes with --axes)"
        )
    refuse_empty(image)
    placement = plan.placement(image.grid)
    return placement.apply(normalise(match_channels(image, plan.channels), plan.normalisation)), placement


def refuse_empty(image: Image) -> None:
    """Raise `DatasetError` for a channel without a single finite sample: a mask of it would look like an answer."""
    for name, channel in zip(image.channels, image.array, strict=True):
        if channel.dtype.kind == "f" and not np.isfinite(channel).any():
            raise DatasetError(
                f"images must hold finite samples, got a channel {name!r} of NaN or infinity only; "
                "export the image again from its source"
            )


def to_sample(case: Case, plan: Plan) -> Sample:
    """A case as the training loop takes it: prepared image, class map, border maps where the loss wants them; of a case
    without labels, a class map that ignores every voxel and takes no memory.

    Raises:
        DatasetError, GeometryError, FormatError: as `load_pair`; label values that are not in the plan.
    """
    if case.label is None:
        array, placement = to_network(load_image(case), plan)
        ignored = np.asarray(plan.classes.ignore_class, class_type(plan.classes.n_classes))
        return Sample(case.id, array, np.broadcast_to(ignored, placement.shape), placement.spacing)
    image, labels = load_pair(case)
    try:
        array, placement = to_network(image, plan)
        placed = placement.apply_labels(labels.array)
        target = plan.classes.to_classes(placed)
    except DatasetError as error:
        raise DatasetError(f"case {case.id}: {error}") from error
    # Instance ids keep touching objects apart, which is what border weights are about; classes alone would not.
    objects = np.where(target == plan.classes.ignore_class, 0, placed if plan.classes.foreground else target)
    objects[target == 0] = 0
    maps = _maps(objects, placement.spacing, plan=plan)
    single = None if plan.instances is None else _objects(target, placed, spacing=placement.spacing, plan=plan)
    between = interpolated_in(case, labels.grid.shape)
    placed_between = None if between is None else placement.apply_labels(between.astype(np.uint8)) > 0
    return Sample(case.id, array, target, placement.spacing, maps, single, placed_between)


def interpolated_in(case: Case, shape: Sequence[int]) -> NDArray[np.bool_] | None:
    """Where the labels of a volume were interpolated, as the file of slices beside them says; None where nothing was.

    A slice counts across the axis that it was interpolated along; one that a person drew across another axis does not.

    Raises:
        FormatError: as `read_slices`.
    """
    if case.label is None or case.label.frame is not None or case.label.slices or len(shape) != 3:
        return None
    slices = read_slices(case.label.path, shape) or {}
    found = np.zeros(tuple(shape), bool)
    for letters, value in (("i", True), ("dc", False)):
        for axis, text in slices.items():
            found[(slice(None),) * axis + ([i for i, one in enumerate(text) if one in letters],)] = value
    return found if found.any() else None


def object_ids(classes: NDArray[Any], labels: NDArray[Any], *, class_map: ClassMap) -> NDArray[np.int32]:
    """Ids of single objects from 1, 0 for background, -1 where nothing is annotated.

    Values are ids where the class map has one foreground class; else every connected piece of a class is an object.
    """
    ignored = classes == class_map.ignore_class
    inside = (classes > 0) & ~ignored
    if class_map.foreground:
        values = np.unique(labels[inside])
        ids = np.where(inside, np.searchsorted(values, labels) + 1, 0).astype(np.int32)
    else:
        kinds = np.where(inside, classes, 0).astype(np.int32)
        ids = cc3d.connected_components(kinds, connectivity=8 if classes.ndim == 2 else 26).astype(np.int32)
    ids[ignored] = -1
    return ids


def _objects(classes: NDArray[Any], labels: NDArray[Any], *, spacing: tuple[float, ...], plan: Plan) -> SampleObjects:
    ids = object_ids(classes, labels, class_map=plan.classes)
    table = np.zeros(max(0, int(ids.max(initial=0))) + 2, dtype=np.int64)
    table[ids.ravel()] = classes.ravel()
    table[-1] = plan.classes.ignore_class
    return SampleObjects(ids, table, object_radii(ids, spacing=spacing))


def block_mask(case: Case, plan: Plan, *, block: tuple[int, int, int]) -> NDArray[np.bool_]:
    """Where a block `(axis, start, stop)` of a case's own array lies in the array the network sees."""
    grid = load_image(case).grid
    mask = np.zeros(grid.shape, dtype=np.uint8)
    mask[block_slices(block, grid.shape)] = 1
    return plan.placement(grid).apply_labels(mask) > 0


def _maps(objects: NDArray[Any], spacing: tuple[float, ...], *, plan: Plan) -> NDArray[np.float32] | None:
    """The maps that the plan's objective computes from the objects, slice by slice where the network is 2-D."""
    maps = get_objective(plan.objective).maps
    if maps is None:
        return None
    if plan.slices:
        return np.stack([maps(plane, spacing[1:]) for plane in objects], axis=1)
    return maps(objects, spacing)


def prepare_cases(
    cases: Sequence[Case],
    plan: Plan,
    *,
    folder: Path,
    on_progress: Callable[[str, float], None],
    failures: Failures | None = None,
    beside: Iterable[Sample] = (),
) -> tuple[Sample, ...]:
    """All cases as samples; with those `beside` them held in memory up to `IN_MEMORY_BYTES`, beyond that memory-mapped
    from `folder`.

    Cases that cannot be prepared go to `failures`, where it is given.
    """
    samples: list[Sample] = []
    used = sum(map(_bytes, beside))
    for number, case in enumerate(cases):
        with listed(failures, case.id):
            sample = to_sample(case, plan)
            used += _bytes(sample)
            samples.append(sample if used <= IN_MEMORY_BYTES else _to_file(sample, folder))
        on_progress(f"preparing {case.id}", (number + 1) / len(cases))
    return tuple(samples)


def _bytes(sample: Sample) -> int:
    """Of a sample in memory; one that is mapped from files takes none, nor does a class map of one value."""
    held = [array for array in (sample.image, sample.labels) if not isinstance(array, np.memmap) and any(array.strides)]
    return sum(array.nbytes for array in held)


def _to_file(sample: Sample, folder: Path) -> Sample:
    folder.mkdir(parents=True, exist_ok=True)
    mapped: list[NDArray[Any]] = []
    for kind, array in (("image", sample.image), ("labels", sample.labels)):
        if not any(array.strides):  # one value for all voxels takes no memory
            mapped.append(array)
            continue
        path = folder / f"{sample.name}.{kind}.npy"
        np.save(path, array, allow_pickle=False)
        mapped.append(np.load(path, mmap_mode="r", allow_pickle=False))
    return replace(sample, image=mapped[0], labels=mapped[1])


def _in_plane(objects: SampleObjects, index: int, *, spacing: tuple[float, ...]) -> SampleObjects:
    """The objects of a slice, with their radii there."""
    ids = objects.ids[index]
    radii = np.zeros_like(objects.radii)
    found = object_radii(ids, spacing=spacing)
    radii[: len(found)] = found
    return SampleObjects(ids, objects.classes, radii)


def as_planes(sample: Sample, ignore: int) -> tuple[Sample, ...]:
    """The annotated slices of a volume (all of them where none is), each a sample of its own; a plane as it is."""
    if sample.labels.ndim == 2:
        return (sample,)
    unlabelled = bool((sample.labels == ignore).all())
    return tuple(
        Sample(
            f"{sample.name} slice {index}",
            sample.image[:, index],
            plane,
            sample.spacing[1:],
            None if sample.maps is None else sample.maps[:, index],
            None if sample.objects is None else _in_plane(sample.objects, index, spacing=sample.spacing[1:]),
            None if sample.interpolated is None else sample.interpolated[index],
        )
        for index, plane in enumerate(sample.labels)
        if unlabelled or (plane != ignore).any()
    )
