"""`septum edit`: a script of edits and tools on an image and its labels, and the list of all there are.

The insight: what a person does with the mouse is a list of steps, so it can be written down, run again, and read by
another person; the list that this command prints is the table that runs.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from septum.cli import options
from septum.cli.commands.segment import option_text
from septum.cli.working import say_written, until_stopped
from septum.errors import ConfigError

if TYPE_CHECKING:
    from septum.options import Method
    from septum.workflows.editing.edit import EditResult
    from septum.workflows.editing.settings import EditSettings


def edit(
    image: Annotated[
        Path | None, typer.Argument(metavar="IMAGE", help="Image file or DICOM folder.", show_default=False)
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Argument(
            metavar="LABELS", help="Label file on the image's grid; leave out with --new.", show_default=False
        ),
    ] = None,
    script: Annotated[
        Path | None,
        typer.Option("-s", "--script", metavar="STEPS.TOML", help="The steps; --list-tools shows their names."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="OUT", help="File for the edited labels, or a folder (in their own format then)."
        ),
    ] = None,
    new: Annotated[bool, typer.Option("--new", help="Start without labels.")] = False,
    session: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Start from an editing session's folder, after a crash for example: everything that was done. The "
            "script may be left out.",
        ),
    ] = None,
    layer: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=FILE", help="Further labels, as a layer that steps can name; may be repeated."),
    ] = None,
    image_output: Annotated[
        Path | None,
        typer.Option("--image-output", metavar="FILE", help="Write the image too, as mask-image steps left it."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Run all steps, say what they would change, and write nothing.")
    ] = False,
    list_tools: Annotated[
        bool, typer.Option("--list-tools", help="List every edit and tool, or explain the one of --tool, and exit.")
    ] = False,
    tool: Annotated[str | None, typer.Option(metavar="NAME", help="The tool that --list-tools explains.")] = None,
    axes: options.Axes = None,
    settings: options.SettingsFile = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace OUT; the mask that was there is kept as OUT.kept-1.")
    ] = False,
) -> None:
    """Edit labels by a script: paint, cut, smooth, split, combine, and every semi-automated tool.

    The result lies on the labels' own grid, in their own format; the script as it was resolved and a record of the run
    are written beside it. Research software, not a medical device.
    """
    if list_tools:
        _print_tools(tool)
        return
    if image is None or (script is None and session is None):
        raise ConfigError(
            "an image and a script must be given, got none; septum edit IMAGE LABELS -s STEPS.TOML -o OUT"
        )
    given: dict[str, Any] = {
        "new": new or None,
        "session": session,
        "layers": _layers(layer or []) or None,
        "axes": axes,
        "image_output": image_output,
        "dry_run": dry_run or None,
        "overwrite": overwrite or None,
    }
    from septum.workflows.editing.settings import EditSettings

    chosen = options.resolve(EditSettings, settings, given=given)
    if output is None and not chosen.dry_run:
        raise ConfigError("the output must be given, got none; add -o OUT, or --dry-run")
    _finish(_edit(image, labels, script, output or Path(), chosen), dry_run=chosen.dry_run)


def _layers(texts: list[str]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for text in texts:
        name, equals, path = text.partition("=")
        if not equals or not name or not path or name in found:
            raise ConfigError(
                f"--layer must be NAME=FILE with a new name, got {text!r}; for example organs=organs.nii.gz"
            )
        found[name] = Path(path)
    return found


def _edit(image: Path, labels: Path | None, script: Path | None, output: Path, settings: EditSettings) -> EditResult:
    from septum.workflows.editing import edit as editing
    from septum.workflows.editing.script import Script, read_script

    steps = Script(()) if script is None else read_script(script)
    return until_stopped(partial(editing.edit, image, labels, output=output, script=steps, settings=settings))


def _finish(result: EditResult, *, dry_run: bool) -> None:
    """The steps and the labels as a table, and the paths."""
    for number, step in enumerate(result.steps, start=1):
        said = f"  ({step.said})" if step.said else ""
        where = "" if step.box is None else f"  in {_box_text(step.box.start)} to {_box_text(step.box.stop)}"
        typer.echo(
            f"step {number:<3} {step.tool:<16} {step.layer:<8} {step.changed:>10} voxels changed{where}{said}",
            err=not dry_run,
        )
    for label in sorted({*result.before, *result.after}):
        before, after = result.before.get(label, 0), result.after.get(label, 0)
        typer.echo(f"label {label:<5} {before:>10} voxels before, {after:>10} after", err=not dry_run)
    for path in result.kept:
        typer.echo(f"kept {path}", err=True)
    say_written(result)
    if dry_run:
        typer.echo("dry run: nothing was written", err=True)


def _box_text(corner: tuple[int, ...]) -> str:
    return ",".join(str(n) for n in corner)


def _print_tools(name: str | None) -> None:
    from septum.interactive.tools import find_tool
    from septum.workflows.editing.script import RULES, tools

    if name is not None:
        _print_tool(RULES if name == RULES.name else find_tool(name, tools()))
        return
    rows = tools()
    width = max(len(row.name) for row in rows)
    for row in rows:
        typer.echo(f"  {row.name:<{width}}  {row.what}")
    typer.echo("\nseptum edit --list-tools --tool NAME explains one; --tool rules explains what edits may change.")


def _print_tool(row: Method) -> None:
    typer.echo(f"{row.name}: {row.what}\n  runs {row.library}")
    shown = [word for word in row.given if word in ("points", "strokes", "seeds", "boxes", "other")]
    if shown:
        typer.echo(f"  is shown {', '.join(f'{w} (needed)' if w in row.needs else w for w in shown)}")
    for option in row.options:
        typer.echo(f"  {option.name}: {option.what} ({option.range_text()}; default {option_text(option.default)})")
