"""`septum evaluate`: what masks are worth, alone, against other methods, and beside readers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from septum.cli import options
from septum.cli.working import finish_without, say_page, watched

if TYPE_CHECKING:
    from septum.workflows.evaluation.evaluate import EvaluationResult
    from septum.workflows.evaluation.movies import TrackEvaluation
    from septum.workflows.runs.hooks import Hooks

_STOPPING = "stopping; nothing is written"

_MOST_NAMES = 20  # of cases without a partner that go to stderr


_Column = Annotated[
    list[str] | None,
    typer.Option(
        "--stratify",
        metavar="COLUMN",
        help="Show the scores by this column of the table (scanner, site); size divides by the size of the reference. "
        "May be repeated.",
    ),
]


def evaluate(
    predictions: Annotated[
        list[str],
        typer.Argument(
            metavar="PREDICTIONS...",
            help="Folder of predicted masks, or one mask; several folders, perhaps as NAME=FOLDER, are compared.",
        ),
    ],
    references: Annotated[
        Path, typer.Argument(metavar="REFERENCES", help="Folder of reference masks, one mask, or a DATASET.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="REPORT", help="Folder for the report.")],
    metrics: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="Scores or families of them, separated by commas: overlap, surface, boundary, vessels, instances, em.",
            show_default="overlap,surface",
        ),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            metavar="LABEL=NUMBER,...",
            help="Also the weighted Dice of a case over these labels (values or names); others weigh 0.",
        ),
    ] = None,
    instances: Annotated[
        bool, typer.Option("--instances", help="Also score objects: F1, panoptic quality, aggregated Jaccard, splits.")
    ] = False,
    em: Annotated[
        bool, typer.Option("--em", help="Also score neurites as the EM challenge: V_rand, V_info, warping error.")
    ] = False,
    tracking: Annotated[
        bool,
        typer.Option(
            "--tracking",
            help="Score tracks as the Cell Tracking Challenge (SEG, DET, TRA): folders 01_RES and 01_GT, or folders of "
            "such.",
        ),
    ] = False,
    policy: Annotated[
        str | None,
        typer.Option(
            metavar="undefined|perfect|penalise",
            help="How empty masks count: left out and counted, as perfect when both are empty, or at the worst value.",
            show_default="undefined",
        ),
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(metavar="MM", help="Tolerance of the surface Dice (pixels in pictures).", show_default="1"),
    ] = None,
    probabilities: Annotated[
        list[str] | None,
        typer.Option(
            "--probabilities",
            metavar="[NAME=]FOLDER",
            help="Probability maps of a method, as `septum predict --probabilities` writes them: Brier score, ECE and "
            "reliability curve; with --em, V_rand and V_info over thresholds. May be repeated.",
        ),
    ] = None,
    readers: Annotated[
        list[str] | None,
        typer.Option(
            "--readers",
            metavar="[NAME=]FOLDER",
            help="Masks of a person: the ceiling beside the methods. May be repeated.",
        ),
    ] = None,
    consensus: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Write the masks on which the readers agree into FOLDER, by majority and by STAPLE."
        ),
    ] = None,
    table: Annotated[
        Path | None, typer.Option(metavar="FILE.CSV", help="Table with one row per case, for groups and strata.")
    ] = None,
    groups: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Column that names the patient: intervals and tests go by patients."),
    ] = None,
    stratify: _Column = None,
    images: Annotated[
        Path | None, typer.Option(metavar="IMAGES", help="Folder of the images, to show below the masks.")
    ] = None,
    background: options.Background = None,
    foreground: options.Foreground = None,
    axes: options.Axes = None,
    resample: Annotated[
        bool, typer.Option("--resample", help="Put predictions on the grid of their references instead of refusing.")
    ] = False,
    workers: Annotated[
        str | None,
        typer.Option(metavar="N|ADDRESS", help="Processes, or the address of a Dask scheduler.", show_default="auto"),
    ] = None,
    gallery: Annotated[
        int | None, typer.Option(metavar="N", help="How many of the worst cases are shown.", show_default="12")
    ] = None,
    settings: options.SettingsFile = None,
    overwrite: options.Overwrite = False,
) -> None:
    """Compare masks with references: scores per case and class, and a report with pictures.

    Several folders of predictions are compared on the same cases: differences with intervals, Wilcoxon's test with
    Holm's correction, effect sizes, and a ranking with its stability.

    Writes index.html (one self-contained file), tables (CSV, JSON, LaTeX) and figures (SVG, PNG) into REPORT.
    """
    given = options.asked(stratify=stratify, resample=resample, overwrite=overwrite) | {
        "metrics": _words(metrics), "weights": _weights(weights), "policy": policy, "tolerance_mm": tolerance,
        "background": background, "foreground": foreground, "axes": axes, "table": _text(table), "groups": groups,
        "probabilities": _maps(probabilities or []), "consensus": _text(consensus), "workers": workers,
        "gallery": gallery,
    }  # fmt: skip
    from septum.workflows.evaluation.settings import EvaluateSettings

    chosen = options.resolve(EvaluateSettings, settings, given=given)
    chosen = replace(chosen, metrics=_with(chosen.metrics, instances=instances, em=em))
    shared: dict[str, Any] = {"output": output, "images": images, "settings": chosen}
    if tracking:
        _evaluate_tracks(_named(predictions), references, **shared)
        return
    people = _as_mapping(_named(readers or []))

    def work(hooks: Hooks) -> EvaluationResult:
        from septum.workflows.evaluation import evaluate as workflow

        return workflow.evaluate(_named(predictions), references, readers=people, hooks=hooks, **shared)

    result, _ = watched(work, stopping=_STOPPING)
    for line in [*score_lines(result.summary.to_dict("records"), asked=result.asked), *result.lines]:
        typer.echo(line)
    _list(result.missing_predictions, "no prediction for")
    _list(result.missing_references, "no reference for")
    typer.echo(f"report  {result.report}")
    say_page(result.report)
    finish_without(result.failures, f"{len(result.failures)} failed; the report holds the others")


def _evaluate_tracks(predictions: Path | dict[str, Path], references: Path, **shared: Any) -> None:
    """Tracks against tracks: what was found, and the page."""

    def work(hooks: Hooks) -> TrackEvaluation:
        from septum.workflows.evaluation.movies import evaluate_tracks

        return evaluate_tracks(predictions, references, hooks=hooks, **shared)

    tracks, _ = watched(work, stopping=_STOPPING)
    for line in tracks.lines:
        typer.echo(line)
    typer.echo(f"report  {tracks.report}")
    say_page(tracks.report)


def _with(metrics: tuple[str, ...], **families: bool) -> tuple[str, ...]:
    """The metrics and the families that flags add.

    >>> _with(("overlap", "em"), instances=True, em=True)
    ('overlap', 'em', 'instances')
    """
    return tuple(dict.fromkeys((*metrics, *(name for name, wanted in families.items() if wanted))))


def _words(text: str | None) -> list[str] | None:
    return None if text is None else [word.strip() for word in text.split(",") if word.strip()]


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _list(names: Sequence[str], what: str) -> None:
    """Cases without a partner, on stderr."""
    for name in names[:_MOST_NAMES]:
        typer.echo(f"{what} {name}", err=True)
    if len(names) > _MOST_NAMES:
        typer.echo(f"{what} {len(names) - _MOST_NAMES} more; cases.csv lists all", err=True)


def _named(words: Sequence[str]) -> Path | dict[str, Path]:
    """A single folder, or folders by name: `NAME=FOLDER`, else the name of the folder, with its parents where needed.

    Raises:
        ConfigError: one name twice.
    """
    from septum.errors import ConfigError

    found: list[tuple[str, Path]] = []
    for word in words:
        name, sign, folder = word.partition("=")
        given = bool(sign and name and folder) and not Path(word).exists()
        found.append((name, Path(folder)) if given else ("", Path(word)))
    if len(found) == 1 and not found[0][0]:
        return found[0][1]
    short = [name or path.resolve().name for name, path in found]
    names = [
        name if short.count(name) == 1 or given else "/".join(path.resolve().parts[-2:])
        for name, (given, path) in zip(short, found, strict=True)
    ]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ConfigError(f"names of methods must differ, got {repeated[0]!r} twice; use NAME=FOLDER")
    return {name: path for name, (_, path) in zip(names, found, strict=True)}


def _maps(words: Sequence[str]) -> dict[str, str] | None:
    """Folders of probability maps by method, "" where none is named.

    Raises:
        ConfigError: one method twice.
    """
    from septum.errors import ConfigError

    found: dict[str, str] = {}
    for word in words:
        name, sign, folder = word.partition("=")
        name, folder = (name, folder) if sign and not Path(word).exists() else ("", word)
        if name in found:
            raise ConfigError(f"probabilities must name each method once, got {name or word!r} again; use NAME=FOLDER")
        found[name] = folder
    return found or None


def _weights(text: str | None) -> dict[str, float] | None:
    """Label to weight, of `1=2,tumour=0.5`.

    Raises:
        ConfigError: a part without a number, or a label twice.
    """
    from septum.errors import ConfigError

    if text is None:
        return None
    found: dict[str, float] = {}
    for part in text.split(","):
        name, _, number = (piece.strip() for piece in part.rpartition("="))
        try:
            weight = float(number)
        except ValueError:
            weight = math.nan
        if not name or math.isnan(weight) or name in found:
            raise ConfigError(f"weights must be written LABEL=NUMBER,LABEL=NUMBER, each label once, got {text!r}")
        found[name] = weight
    return found


def _as_mapping(named: Path | dict[str, Path]) -> dict[str, Path]:
    return {named.resolve().name: named} if isinstance(named, Path) else named


def score_lines(rows: Iterable[Mapping[Any, Any]], *, asked: Sequence[str] = ()) -> list[str]:
    """The tables on stdout: name, n, mean, interval and median of every Dice (and weighted Dice) in the summary, then
    of every score that was asked for."""
    from septum.workflows.scores.measures import titles

    named, every = titles(unit="mm or px"), [dict(row) for row in rows]
    dice = [row for row in every if row["metric"] in ("dice", "weighted_dice")]
    lines = _block("Dice", [row | {"name": _with_method(row)} for row in dice])
    for metric in asked:
        found = [row | {"name": _with_method(row)} for row in every if row["metric"] == metric]
        if found and metric != "weighted_dice":
            lines += _block(named[metric], found)
    return lines


def _with_method(row: Mapping[Any, Any]) -> str:
    name = "weighted" if row["metric"] == "weighted_dice" else str(row["name"])
    return " · ".join(part for part in (str(row.get("method", "")), name) if part)


def _block(title: str, rows: Sequence[Mapping[Any, Any]]) -> list[str]:
    """A heading and a line per row."""
    width = max([len(str(row["name"])) for row in rows] + [len(title)])
    lines = [f"{title:<{width}}  {'n':>5}  {'mean':>6}  {'95 % interval':>15}  {'median':>6}"]
    for row in rows:
        known = math.isfinite(row["mean_ci_low"])  # fewer than six cases have no interval
        interval = f"{row['mean_ci_low']:.3f} to {row['mean_ci_high']:.3f}" if known else "-"
        name = f"{row['name']!s:<{width}}"
        lines.append(f"{name}  {row['n']:>5}  {row['mean']:>6.3f}  {interval:>15}  {row['median']:>6.3f}")
    return lines
