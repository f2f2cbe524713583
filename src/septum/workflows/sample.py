"""A project to try the workbench on: the brain and the slices that `septum demo` makes, from an installed package.

The insight: a first look must need no data. The volume shows planes, brush and tools; the slices show the loop: eight
are annotated, the others wait for the network.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np

from septum import io
from septum.geometry import Grid, Image, LabelMap
from septum.workflows.data.template import find_template, tissue_labels
from septum.workflows.projects.create import create_project
from septum.workflows.projects.project import FILE, PALETTE, Label
from septum.workflows.runs.files import write_text
from septum.workflows.runs.tables import mappings_csv

ANNOTATED = tuple(range(55, 91, 5))
WAITING = tuple(range(105, 129, 3))


def sample_project(folder: Path) -> Path:
    """The sample's project in `folder`, made where it is not there yet.

    Raises:
        ConfigError: nilearn is not installed, or the folder holds something else.
    """
    if (folder / FILE).is_file():
        return folder
    sources = find_template()
    work = Path(tempfile.mkdtemp(prefix="septum-sample-"))
    try:
        _write(sources, work)
        project = create_project(folder, work / "cases.csv", copy=True, name="Sample: ICBM152 brain")
    finally:
        shutil.rmtree(work, ignore_errors=True)
    project.set_labels([Label(1, "grey matter", PALETTE[0]), Label(2, "white matter", PALETTE[1])])
    project.close()
    return folder


def _write(sources: dict[str, Path], work: Path) -> None:
    t1, grey, white = (io.read_image(sources[name]) for name in ("t1", "gm", "wm"))
    scaled = {name: one.array[0] / np.float32(one.array.max()) for name, one in (("gm", grey), ("wm", white))}
    head = np.round(255.0 * t1.array[0] / t1.array.max()).astype(np.uint8)
    labels = tissue_labels(scaled["gm"], scaled["wm"])
    rows = [{"id": "brain", "image": "brain.nii.gz", "label": ""}]
    io.write_image(work / "brain.nii.gz", Image(head[None], t1.grid, ("T1",)))
    grid = Grid.pixels(head.shape[1:])
    for index in (*ANNOTATED, *WAITING):
        name = f"slice-{index:03d}"
        io.write_image(work / f"{name}.png", Image(head[None, index, ::-1].copy(), grid, ("T1",)))
        if index in ANNOTATED:
            io.write_labels(work / f"{name}-labels.png", LabelMap(labels[index, ::-1].copy(), grid))
        label = f"{name}-labels.png" if index in ANNOTATED else ""
        rows.append({"id": name, "image": f"{name}.png", "label": label})
    write_text(work / "cases.csv", mappings_csv(rows))
