"""The command `septum`: assembles the subcommands and turns exceptions into messages and exit codes.

Everything heavy is imported inside the commands' bodies, so that help appears at once (no torch). Exit codes: 0 done,
1 a failure (some files failed, or a bug), 2 bad input, 130 stopped by Ctrl-C or SIGTERM.
"""

from __future__ import annotations

import logging
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, NoReturn

import typer

from septum import __version__
from septum.cli.commands import (
    augment_preview,
    challenge,
    demo,
    doctor,
    edit,
    evaluate,
    import_keras,
    info,
    instances,
    interpolate,
    lesson,
    measure,
    new,
    pixels,
    predict,
    quality,
    review,
    segment,
    serve,
    track,
    train,
)
from septum.cli.stopping import STOPPED, leave_at_once
from septum.errors import Cancelled, SeptumError
from septum.workflows.runs.words import NOTICE

FAILED, BAD_INPUT = 1, 2

app = typer.Typer(
    name="septum",
    help="Biomedical image segmentation from a handful of annotations.\n\n"
    "Look at images (info), check a data set (doctor), segment without training (segment), "
    "learn from scribbles (pixels), edit labels (edit), train a U-Net (train), segment with it (predict), "
    "score masks (evaluate), split them into objects (instances), count and measure those (measure), "
    "follow them through a movie (track), grade masks without references (quality), let people rate (review), "
    "or do it all in the browser (serve); learn how it works (lesson), compare methods as challenges do (challenge)."
    f"\n\n{NOTICE}",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("info", short_help="Show what Septum understands of a file.")(info.info)
app.command("doctor", short_help="Check a data set, and mend a copy of it.")(doctor.doctor)
app.command("augment-preview", short_help="Picture of what the network sees.")(augment_preview.augment_preview)
app.command("train", short_help="Train a U-Net on a data set.")(train.train)
app.command("predict", short_help="Segment images with a trained model.")(predict.predict)
app.command("import-keras", short_help="Use a U-Net that Keras saved.")(import_keras.import_keras)
app.command("segment", short_help="Segment images by classical methods.")(segment.segment)
app.command("pixels", short_help="Train a pixel classifier from scribbles.")(pixels.pixels)
app.command("edit", short_help="Edit labels by a script of steps.")(edit.edit)
app.command("interpolate", short_help="Fill the slices between drawn ones.")(interpolate.interpolate)
app.command("evaluate", short_help="Compare masks with references.")(evaluate.evaluate)
app.command("instances", short_help="Split masks into single objects.")(instances.instances)
app.command("measure", short_help="Count, measure and compare objects.")(measure.measure)
app.command("track", short_help="Follow objects through a movie.")(track.track)
app.command("quality", short_help="Grade masks without their references.")(quality.quality)
app.add_typer(review.app, name="review", short_help="A blinded reader study of masks.")
app.command("challenge", short_help="Take part in a public challenge.")(challenge.challenge)
app.command("lesson", short_help="The lecture, computed step by step.")(lesson.lesson)
app.command("new", short_help="Make a project for the workbench.")(new.new)
app.command("serve", short_help="Open the workbench in the browser.")(serve.serve)
app.command("demo", short_help="The whole path on an MR brain.")(demo.demo)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"septum {__version__}")
        raise typer.Exit


@app.callback()
def _septum(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error; allowed anywhere on the command line.")
    ] = False,
) -> None:
    pass


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with its code; `arguments` default to those of the process."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    with _quiet(not debug):
        try:
            app(args=words, prog_name="septum")
        except (Cancelled, KeyboardInterrupt):
            if arguments is None:
                leave_at_once("septum: stopped")
            _fail("stopped", STOPPED, debug=False)
        except SeptumError as error:
            _fail(str(error), BAD_INPUT, debug=debug)
        except OSError as error:
            _fail(_describe_os_error(error), BAD_INPUT, debug=debug)
        except MemoryError:
            _fail(
                "not enough memory; close other programs, or give --memory where the command has it",
                FAILED,
                debug=debug,
            )
        except Exception as error:  # noqa: BLE001 - the outermost boundary: a bug becomes one line
            advice = "" if debug else "; run the same command with --debug for the details of a bug report"
            _fail(f"unexpected {type(error).__name__}: {_first_line(error)}{advice}", FAILED, debug=debug)
    sys.exit(0)


@contextmanager
def _quiet(active: bool) -> Iterator[None]:
    """Libraries' warnings take one line each, and their remarks none."""
    before = logging.root.manager.disable
    with warnings.catch_warnings():
        if active:
            warnings.showwarning = _show_warning
            logging.disable(logging.INFO)
        else:
            _show_tracebacks()
        try:
            yield
        finally:
            logging.disable(before)


def _show_tracebacks() -> None:
    """With --debug, the rooms' remarks on stderr: the traceback of every file that failed among many."""
    ours = logging.getLogger("septum")
    if not ours.handlers:
        ours.addHandler(logging.StreamHandler())
    ours.setLevel(logging.DEBUG)


def _fail(message: str, code: int, *, debug: bool) -> NoReturn:
    if debug:
        traceback.print_exc()
    typer.echo(f"septum: {message}", err=True)
    sys.exit(code)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else "no message"


def _describe_os_error(error: OSError) -> str:
    """What the system refused, about which path, and what to do."""
    import errno

    advice = {
        errno.ENOSPC: "free some space or choose another output folder, then run the same command again",
        errno.EDQUOT: "free some of your quota or choose another output folder, then run the same command again",
        errno.EROFS: "choose an output folder that can be written",
        errno.EACCES: "check the permissions, or choose another folder",
        errno.ENOENT: "check the path",
        errno.ENOTDIR: "check the path: a part of it is a file",
        errno.EEXIST: "a folder is wanted here, and this is a file; choose another name",
    }.get(error.errno or 0, "check the path and the disk")
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or _first_line(error)}; {advice}"


def _show_warning(message: Warning | str, category: type[Warning], *details: object, **more: object) -> None:
    """Libraries warn in four lines with a path; one line is enough."""
    typer.echo(f"warning: {_first_line(message) if isinstance(message, Warning) else message}", err=True)
