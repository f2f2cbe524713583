"""Writes a mended copy of a data set, and a log of every change.

One insight: a repair that cannot be retraced is damage. The original is only ever read; whatever is wrong and cannot be
mended for sure is left out of the copy; and the log says for each file what was done and why.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import septum
from septum import io
from septum.errors import ConfigError, DatasetError
from septum.geometry import Image, LabelMap
from septum.io.safe import scratch_folder
from septum.workflows.data.cases import Case, Dataset, Source, load_image
from septum.workflows.data.declared import Declared, labels_json
from septum.workflows.data.load import load_dataset
from septum.workflows.doctor.checks import Finding
from septum.workflows.doctor.examine import examine_cases
from septum.workflows.doctor.labels import Mending, collect_colours, dominant_value, mend_labels
from septum.workflows.runs.failures import Failures
from septum.workflows.runs.files import write_text
from septum.workflows.runs.hooks import Hooks
from septum.workflows.runs.tables import rows_csv

LOG_NAME = "doctor-log.json"


_REWRITTEN = (".mhd", ".nhdr")  # two-file formats: a copy of the header alone would be broken


@dataclass(frozen=True)
class Correction:
    """One thing that differs between the original and the copy."""

    case: str
    file: str
    code: str
    what: str


@dataclass(frozen=True)
class MendLog:
    """What `mend` did: the copy's folder, every change, and the cases left out with the reason."""

    output: Path
    changes: tuple[Correction, ...]
    left_out: tuple[tuple[str, str], ...]
    copied: int

    def __str__(self) -> str:
        lines = [f"{self.copied} cases copied, {len(self.changes)} changes, {len(self.left_out)} left out"]
        lines += [f"changed   {c.case}  {c.file}  [{c.code}] {c.what}" for c in self.changes]
        lines += [f"left out  {case}  {why}" for case, why in self.left_out]
        return "\n".join(lines)


def mend(
    path: Path | str,
    output: Path | str,
    *,
    findings: Sequence[Finding] | None = None,
    axes: str | None = None,
    overwrite: bool = False,
    hooks: Hooks | None = None,
) -> MendLog:
    """Writes a mended copy of the data set at `path` to the folder `output`; the original is not touched.

    The copy has folders images, labels (and roi), `dataset.json` where values are declared, `cases.csv` where groups or
    splits are known, and the log as `doctor-log.json` and `doctor-log.txt`. Sound files are copied byte for byte.

    Args:
        path: the data set.
        output: a folder that does not exist yet (an empty one will do).
        findings: what `examine` said; examined anew when left out.
        axes: as for `load_dataset`.
        overwrite: replace a copy that an earlier `mend` wrote.
        hooks: progress with the case's id, and the wish to stop, asked between cases.

    Raises:
        ConfigError: when the output exists, holds anything but an earlier copy, or lies inside the data set.
        DatasetError: when there is no data set, no case is left, or the copy cannot be written.
        Cancelled: the hooks said stop; nothing was written.

    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from septum import Grid, Image, LabelMap, write_image, write_labels
    >>> grid, mask = Grid.pixels((8, 9)), np.eye(8, 9, dtype=np.uint8)
    >>> with TemporaryDirectory() as folder:
    ...     for name in ("images", "labels"):
    ...         Path(folder, "set", name).mkdir(parents=True)
    ...     write_image(Path(folder, "set/images/a.png"), Image(50 * mask[None], grid))
    ...     write_labels(Path(folder, "set/labels/a.png"), LabelMap(mask, grid))
    ...     log = mend(Path(folder, "set"), Path(folder, "copy"))
    ...     log.copied, len(log.changes), (log.output / "images" / "a.png").is_file()
    (1, 0, True)
    """
    hooks = hooks or Hooks()
    dataset = load_dataset(path, axes=axes, strict=False)
    target = Path(output)
    _check_output(target, dataset, overwrite=overwrite)
    found = examine_cases(dataset, hooks=hooks) if findings is None else findings
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with scratch_folder(target.parent) as temporary:
            log = _write_copy(dataset, temporary, target=target, findings=found, hooks=hooks)
            _move_into_place(temporary, target)
    except OSError as error:
        raise DatasetError(
            f"the copy {target} could not be written: {error}; free space or choose another folder"
        ) from error
    return log


