"""A data set's case as plain data, so that the database can hold it; paths within the project are kept relative."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from septum import io
from septum.errors import FormatError
from septum.io.naming import suffix
from septum.workflows.data.cases import Case, Source, load_image

_SEVERAL_FILES = (".mhd", ".nhdr")


def case_to_plain(case: Case, project: Path) -> dict[str, Any]:
    """A case as JSON can hold it; files below `project` by their relative path."""
    return {
        "id": case.id,
        "images": [_plain(source, project) for source in case.images],
        "label": None if case.label is None else _plain(case.label, project),
        "group": case.group,
        "split": case.split,
        "roi": None if case.roi is None else _plain(case.roi, project),
        "channels": list(case.channels),
    }


def case_from_plain(plain: Mapping[str, Any], project: Path) -> Case:
    """What `case_to_plain` was given."""
    return Case(
        plain["id"],
        tuple(_source(one, project) for one in plain["images"]),
        None if plain["label"] is None else _source(plain["label"], project),
        plain["group"],
        plain["split"],
        None if plain["roi"] is None else _source(plain["roi"], project),
        tuple(plain["channels"]),
    )


def copied(case: Case, folder: Path) -> Case:
    """The case with its images copied into `folder`, as files of one piece.

    A file or a DICOM folder is copied as it is; what consists of several files, or is one frame of many, is written
    anew. Labels that are one file are copied too, so that the project is whole without the data set; others (one frame
    of many, single slices) stay where they are.

    Raises:
        FormatError: a file that cannot be read or written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    label = case.label
    if label is not None and label.frame is None and not label.slices and suffix(label.path) not in _SEVERAL_FILES:
        target = folder / f"labels-{label.path.name}"
        _copy(label.path, target)
        case = replace(case, label=replace(label, path=target))
    whole = [s for s in case.images if s.frame is not None or suffix(s.path) in _SEVERAL_FILES or "::" in s.path.name]
    if whole:
        image = load_image(case)
        path = folder / f"image{'.nii.gz' if image.grid.ndim == 3 else '.ome.tif'}"
        io.write_image(path, image)
        return replace(case, images=(Source(path),), channels=image.channels)
    sources = []
    for number, source in enumerate(case.images):
        prefix = f"{number:04d}-" if len(case.images) > 1 else ""
        target = folder / f"{prefix}{source.path.name}"
        _copy(source.path, target)
        sources.append(replace(source, path=target))
    return replace(case, images=tuple(sources))


def _copy(source: Path, target: Path) -> None:
    try:
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        else:
            shutil.copy2(source, target)
    except OSError as error:
        raise FormatError(f"{source} could not be copied ({error.strerror}); check free space") from error


def _plain(source: Source, project: Path) -> dict[str, Any]:
    return {
        "path": _relative(source.path, project),
        "frame": source.frame,
        "axes": source.axes,
        "slices": [[index, _relative(path, project)] for index, path in source.slices],
    }


def _source(plain: Mapping[str, Any], project: Path) -> Source:
    slices = tuple((int(index), project / path) for index, path in plain["slices"])
    return Source(project / plain["path"], plain["frame"], plain["axes"], slices)


def _relative(path: Path, project: Path) -> str:
    whole = path.resolve()
    return whole.relative_to(project).as_posix() if whole.is_relative_to(project) else str(whole)
