"""`septum quality`: how good masks from any source are likely to be, judged by a few references."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from septum.cli import options
from septum.cli.working import finish, say_written, watched
from septum.errors import ConfigError

if TYPE_CHECKING:
    from septum.workflows.quality.worklist import Estimate


MOST_SAID = 8
"""Doubtful masks that are named on the terminal."""


def quality(
    masks: Annotated[Path, typer.Argument(metavar="MASKS", help="Folder of masks (or one mask) to be graded.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="OUT", help="Folder for quality.csv.")],
    images: Annotated[
        list[Path] | None,
        typer.Argument(metavar="IMAGES", help="The images they belong to: files, folders, a DATASET."),
    ] = None,
    references: Annotated[
        Path | None,
        typer.Option(metavar="DATASET", help="A few other images with labels that are right; two at least, ten do."),
    ] = None,
    watching: Annotated[
        bool,
        typer.Option(
            "--watch",
            help="Chart a series of predictions instead: MASKS and IMAGES are folders of `septum predict`, oldest "
            "first.",
        ),
    ] = False,
    baseline: Annotated[
        int, typer.Option(metavar="N", help="With --watch: cases at the beginning that say what is usual.")
    ] = 20,
    threshold: Annotated[
        float | None, typer.Option(metavar="DICE", help="Dice from which a mask counts as good.", show_default="0.7")
    ] = None,
    background: options.Background = None,
    foreground: options.Foreground = None,
    axes: options.Axes = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Seed of everything random.", show_default="0")] = None,
    settings: options.SettingsFile = None,
    overwrite: options.Overwrite = False,
) -> None:
    """Estimate how good masks are without their references: the list of what to look at, worst first.

    Works for masks from anywhere. A quick classifier learns each mask and is tried on the references (reverse
    classification accuracy); what its success means is learnt from references that are damaged on purpose. Masks of
    `septum predict` have a sharper estimate beside them already. Research software, not a medical device.
    """
    if watching:
        _watch([masks, *(images or [])], output, baseline=baseline, overwrite=overwrite)
        return
    if not images or references is None:
        raise ConfigError("quality must have IMAGES and --references, got one of them alone; give both, or --watch")
    given: dict[str, Any] = {
        "threshold": threshold,
        "background": background,
        "foreground": foreground,
        "axes": axes,
        "seed": seed,
        "overwrite": overwrite or None,
    }
    from septum.workflows.quality.grade_masks import QualitySettings, grade_masks

    chosen = options.resolve(QualitySettings, settings, given=given)
    result, stopped = watched(
        partial(grade_masks, masks, images, references=references, output=output, settings=chosen)
    )
    say_written(result)
    say_quality(result.estimates, output)
    finish(result, "stopped before the end; the masks graded so far are listed" if stopped else None)


def _watch(folders: Sequence[Path], output: Path, *, baseline: int, overwrite: bool) -> None:
    """Chart a series of predictions and say what left its usual range."""
    from septum.workflows.quality.watch import watch

    found = watch(folders, output, baseline=baseline, overwrite=overwrite)
    typer.echo(found.written)
    for alarm in found.alarms or ("nothing left its usual range",):
        typer.echo(f"watch   {alarm}", err=True)


def say_quality(estimates: Sequence[Estimate], output: Path) -> None:
    """The worst few masks, on the error stream: the output stream holds the names of files."""
    from septum.workflows.quality.worklist import VERDICTS, urgency, worst_first

    worst: dict[str, Estimate] = {}
    for one in worst_first(estimates):
        if one.case not in worst or urgency(one) < urgency(worst[one.case]):
            worst[one.case] = one
    if not worst:
        return
    counts = {verdict: sum(one.verdict == verdict for one in worst.values()) for verdict in reversed(VERDICTS)}
    typer.echo("quality " + ", ".join(f"{n} {verdict}" for verdict, n in counts.items()), err=True)
    doubtful = [one for one in worst.values() if one.verdict != "pass"]
    for one in doubtful[:MOST_SAID]:
        typer.echo(f"  {one.verdict}  {one.case}, {one.name}: {_figure(one)}", err=True)
    left = len(doubtful) - MOST_SAID
    typer.echo(f"  {f'{left} more, ' if left > 0 else ''}all in {output / 'quality.csv'}, worst first", err=True)


def _figure(one: Estimate) -> str:
    """The likely Dice and its interval, where there are any, and the reasons."""
    from septum.workflows.quality.worklist import REASONS

    words = []
    if not math.isnan(one.dice):
        words.append(f"Dice {one.dice:.2f}" + ("" if math.isnan(one.low) else f" ({one.low:.2f} to {one.high:.2f})"))
    said = [
        reason for reason in one.reasons if reason not in (REASONS["alone"], REASONS["nothing"])
    ]  # `limits` says it
    return "; ".join([*words, *said]) or "no figure"
