"""The plainest layout: images in one folder, labels in another, matched by name.

One insight: what people keep is nearly always this, under other names (`masks`, `1st_manual`), perhaps below `train/`
and `test/`, perhaps flat with `cell_mask.png` beside `cell.png`; so one function pairs two lists of named files.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from septum import io
from septum.errors import DatasetError, FormatError
from septum.workflows.data.cases import Case, Dataset, Problem, Source
from septum.workflows.data.declared import declare, declared_labels
from septum.workflows.data.matching import label_of, match_stems
from septum.workflows.runs.words import natural_key, some

IMAGE_FOLDERS = ("images", "image", "imgs", "img", "imagesTr", "raw", "inputs", "input", "scans")


LABEL_FOLDERS = (
    "labels", "label", "labelsTr", "masks", "1st_manual", "mask", "annotations", "segmentations", "segmentation",
    "ground_truth", "groundtruth", "gt", "targets", "target",
)  # fmt: skip


ROI_FOLDERS = ("fov", "roi", "rois", "mask")


SPLIT_FOLDERS = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test",
    "testing": "test",
}  # fmt: skip


PAGE_FOLDER = "septum-page"
"""Pictures of the page that a run writes beside its masks."""


_BESIDE_MASKS = {
    "septum-segment.json": {"probabilities", "uncertainty"},
    "septum-predict.json": {"semantic"},
    "septum-instances.json": {"pictures"},
    "septum-track.json": {"lineage.png", "tracks.gif"},
}
"""What commands write beside masks, by the record that they leave: no masks, or the same objects a second time."""


_SINGLE_FRAME = (".png", ".jpg", ".jpeg", ".bmp")


_CHANNEL = re.compile(r"^(.+)_(\d{4})$")


@dataclass(frozen=True)
class FolderEntry:
    """A file (or DICOM folder) below a folder: its name for matching, and the sub-folder it lies in."""

    name: str
    path: Path
    below: str = ""


def entries(folder: Path) -> list[FolderEntry]:
    """Images below `folder`, in natural order; hidden files and macOS companions (`._*`) are left out.

    A sub-folder with DICOM files is one entry; other sub-folders are walked, and their names join the entry's name.
    What Septum itself writes beside masks (pictures, probabilities, uncertainty, semantic masks) is left out.
    """
    found: list[FolderEntry] = []
    own = {PAGE_FOLDER}.union(*(names for record, names in _BESIDE_MASKS.items() if (folder / record).is_file()))
    for path in sorted(folder.iterdir(), key=lambda p: natural_key(p.name)):
        if path.name.startswith((".", "__MACOSX")) or path.name in own:
            continue
        if path.is_dir() and not io.is_image(path):
            found += [FolderEntry(f"{path.name}_{e.name}", e.path, path.name) for e in entries(path)]
        elif io.is_image(path):
            found.append(FolderEntry(path.name if path.is_dir() else io.stem(path), path))
    return found


def frames_of(path: Path, axes: str | None) -> int:
    """Number of frames; 1 for a file that cannot be read (reading it later says why)."""
    if path.is_dir() or path.suffix.lower() in _SINGLE_FRAME:
        return 1
    try:
        return io.count_frames(path, axes=axes)
    except (FormatError, OSError):
        return 1


def label_axes(axes: str | None, path: Path | None = None) -> str | None:
    """The declared axes of an image without its channel axis, which labels do not have; none for PNG and the like."""
    plain = path is not None and path.suffix.lower() in _SINGLE_FRAME
    return axes.replace("C", "") if axes and not plain else None


def recognise_folders(root: Path, axes: str | None) -> Dataset | None:
    """`images/` + `labels/` (or a synonym of either), directly or below `train/`, `val/`, `test/`."""
    if _pick(root, IMAGE_FOLDERS):
        return from_folders(root, axes)
    parts = []
    for path in sorted(p for p in root.iterdir() if p.is_dir() and p.name.lower() in SPLIT_FOLDERS):
        if _pick(path, IMAGE_FOLDERS):
            parts.append(from_folders(path, axes, split=SPLIT_FOLDERS[path.name.lower()]))
    if not parts:
        return None
    declared = declared_labels(root)
    whole = replace(
        parts[0],
        root=root,
        cases=unique_ids([case for part in parts for case in part.cases]),
        label_names={k: v for part in parts for k, v in part.label_names.items()},
        instances=declared.instances,
        notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
        problems=tuple(problem for part in parts for problem in part.problems),
    )
    return declare(whole, declared) if declared.names else whole


def from_folders(root: Path, axes: str | None, *, split: str | None = None) -> Dataset:
    """The data set of one pair of folders below `root`."""
    images_dir = _pick(root, IMAGE_FOLDERS)
    if images_dir is None:
        raise DatasetError(f"{root} must hold a folder images, got none")
    labels_dir = _pick(root, LABEL_FOLDERS)
    roi_dir = _pick(root, [name for name in ROI_FOLDERS if labels_dir is None or labels_dir.name.lower() != name])
    images = entries(images_dir)
    labels = entries(labels_dir) if labels_dir else []
    images = _as_series(images, images_dir, labels=labels, root=root)
    notes = _folder_notes(root, images_dir, labels=labels_dir, roi=roi_dir)
    images, labels, same = own_names(images, labels)
    grouped = _group_channels(images, {e.name for e in labels})
    cases, more, problems = pair_files(grouped, labels, axes=axes, split=split)
    problems = [*same, *problems]
    if roi_dir:
        cases, roi_notes = _add_roi(cases, entries(roi_dir), folder=roi_dir)
        more += roi_notes
    found = Dataset(root, "folders", unique_ids(cases), notes=(*notes, *more), problems=tuple(problems))
    return declare(found, declared_labels(root))


def _pick(root: Path, names: Iterable[str]) -> Path | None:
    """The first of the named sub-folders that exists, whatever its case."""
    present = {p.name.lower(): p for p in root.iterdir() if p.is_dir()} if root.is_dir() else {}
    return next((present[name.lower()] for name in names if name.lower() in present), None)


def _folder_notes(root: Path, images: Path, *, labels: Path | None, roi: Path | None) -> tuple[str, ...]:
    used = {p for p in (images, labels, roi) if p}
    known = {n.lower() for n in (*IMAGE_FOLDERS, *LABEL_FOLDERS)}
    unused = sorted(p.name for p in root.iterdir() if p.is_dir() and p.name.lower() in known and p not in used)
    notes = []
    if labels is None:
        notes.append(f"{root.name} has no folder labels: all its images are unlabelled")
    elif labels.name != "labels" or images.name != "images":
        notes.append(f"images are read from {images.name}/ and labels from {labels.name}/")
    if roi:
        notes.append(f"samples outside the masks in {roi.name}/ are ignored")
    if unused:
        notes.append(f"not used: {', '.join(f'{name}/' for name in unused)}")
    return tuple(notes)


def _as_series(images: list[FolderEntry], folder: Path, *, labels: list[FolderEntry], root: Path) -> list[FolderEntry]:
    """Several DICOM files lying directly in the image folder are one series, unless labels name them one by one."""
    dicom = [
        e for e in images if e.path.parent == folder and e.path.is_file() and e.path.suffix.lower() in ("", ".dcm")
    ]
    if len(dicom) < 2 or len(dicom) != len(images) or {e.name for e in dicom} & {e.name for e in labels}:
        return images
    return [FolderEntry(labels[0].name if len(labels) == 1 else root.name, folder)]


def _group_channels(images: Sequence[FolderEntry], label_names: set[str]) -> dict[str, list[FolderEntry]]:
    """Entries by case: `name_0000`, `name_0001` … are the channels of `name` where labels show that they are."""
    stems: dict[str, list[FolderEntry]] = {}
    for entry in images:
        found = _CHANNEL.match(entry.name)
        stems.setdefault(found.group(1) if found else entry.name, []).append(entry)
    evidence = bool(set(stems) & label_names - {entry.name for entry in images})
    if not evidence:
        return {entry.name: [entry] for entry in images}
    return stems


def own_names(
    images: Sequence[FolderEntry], labels: Sequence[FolderEntry]
) -> tuple[list[FolderEntry], list[FolderEntry], list[Problem]]:
    """Images of one name (`a.png`, `a.jpg`) told apart by their suffix (`a_png`, `a_jpg`), so that none is lost.

    Nobody can say which of them a label `a` belongs to: such labels are left out, and a problem names the files.
    """
    counts = Counter(e.name for e in images)
    repeated = {name for name, n in counts.items() if n > 1}
    if not repeated:
        return list(images), list(labels), []
    named = [replace(e, name=f"{e.name}_{_suffix(e.path)}") if e.name in repeated and _suffix(e.path) else e
             for e in images]  # fmt: skip
    still = sorted(name for name, n in Counter(e.name for e in named).items() if n > 1)
    if still:
        raise DatasetError(f"every image must have its own name, got several called {some(still)}; rename the files")
    claimed = repeated & {e.name for e in labels}
    problems = repeated_names([e for e in images if e.name in claimed], "images")
    return named, [e for e in labels if e.name not in repeated], problems


def pair_files(
    images: Mapping[str, Sequence[FolderEntry]],
    labels: Sequence[FolderEntry],
    *,
    axes: str | None,
    split: str | None = None,
) -> tuple[list[Case], tuple[str, ...], list[Problem]]:
    """Cases from images (entries per case, one per channel) and labels; with notes, and problems such as a label
    without an image. An image without a label is an unlabelled case."""
    problems = repeated_names(labels, "labels")
    by_name = {e.name: e for e in labels}
    movie_labels = _frame_labels([name for name in by_name if name not in images], images)
    used = {label for found in movie_labels.values() for label in found.values()}
    match = match_stems(images, [name for name in by_name if name not in used])
    label_for = {image: by_name[label] for label, image in match.pairs.items()}
    tops = {e[0].below for e in images.values()} - set(SPLIT_FOLDERS)
    cases: list[Case] = []
    for name, channels in images.items():
        below = channels[0].below
        group = below if len(tops) > 1 and below and below.lower() not in SPLIT_FOLDERS else None
        base = Case(name, tuple(Source(e.path, axes=axes) for e in channels), group=group)
        base = replace(base, split=split or SPLIT_FOLDERS.get(below.lower()))
        label = label_for[name].path if name in label_for else None
        frame_files = {t: by_name[n].path for t, n in movie_labels.get(name, {}).items()}
        expanded, problem = expand_frames(base, label, frame_labels=frame_files, axes=axes)
        cases += expanded
        problems += [problem] if problem else []
    free = [name for name in images if name not in label_for]
    problems += [_orphan(by_name[name], free) for name in match.orphans]
    return cases, _pair_notes(match.pairs, match.rule, cases=cases), problems


def _frame_labels(names: Sequence[str], images: Mapping[str, object]) -> dict[str, dict[int, str]]:
    """Label names that are a movie's name with a frame number (`movie_t007`), by movie and frame."""
    found: dict[str, dict[int, str]] = {}
    for name in names:
        match = re.match(r"^(.+?)[_\-. ]*(?:t|frame|_)[_\-]*(\d+)$", name, re.IGNORECASE)
        if match and match.group(1) in images:
            found.setdefault(match.group(1), {})[int(match.group(2))] = name
    return found


