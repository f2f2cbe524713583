"""`septum new`: a project for the workbench from a data set in any layout."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from septum.cli import options


def new(
    project: Annotated[Path, typer.Argument(metavar="PROJECT", help="New or empty folder.")],
    dataset: Annotated[
        Path,
        typer.Option(
            "--from", metavar="DATASET", help="A data set in any layout, a table, image files or a DICOM folder."
        ),
    ],
    copy: Annotated[
        bool, typer.Option("--copy", help="Copy the images into the project instead of referring to them.")
    ] = False,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name shown to people; the folder's by default.")
    ] = None,
    database: Annotated[
        str, typer.Option(metavar="URL", help="Another database than the project's own SQLite file.")
    ] = "",
    axes: options.Axes = None,
) -> None:
    """Make a project: cases, label table and a database beside the data, which stay as they are.

    Open it with `septum serve PROJECT`. Research software, not a medical device.
    """
    from septum.cli.progress import Reporter
    from septum.workflows.projects.create import create_project
    from septum.workflows.runs.hooks import Hooks

    with Reporter() as reporter:
        made = create_project(
            project, dataset, copy=copy, name=name, axes=axes, database=database, hooks=Hooks(reporter.work)
        )
    count = len(made.store.cases())
    made.close()
    typer.echo(f"project  {project}  ({count} cases)")
    typer.echo(f"open it  septum serve {project}")
