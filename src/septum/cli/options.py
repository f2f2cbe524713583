"""Options that several commands share, written once so that they mean the same everywhere.

The insight: a flag that was not given is None. What was given goes on top of the settings file, which goes on top of
the defaults of the settings' dataclass, so each default has one home.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

T = TypeVar("T")

DatasetFolder = Annotated[
    Path,
    typer.Argument(
        metavar="DATASET",
        help="images/ + labels/ folders, an nnU-Net raw data set, a Decathlon or Cell Tracking Challenge folder, "
        "or a CSV/TSV table with the columns image,label[,group,split].",
    ),
]
Axes = Annotated[
    str | None,
    typer.Option(
        metavar="AXES",
        help="Meaning of the stored axes where a file does not say, slowest first: TYX is a movie, ZYX a volume, "
        "CYX channels. `septum info` shows what a file says.",
    ),
]
Background = Annotated[int | None, typer.Option(metavar="V", help="Label value of the background.", show_default="0")]
Foreground = Annotated[
    bool | None,
    typer.Option(
        "--foreground/--no-foreground",
        help="Treat every label other than the background as one class, or keep the classes apart; "
        "by default labels that are object numbers become one class.",
        show_default=False,
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace results that the output folder already holds.")]
Channel = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Channel of a colour or multi-channel image: name, number, grey, saturation."),
]
NoPage = Annotated[bool, typer.Option("--no-page", help="Write the masks without the page that shows them.")]
Devices = Annotated[
    str | None,
    typer.Option(metavar="WHICH", help="auto, cpu, cuda, mps, or a number of devices.", show_default="auto"),
]
Precision = Annotated[
    str | None,
    typer.Option(metavar="P", help="32-true, bf16-mixed or 16-mixed; auto times the machine.", show_default="auto"),
]
SettingsFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE.TOML",
        help="Settings file, such as a model's settings.toml; options on the command line win over it.",
    ),
]


Rectify = Annotated[
    bool,
    typer.Option(
        "--rectify",
        help="Resample masks of images whose axes are not perpendicular (CT with a tilted gantry) to a rectangular "
        "grid that every tool opens.",
    ),
]


def resolve(kind: type[T], file: Path | None, *, given: Mapping[str, Any], either: Sequence[str] = ()) -> T:
    """The settings of `file` with what was given on top; one of the names `either` replaces the others of the file.

    Raises:
        ConfigError: for a file that cannot be read, an unknown key, or a value that breaks its rule.
    """
    from septum.workflows.runs.settings import load_settings

    chosen = {name: value for name, value in given.items() if value is not None}
    if any(name in chosen for name in either):
        chosen = dict.fromkeys(either) | chosen
    return load_settings(kind, file, overrides=chosen)


def asked(**flags: Any) -> dict[str, Any]:
    """Flags that were set and lists that hold something; what was not asked for leaves the settings as they are.

    >>> asked(overwrite=True, page=False, clicks=[], smooth=["median"])
    {'overwrite': True, 'smooth': ['median']}
    """
    return {name: value for name, value in flags.items() if value}


def is_first_process() -> bool:
    """Whether this process speaks; with several devices the launcher starts one more process for each, which do not."""
    return all(os.environ.get(name, "0") == "0" for name in ("LOCAL_RANK", "NODE_RANK"))


def say(text: object, *, err: bool = False) -> None:
    """A line of results on stdout (or on stderr), once however many processes work."""
    if is_first_process():
        typer.echo(text, err=err)