def _pair_notes(pairs: Mapping[str, str], rule: str, *, cases: Sequence[Case]) -> tuple[str, ...]:
    notes = []
    if rule:
        label, image = next((label, image) for label, image in pairs.items() if label != image)
        notes.append(f"labels were matched to images by {rule}, for example {label} to {image}")
    missing = [case.id for case in cases if case.label is None]
    if missing and len(missing) < len(cases):
        notes.append(
            f"{len(missing)} of {len(cases)} images have no label and are kept for prediction: {some(missing)}"
        )
    return tuple(notes)


def _orphan(entry: FolderEntry, images: Sequence[str]) -> Problem:
    return Problem(
        entry.name,
        "label-without-image",
        f"the label {entry.path.name} has no image of that name (unmatched images: {some(images) or 'none'})",
        "give image and label the same name, or remove the label",
    )


def repeated_names(found: Sequence[FolderEntry], what: str) -> list[Problem]:
    """One problem per name that several of the entries have."""
    files: dict[str, list[str]] = {}
    for entry in found:
        files.setdefault(entry.name, []).append(entry.path.name)
    mend = "keep one of them, or rename them"
    return [
        Problem(name, "repeated-name", f"several {what} have one name: {some(paths)}", mend)
        for name, paths in sorted(files.items())
        if len(paths) > 1
    ]