def _check_output(output: Path, dataset: Dataset, *, overwrite: bool) -> None:
    root, target = dataset.root.resolve(), output.resolve()
    folder = root if root.is_dir() else root.parent
    if target == folder or root in target.parents or target in folder.parents:
        raise ConfigError(f"the output must lie beside the data set {folder}, got {output}; choose another folder")
    if not output.exists() or (output.is_dir() and not any(output.iterdir())):
        return
    if not (output / LOG_NAME).is_file():
        raise ConfigError(
            f"the output must be a new folder, but {output} exists and is no doctor's copy; choose another"
        )
    if not overwrite:
        raise ConfigError(f"the output {output} already holds a mended copy; pass --overwrite to replace it")


def _move_into_place(temporary: Path, target: Path) -> None:
    """Renames the finished copy; an earlier copy under that name disappears only afterwards."""
    old = temporary.with_name(temporary.name + "-old")
    if target.exists():
        target.rename(old)
    temporary.chmod(0o755)
    temporary.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def _write_copy(
    dataset: Dataset,
    folder: Path,
    *,
    target: Path,
    findings: Sequence[Finding],
    hooks: Hooks,
) -> MendLog:
    codes, hopeless = _by_case(findings)
    mending = Mending(
        dataset.ignore_value,
        collect_colours(dataset, codes),
        dominant_value(dataset, codes),
        dataset.declared_values,
    )
    changes: list[Correction] = []
    left_out = [(case, why) for case, why in hopeless.items()]
    kept: list[tuple[Case, list[Path]]] = []
    for number, case in enumerate(dataset.cases):
        hooks.stop_if_asked()
        if case.id not in hopeless:
            failures = Failures()
            with failures.of(case.id):
                files, made = _write_case(case, folder, codes=codes.get(case.id, set()), mending=mending)
                kept.append((case, files))
                changes += made
            left_out += failures.rows
        hooks.on_progress(case.id, (number + 1) / len(dataset.cases))
    if not kept:
        raise DatasetError(f"no case of {dataset.root} can be mended: {left_out[0][1] if left_out else 'it is empty'}")
    sparse = any(case.label is not None and case.label.slices for case, _ in kept)
    _write_declared(dataset, folder, ignore=mending.ignore_for_sparse if sparse else dataset.ignore_value)
    _write_table(folder, kept)
    log = MendLog(target, tuple(changes), tuple(left_out), len(kept))
    _write_log(dataset, folder, findings=findings, log=log)
    return log


def _by_case(findings: Sequence[Finding]) -> tuple[dict[str, set[str]], dict[str, str]]:
    """Codes to mend by case, and the cases that cannot be used with the reason."""
    codes: dict[str, set[str]] = {}
    hopeless: dict[str, str] = {}
    for finding in findings:
        if finding.code == "duplicate-image" or (finding.severity == "error" and not finding.fixable):
            hopeless.setdefault(finding.case, f"{finding.code}: {finding.message}")
        elif finding.fixable:
            codes.setdefault(finding.case, set()).add(finding.code)
    return codes, hopeless


def _write_case(case: Case, folder: Path, *, codes: set[str], mending: Mending) -> tuple[list[Path], list[Correction]]:
    """Image, label and region of one case; returns the image files and what was changed."""
    changes: list[Correction] = []
    label: LabelMap | None = None
    label_codes = codes - {"not-finite"}
    if case.label is not None and (label_codes or not _plain(case.label)):
        label, changes = _mended_label(case, label_codes, mending=mending)
    files = _write_images(case, folder / "images", codes=codes, changes=changes)
    if label is not None and case.label is not None:
        suffix = io.label_suffix(case.images[0].path)
        suffix = ".tif" if suffix == ".png" and label.grid.ndim == 3 else suffix
        io.write_labels(_made(folder / "labels") / f"{case.id}{suffix}", label)
    elif case.label is not None:
        _copy(case.label.path, folder / "labels", name=case.id)
    if case.roi is not None:
        if _plain(case.roi):
            _copy(case.roi.path, folder / "roi", name=case.id)
        else:
            roi = io.read_labels(case.roi.path, axes=case.roi.axes, frame=case.roi.frame)
            io.write_labels(_made(folder / "roi") / f"{case.id}{io.label_suffix(case.roi.path)}", roi)
    return files, changes


def _mended_label(case: Case, codes: set[str], *, mending: Mending) -> tuple[LabelMap, list[Correction]]:
    labels, done = mend_labels(case, codes, mending=mending)
    name = case.label.path.name if case.label else ""
    return labels, [Correction(case.id, name, code, what) for code, what in done]


