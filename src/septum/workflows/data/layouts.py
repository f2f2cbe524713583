"""The layouts that Septum recognises, and the table that tries them in order.

One insight: a layout is recognised by the one thing only it has (`dataset.json` with a training list, numbered sequence
folders with `_GT` beside them, a table file), so recognition never needs a flag from the user. Each recogniser returns
`None` when the layout is not its own and raises `DatasetError` when it is but is broken.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from septum import io
from septum.errors import DatasetError
from septum.workflows.data.cases import Case, Dataset, Problem, Source
from septum.workflows.data.declared import declare, parse_labels, read_declared
from septum.workflows.data.folders import (
    FolderEntry,
    entries,
    expand_frames,
    recognise_flat,
    recognise_folders,
    recognise_series,
    repeated_names,
    unique_ids,
)
from septum.workflows.data.table import names_images, recognise_table
from septum.workflows.runs.words import counted, some

ACCEPTED = (
    "folders images and labels with equal file names, an nnU-Net v2 raw data set, a Medical Segmentation Decathlon "
    "folder with dataset.json, a Cell Tracking Challenge folder (01, 01_GT, ...), or a CSV/TSV table with columns "
    "image and label"
)


def recognise(path: Path, axes: str | None = None) -> Dataset:
    """The data set at `path`, whatever its layout.

    Raises:
        DatasetError: when nothing is there, or the layout is none that Septum knows.
    """
    if not path.exists():
        raise DatasetError(f"the data set must be a folder or a table, but {path} does not exist; check the path")
    if path.is_file():
        return _recognise_file(path, axes)
    if (found := _recognise_folder(path, axes)) is not None:
        return replace(found, notes=(*found.notes, *_unused(path, found)))
    names = sorted(p.name for p in path.iterdir())
    if not names:
        raise DatasetError(f"the data set must hold images, but the folder {path} is empty; put images into it")
    if below := _below(path, axes):
        raise DatasetError(
            f"{path} is no data set itself, but holds {counted(len(below), 'data set')}; give {below[0]}"
            + (f", or another of {some([p.name for p in below], 8)}" if len(below) > 1 else "")
        )
    raise DatasetError(f"a data set must be {ACCEPTED}; {path} holds {some(names, 8)}")


def _recognise_folder(path: Path, axes: str | None) -> Dataset | None:
    """What the first recogniser makes of a folder that knows it."""
    return next((found for recogniser in RECOGNISERS if (found := recogniser(path, axes)) is not None), None)


_MOST_BELOW = 50
"""Folders that are looked into, to say which of them was meant."""


def _below(path: Path, axes: str | None) -> list[Path]:
    """The folders one level down that are data sets with labels: who gives the folder of several meant one of them."""
    found = []
    for folder in [p for p in sorted(path.iterdir()) if p.is_dir() and not p.name.startswith(".")][:_MOST_BELOW]:
        try:
            dataset = _recognise_folder(folder, axes)
        except DatasetError:
            continue
        found += [folder] if dataset is not None and dataset.labelled else []
    return found


def _unused(root: Path, dataset: Dataset) -> tuple[str, ...]:
    """What lies in the folder, says how to divide the cases, and is not followed: nobody should believe it was."""
    tables = [p.name for p in sorted(root.glob("*.[ct]sv")) if dataset.root != p and names_images(p)]
    notes = [f"{name} is not used; give it as DATASET to follow its groups and splits" for name in tables]
    if (root / "splits_final.json").is_file():
        notes.append("splits_final.json is not used; a table with the columns image,label,split divides as you say")
    return tuple(notes)


def _recognise_file(path: Path, axes: str | None) -> Dataset:
    table = recognise_table(path, axes)
    if table is not None:
        return table
    if path.name == "dataset.json":
        return recognise(path.parent, axes)
    if not io.is_image(path):
        raise DatasetError(f"a data set must be {ACCEPTED}; {path.name} is none of them")
    cases, _ = expand_frames(Case(io.stem(path), (Source(path, axes=axes),)), None, frame_labels={}, axes=axes)
    return Dataset(path, "file", tuple(cases), notes=("a single image without labels",))


def recognise_decathlon(root: Path, axes: str | None) -> Dataset | None:
    """Medical Segmentation Decathlon (and Auto3DSeg data lists): `dataset.json` with a list `training`."""
    path = root / "dataset.json"
    data = read_declared(path) if path.is_file() else {}
    if not isinstance(data.get("training"), list):
        return None
    declared = parse_labels(data.get("labels", {}), None, path=path)
    many = str(data.get("tensorImageSize", "")).upper() == "4D"
    channels = tuple(str(name) for _, name in sorted(_items(data.get("modality")), key=lambda item: int(item[0])))
    if many and axes is None:
        axes = "CZYX"
    cases: list[Case] = []
    problems: list[Problem] = []
    for key, split in (("training", None), ("validation", "val"), ("testing", "test"), ("test", "test")):
        for entry in data.get(key) or []:
            case, problem = _listed(entry, root, axes=axes, split=split, key=key)
            if problem:
                problems.append(problem)
            elif case:
                cases.append(replace(case, channels=channels))
    return declare(Dataset(root, "decathlon", unique_ids(cases), problems=tuple(problems)), declared)


def _items(value: object) -> list[tuple[str, Any]]:
    """Items of an object whose keys are numbers, as `modality` and `channel_names` have them."""
    return [(str(k), v) for k, v in value.items() if str(k).isdigit()] if isinstance(value, dict) else []


def _listed(
    entry: object, root: Path, *, axes: str | None, split: str | None, key: str
) -> tuple[Case | None, Problem | None]:
    """One entry of a data list: a path, or an object with image (one or several) and label."""
    item = {"image": entry} if isinstance(entry, str) else entry
    if not isinstance(item, dict) or not item.get("image"):
        raise DatasetError(f"every entry of {key} in {root / 'dataset.json'} must name an image, got {entry!r}")
    listed = item["image"] if isinstance(item["image"], list) else [item["image"]]
    images = [root / str(name) for name in listed]
    label = root / str(item["label"]) if item.get("label") else None
    if images[0].name.startswith("._"):
        return None, None
    name = io.stem(images[0])
    for path in [*images, *([label] if label else [])]:
        if not path.exists():
            what = "label" if path == label else "image"
            return None, Problem(
                name,
                f"missing-{what}",
                f"dataset.json lists the {what} {path.relative_to(root)}, which does not exist",
                "add the file, or remove the entry from dataset.json",
            )
    source = Source(label, axes=axes.replace("C", "") if axes else None) if label else None
    return Case(name, tuple(Source(p, axes=axes) for p in images), source, split=split), None


def recognise_nnunet(root: Path, axes: str | None) -> Dataset | None:
    """nnU-Net v2 raw data: `imagesTr/CASE_0000.ext`, `labelsTr/CASE.ext`, `dataset.json`."""
    path = root / "dataset.json"
    data = read_declared(path) if path.is_file() else {}
    if "labels" not in data or (not (root / "imagesTr").is_dir() and not data.get("dataset")):
        return None
    declared = parse_labels(data["labels"], data.get("regions_class_order"), path=path)
    channels = tuple(str(v) for _, v in sorted(_items(data.get("channel_names")), key=lambda item: int(item[0])))
    ending = str(data.get("file_ending", ""))
    cases: list[Case] = []
    problems: list[Problem] = []
    if isinstance(data.get("dataset"), dict):
        for name, item in data["dataset"].items():
            case, problem = _listed(
                {"image": item.get("images"), "label": item.get("label")}, root, axes=axes, split=None, key=name
            )
            cases += [replace(case, id=str(name))] if case else []
            problems += [problem] if problem else []
    else:
        for suffix, split in (("Tr", None), ("Ts", "test")):
            found, wrong = _nnunet_cases(root, suffix, split=split, ending=ending, n_channels=len(channels), axes=axes)
            cases += found
            problems += wrong
    missing = [case.id for case in cases if case.label is None and case.split is None]
    notes = [f"{len(missing)} images in imagesTr have no label and are kept for prediction: {some(missing)}"]
    cases = [replace(case, channels=channels) for case in cases]
    dataset = Dataset(
        root, "nnunet", unique_ids(cases), notes=tuple(notes if missing else ()), problems=tuple(problems)
    )
    return declare(dataset, declared)


def _nnunet_cases(
    root: Path, suffix: str, *, split: str | None, ending: str, n_channels: int, axes: str | None
) -> tuple[list[Case], list[Problem]]:
    """Cases of imagesTr/labelsTr or imagesTs/labelsTs."""
    images = root / f"images{suffix}"
    labels = root / f"labels{suffix}"
    named, problems = [], []
    for folder in (images, labels):
        found = [e for e in entries(folder) if e.path.name.endswith(ending)] if folder.is_dir() else []
        named.append({e.name: e for e in found})
        problems += repeated_names(found, f"files of {folder.name}")
    label_for = named[1]
    by_case: dict[str, dict[int, FolderEntry]] = {}
    for entry in named[0].values():
        match = re.match(r"^(.+)_(\d{4})$", entry.name)
        if match:
            by_case.setdefault(match.group(1), {})[int(match.group(2))] = entry
    cases = []
    for name, files in by_case.items():
        if len(files) != max(n_channels, 1) and len(files) != 1:
            problems.append(
                Problem(
                    name,
                    "missing-channel",
                    f"dataset.json declares {n_channels} channels, found the files {sorted(files)}",
                    "add the missing channel files, or correct channel_names in dataset.json",
                )
            )
            continue
        label = label_for.pop(name, None)
        sources = tuple(Source(files[i].path, axes=axes) for i in sorted(files))
        cases.append(Case(name, sources, Source(label.path) if label else None, split=split))
    for name in label_for:
        message = f"labels{suffix}/{label_for[name].path.name} has no image {name}_0000{ending} in images{suffix}"
        problems.append(Problem(name, "label-without-image", message, "add the image, or remove the label"))
    return cases, problems


_FRAME = re.compile(r"^t(\d{3,})$")


def recognise_tracking(root: Path, axes: str | None) -> Dataset | None:
    """Cell Tracking Challenge: sequences `01/t000.tif` … with `01_GT/SEG`, `01_ST/SEG` or `01_GT/TRA` beside them.

    Per sequence the gold segmentation (GT/SEG) is used where it has any frame, else the silver one (ST/SEG), else the
    tracking markers (GT/TRA), which mark every cell but not its outline. Frames without a mask are unlabelled.
    """
    sequences = [p for p in sorted(root.iterdir()) if p.is_dir() and re.fullmatch(r"\d{2,}", p.name) and _frames(p)]
    if not sequences and _frames(root):
        sequences, root_of = [root], root.parent
    else:
        root_of = root
    if not sequences:
        return None
    cases: list[Case] = []
    notes: list[str] = []
    for sequence in sequences:
        masks, kind = _tracking_masks(root_of, sequence.name)
        count = len(cases)
        for t, path in _frames(sequence).items():
            case = Case(f"{sequence.name}_{path.stem}", (Source(path, axes=axes),), masks.get(t), group=sequence.name)
            cases.append(case)
        labelled = sum(case.label is not None for case in cases[count:])
        notes.append(f"sequence {sequence.name}: {len(cases) - count} frames, {labelled} labelled ({kind})")
    return Dataset(root, "tracking", tuple(cases), instances=True, notes=tuple(notes))


def _frames(folder: Path) -> dict[int, Path]:
    """Frames `tTTT.tif` of a sequence folder, in order."""
    found = {int(m.group(1)): p for p in folder.glob("t*.tif") if (m := _FRAME.match(p.stem))}
    return dict(sorted(found.items()))


def _tracking_masks(root: Path, sequence: str) -> tuple[dict[int, Source], str]:
    """The best masks of a sequence by frame, and what they are."""
    for folder, prefix, kind in (
        (f"{sequence}_GT/SEG", "man_seg", "gold segmentation"),
        (f"{sequence}_ST/SEG", "man_seg", "silver segmentation"),
        (f"{sequence}_GT/TRA", "man_track", "tracking markers only: outlines are not exact"),
    ):
        masks = _masks(root / folder, prefix)
        if masks:
            return masks, kind
    return {}, "no masks"


def _masks(folder: Path, prefix: str) -> dict[int, Source]:
    """Masks of a folder by frame; several `man_seg_TTT_ZZZ.tif` become one sparse source."""
    whole: dict[int, Source] = {}
    sparse: dict[int, list[tuple[int, Path]]] = {}
    for path in sorted(folder.glob(f"{prefix}*.tif")) if folder.is_dir() else []:
        found = re.match(rf"^{prefix}_?(\d+)(?:_(\d+))?$", path.stem)
        if found and found.group(2) is None:
            whole[int(found.group(1))] = Source(path)
        elif found:
            sparse.setdefault(int(found.group(1)), []).append((int(found.group(2)), path))
    return {t: Source(slices[0][1], slices=tuple(sorted(slices))) for t, slices in sparse.items()} | whole


def recognise_listed(root: Path, axes: str | None) -> Dataset | None:
    """A folder that holds `cases.csv` is what that table says; a mended copy carries one where groups are known."""
    table = root / "cases.csv"
    return recognise_table(table, axes) if table.is_file() else None


RECOGNISERS: tuple[Callable[[Path, str | None], Dataset | None], ...] = (
    recognise_listed,
    recognise_decathlon,
    recognise_nnunet,
    recognise_tracking,
    recognise_folders,
    recognise_flat,
    recognise_series,
)