def expand_frames(
    base: Case, label: Path | None, *, frame_labels: Mapping[int, Path], axes: str | None
) -> tuple[list[Case], Problem | None]:
    """The case itself, or one case per frame (`name_t000` …, grouped by the movie) of a multi-frame file."""
    n_frames = frames_of(base.images[0].path, axes)
    if n_frames == 1:
        return [replace(base, label=Source(label, axes=label_axes(axes, label)) if label else None)], None
    n_labels = frames_of(label, label_axes(axes, label)) if label else 0
    problem = None
    if label and n_labels != n_frames:
        problem = Problem(
            base.id,
            "frame-count",
            f"{base.images[0].path.name} has {n_frames} frames, its label {label.name} has {n_labels}",
            "declare the axes with --axes (for example ZYX for a stack, TYX for a movie), or correct the label",
        )
    digits = max(3, len(str(n_frames - 1)))
    cases = []
    for t in range(n_frames):
        images = tuple(replace(source, frame=t) for source in base.images)
        source = Source(label, t, label_axes(axes, label)) if label and problem is None else None
        if source is None and t in frame_labels:
            source = Source(frame_labels[t])
        cases.append(
            replace(base, id=f"{base.id}_t{t:0{digits}d}", images=images, label=source, group=base.group or base.id)
        )
    return cases, problem