def _plain(source: Source) -> bool:
    """Whether copying the file keeps all that the source means."""
    whole = source.frame is None and not source.slices and source.axes is None and not source.structures
    return whole and source.path.suffix.lower() not in _REWRITTEN


def _write_images(case: Case, folder: Path, *, codes: set[str], changes: list[Correction]) -> list[Path]:
    """Copies the case's image files, or writes them anew where they change or are frames of a larger file."""
    if "not-finite" in codes:
        image = load_image(case)
        array, what = _finite(image.array)
        changes.append(Correction(case.id, case.images[0].path.name, "not-finite", what))
        path = _made(folder) / f"{case.id}{io.label_suffix(case.images[0].path)}"
        io.write_image(path, Image(array, image.grid, image.channels))
        return [path]
    names = [case.id] if len(case.images) == 1 else [f"{case.id}_{i:04d}" for i in range(len(case.images))]
    files = []
    for name, source in zip(names, case.images, strict=True):
        if _plain(source):
            files.append(_copy(source.path, folder, name=name))
            continue
        path = _made(folder) / f"{name}{io.label_suffix(source.path)}"
        io.write_image(path, io.read_image(source.path, axes=source.axes, frame=source.frame))
        changes.append(Correction(case.id, source.path.name, "rewritten", f"written as a file of its own, {path.name}"))
        files.append(path)
    return files


def _finite(array: NDArray[Any]) -> tuple[NDArray[Any], str]:
    """NaN and infinity replaced by the smallest finite intensity of their channel."""
    result = array.copy()
    for channel in result:
        good = np.isfinite(channel)
        channel[~good] = channel[good].min() if good.any() else 0
    count = int(array.size - np.isfinite(array).sum())
    return result, f"{count} NaN or infinite intensities set to the smallest finite one"


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _copy(source: Path, folder: Path, *, name: str) -> Path:
    """A byte-for-byte copy under the case's name; a DICOM folder is copied whole."""
    if source.is_dir():
        target = _made(folder) / name
        shutil.copytree(source, target, copy_function=shutil.copyfile)
        return target
    target = _made(folder) / f"{name}{source.name.removeprefix(io.stem(source))}"
    shutil.copyfile(source, target)
    return target


def _write_declared(dataset: Dataset, folder: Path, *, ignore: int | None) -> None:
    """`dataset.json` with what the original declares about label values."""
    if not dataset.label_names and ignore is None and not dataset.instances:
        return
    declared = Declared(dataset.label_names, ignore, dataset.instances, dataset.regions)
    text = json.dumps(labels_json(declared), indent=2)
    (folder / "dataset.json").write_text(text + "\n", encoding="utf-8")


def _write_table(folder: Path, kept: Sequence[tuple[Case, list[Path]]]) -> None:
    """`cases.csv`, which keeps what folders cannot say: groups, splits and channels."""
    if not any(case.group or case.split or (len(case.images) > 1 and case.label is None) for case, _ in kept):
        return
    rows = []
    for case, files in kept:
        images = ";".join(path.relative_to(folder).as_posix() for path in files)
        row = [_named(folder, sub, case=case.id) for sub in ("labels", "roi")]
        rows.append([case.id, images, *row, case.group or "", case.split or ""])
    write_text(folder / "cases.csv", rows_csv(["id", "image", "label", "roi", "group", "split"], rows))


def _named(folder: Path, sub: str, *, case: str) -> str:
    """The file of a case in a folder of the copy, as the table names it."""
    there = folder / sub
    found = [p for p in there.iterdir() if case in (io.stem(p), p.name)] if there.is_dir() else []
    return f"{sub}/{found[0].name}" if found else ""


def _write_log(dataset: Dataset, folder: Path, *, findings: Sequence[Finding], log: MendLog) -> None:
    data: Mapping[str, Any] = {
        "septum": septum.__version__,
        "original": str(dataset.root),
        "layout": dataset.kind,
        "cases_copied": log.copied,
        "changes": [asdict(change) for change in log.changes],
        "left_out": [{"case": case, "why": why} for case, why in log.left_out],
        "findings": [asdict(finding) for finding in findings],
    }
    (folder / LOG_NAME).write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / "doctor-log.txt").write_text(f"Mended copy of {dataset.root}\n{log}\n", encoding="utf-8")