def _add_roi(
    cases: Sequence[Case], masks: Sequence[FolderEntry], *, folder: Path
) -> tuple[list[Case], tuple[str, ...]]:
    """Cases with their regions of interest; a mask that matches no case is left out and said so."""
    by_name = {e.name: e.path for e in masks}
    match = match_stems([case.id for case in cases], list(by_name))
    roi_for = {image: by_name[name] for name, image in match.pairs.items()}
    found = [replace(c, roi=Source(roi_for[c.id])) if c.id in roi_for and c.label else c for c in cases]
    return found, (f"masks in {folder.name}/ without an image: {some(match.orphans)}",) if match.orphans else ()


def _split_of(case: Case) -> str:
    return case.split or ""


def _suffix_of(case: Case) -> str:
    return _suffix(case.images[0].path)


def _suffix(path: Path) -> str:
    """What makes a file differ from another of its stem: `png`, `nii.gz`; nothing for a folder."""
    return "" if path.is_dir() else path.name.removeprefix(io.stem(path)).strip(".")


def _folder_of(case: Case) -> str:
    return case.images[0].path.parent.name


def unique_ids(cases: Sequence[Case]) -> tuple[Case, ...]:
    """Cases in natural order; ids that occur twice get the split, then the suffix or folder of their file, added."""
    for add in (_split_of, _suffix_of, _folder_of):
        counts = Counter(case.id for case in cases)
        cases = [replace(c, id=f"{c.id}_{add(c)}") if counts[c.id] > 1 and add(c) else c for c in cases]
    repeated = [name for name, n in Counter(case.id for case in cases).items() if n > 1]
    if repeated:
        raise DatasetError(f"every case must have its own name, got several called {some(repeated)}; rename the files")
    return tuple(sorted(cases, key=lambda case: natural_key(case.id)))


def recognise_flat(root: Path, axes: str | None) -> Dataset | None:
    """Images directly in one folder; files such as `cell_mask.png` are the labels of `cell.png` beside them."""
    found = [e for e in entries(root) if e.path.parent == root]
    if io.is_image(root):
        found = _as_series(found, root, labels=[], root=root)
    if not found:
        return None
    names = {e.name for e in found}
    labels = [replace(e, name=label_of(e.name) or "") for e in found if (label_of(e.name) or "") in names]
    named = {label.path for label in labels}
    found, kept, same = own_names([e for e in found if e.path not in named], labels)
    cases, notes, problems = pair_files({e.name: [e] for e in found}, kept, axes=axes)
    if labels:
        notes = (f"{len(labels)} files named like labels (such as {labels[0].path.name}) are labels", *notes)
    flat = Dataset(root, "flat", unique_ids(cases), notes=notes, problems=(*same, *problems))
    return declare(flat, declared_labels(root))


def recognise_series(root: Path, axes: str | None) -> Dataset | None:
    """DICOM series in folders of patients and studies, as an archive exports them: cases to predict, by patient."""
    if not any(path.is_dir() and not path.name.startswith(".") for path in root.iterdir()):
        return None
    found = entries(root)
    if not found or not all(e.path.is_dir() for e in found):
        return None
    cases = [Case(e.name, (Source(e.path, axes=axes),), group=e.below or None) for e in found]
    return Dataset(root, "series", unique_ids(cases), notes=("DICOM series in folders, without labels",))
