"""`septum review`: a blinded reader study from the sample to the figure.

Everything here is a way to call `septum.workflows.review.study`; the page and the terminal ask the same functions.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from septum.cli import options
from septum.cli.working import say_failures, say_page
from septum.workflows.runs.words import counted

if TYPE_CHECKING:
    from septum.workflows.review.study import Study


Folder = Annotated[Path, typer.Argument(metavar="STUDY", help="Study folder that `septum review create` wrote.")]


Database = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="SQLite database of the ratings, such as sqlite:////shared/ratings.sqlite.",
        show_default="a file in the study folder",
    ),
]


app = typer.Typer(
    help="Let people rate masks blindly, and say how good is good enough.\n\n"
    "Draw a sample (create), rate it (rate), see who is how far (status), collect ratings (export, import), "
    "and make the two-panel figure (report).\n\nResearch software, not a medical device.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("create", short_help="Draw and blind a sample of cases.")
def create(
    images: Annotated[Path, typer.Argument(metavar="IMAGES", help="Folder of images, or a DATASET.")],
    masks: Annotated[
        list[str],
        typer.Option("--masks", metavar="NAME=FOLDER", help="Masks and a name for their source; repeat for more."),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="STUDY", help="New folder for the study.")],
    n: Annotated[int | None, typer.Option("--n", metavar="N", help="Cases to draw.", show_default="30")] = None,
    design: Annotated[
        str | None,
        typer.Option(
            metavar="crossed|mixed",
            help="crossed: every case with the mask of every source; mixed: each case once, sources in equal parts.",
            show_default="crossed",
        ),
    ] = None,
    twice: Annotated[
        bool, typer.Option("--twice", help="Show every item again at the end: agreement of readers with themselves.")
    ] = False,
    scale: Annotated[
        str | None,
        typer.Option(metavar="passfail|likert5|FILE", help="Answers, or a TOML file.", show_default="passfail"),
    ] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Seed of sample and orders.", show_default="0")] = None,
    window: Annotated[
        str | None,
        typer.Option(
            metavar="LOW,HIGH",
            help="Intensities shown black and white; -160,240 shows soft tissue in CT.",
            show_default="0.5 and 99.5 % of each image",
        ),
    ] = None,
    background: options.Background = None,
    axes: options.Axes = None,
    database: Database = None,
    settings: options.SettingsFile = None,
) -> None:
    """Draw a seeded sample of cases, blind and shuffle it, and render the pictures that readers see.

    The folder STUDY/key says which case and whose mask a code stands for; take it away while people rate.
    """
    given: dict[str, Any] = {
        "n": n,
        "design": design,
        "twice": twice or None,
        "scale": scale,
        "seed": seed,
        "background": background,
        "axes": axes,
        "window": None if window is None else _numbers(window),
    }
    sources = {name: Path(folder) for name, folder in _named(masks, "--masks").items()}
    from septum.cli.progress import Reporter
    from septum.workflows.review.sample import StudySettings
    from septum.workflows.review.study import create_study
    from septum.workflows.runs.hooks import Hooks

    chosen = options.resolve(StudySettings, settings, given=given)
    with Reporter() as reporter:
        made = create_study(
            images,
            sources,
            output=output,
            settings=chosen,
            database=database,
            hooks=Hooks(reporter.work, reporter.note),
        )
    typer.echo(f"{made.items} items of {made.cases} cases")
    typer.echo(f"study  {made.folder}")
    typer.echo(f"next   septum review rate {made.folder} --reader NAME")
    if made.failures:
        say_failures(made.failures, f"{counted(len(made.failures), 'case')} failed; the study is without them")
        raise typer.Exit(1)


@app.command("rate", short_help="Rate the items of a study.")
def rate(
    folder: Folder,
    reader: Annotated[str, typer.Option("--reader", metavar="NAME", help="Who rates; a pseudonym will do.")],
    terminal: Annotated[
        bool, typer.Option("--terminal", help="Ask here and print the paths of the pictures, without a page.")
    ] = False,
    port: Annotated[
        int, typer.Option(metavar="PORT", min=0, max=65535, help="Port of the page; 0 takes a free one.")
    ] = 0,
    database: Database = None,
) -> None:
    """Rate item by item, on a page that only this machine can open, or in the terminal.

    Prints the address of the page and serves it until Ctrl-C. Whoever comes back goes on where they stopped.
    """
    from septum.workflows.review.store import clean_reader
    from septum.workflows.review.study import open_study

    with open_study(folder, database=database) as study:
        name = clean_reader(reader)
        study.store.log(study.id, who=name, what="open", details={"terminal": terminal})
        if terminal:
            _ask(study, name)
        else:
            _serve(study, name, port)
        _say_progress(study, name)


@app.command("status", short_help="Show how far every reader is.")
def status(folder: Folder, database: Database = None) -> None:
    """Show the items of a study and how many of them every reader has rated."""
    from septum.workflows.review.study import open_study, readers

    with open_study(folder, database=database) as study:
        repeated = sum(item.showing == 2 for item in study.items)
        typer.echo(f"study    {study.id}")
        typer.echo(f"items    {len(study.items)}, {repeated} of them repetitions")
        typer.echo(f"answers  {', '.join(choice.value for choice in study.scale.choices)}")
        found = readers(study)
        width = max([len(one.reader) for one in found], default=0)
        for one in found:
            typer.echo(f"reader   {one.reader:<{width}}  {one.rated}/{one.total}")
        if not found:
            typer.echo("reader   none yet")


@app.command("export", short_help="Write all ratings as CSV.")
def export(
    folder: Folder,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE.CSV", help="The CSV file.")],
    unblind: Annotated[
        bool, typer.Option("--unblind", help="Add case and source of every item, from the key.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it exists.")] = False,
    database: Database = None,
) -> None:
    """Write the whole history of ratings, superseded ones included."""
    from septum.workflows.review.exchange import export_csv
    from septum.workflows.review.study import open_study

    with open_study(folder, database=database) as study:
        rows = export_csv(study, output, unblind=unblind, overwrite=overwrite)
    typer.echo(f"{rows} ratings  {output}")


@app.command("import", short_help="Take over ratings from a CSV.")
def import_(
    folder: Folder,
    files: Annotated[list[Path], typer.Argument(metavar="FILE.CSV...", help="Files that `export` wrote, or tables.")],
    database: Database = None,
) -> None:
    """Add the ratings of CSV files: of another copy of the study, or tables with code, reader, value and comment.

    Nothing is overwritten: what is there stays in the history, and importing a file twice changes nothing.
    """
    from septum.workflows.review.exchange import import_csv
    from septum.workflows.review.study import open_study

    with open_study(folder, database=database) as study:
        for file in files:
            typer.echo(f"{import_csv(study, file)} new ratings  {file}")


@app.command("report", short_help="Make the two-panel figure and report.")
def report(
    folder: Folder,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="REPORT", help="Folder for the report.")],
    dice: Annotated[
        list[str] | None,
        typer.Option(
            "--dice",
            metavar="[NAME=]CASES.CSV",
            help="Table cases.csv that `septum evaluate` wrote for the masks of source NAME, or its report folder; "
            "repeat for more. One table of several methods needs no NAME where methods and sources are named alike.",
        ),
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(metavar="DICE", help="Mark this value in the distribution.", show_default="none")
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of the bootstrap.")] = 0,
    overwrite: options.Overwrite = False,
    database: Database = None,
) -> None:
    """Unblind the study and report it: (a) distribution of Dice over all cases, (b) pass rates of the readers.

    Writes index.html, figure.svg, figure.png, CSV tables and review.json: Wilson intervals, agreement (kappa and AC1),
    and the Dice value that best separates what readers passed from what they failed.
    """
    from septum.workflows.review.report import report_study
    from septum.workflows.review.study import open_study

    tables = {name: Path(file) for name, file in _named(dice or [], "--dice", bare=True).items()}
    with open_study(folder, database=database) as study:
        page, outcome = report_study(study, output, dice=tables, threshold=threshold, seed=seed, overwrite=overwrite)
    width = max(len(f"{one.reader}, {one.source}") for one in outcome.rates)
    for one in outcome.rates:
        who = f"{one.reader}, {one.source}"
        typer.echo(f"{who:<{width}}  {one.passed}/{one.n} passed  {one.ci_low:.3f} to {one.ci_high:.3f}")
    found = outcome.cutoff
    if found is not None and found.n_pass and found.n_fail:
        interval = f"95 % interval {found.ci_low:.3f} to {found.ci_high:.3f}"
        typer.echo(f"readers pass from Dice {found.value:.3f}, {interval}, AUC {found.auc:.3f}")
    for note in outcome.notes:
        typer.echo(note, err=True)
    typer.echo(f"report  {page}")
    say_page(page)


def _named(pairs: Iterable[str], option: str, *, bare: bool = False) -> dict[str, str]:
    """`NAME=VALUE` words as a dictionary; a word without a name has the name "" where `bare` allows it."""
    from septum.errors import ConfigError

    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals and bare:
            name, value = "", pair
        if not value or (not name.strip() and not bare):
            raise ConfigError(f"{option} must be NAME=PATH, got {pair!r}; for example {option} model=masks")
        if name in found:
            raise ConfigError(f"{option} must name each source once, got {name or pair!r} twice")
        found[name.strip()] = value
    return found


def _numbers(text: str) -> list[float]:
    """The two numbers of `LOW,HIGH`."""
    from septum.errors import ConfigError

    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError as error:
        raise ConfigError(f"--window must be two numbers like -160,240, got {text!r}") from error
    return [low, high]


def _serve(study: Study, reader: str, port: int) -> None:
    from septum.cli.review_server import ReviewServer

    with ReviewServer(study, reader, port=port) as server:
        typer.echo(server.address)
        typer.echo("open this address on this machine; Ctrl-C ends it, and nothing is lost", err=True)
        try:
            server.serve_forever(poll_interval=0.2)
        except KeyboardInterrupt:
            typer.echo("", err=True)


def _ask(study: Study, reader: str) -> None:
    """Ask in the terminal until all is rated, the input ends or the reader quits."""
    from septum.workflows.review import study as review

    keys = {choice.key.lower(): choice for choice in study.scale.choices}
    typer.echo(study.scale.question)
    typer.echo("  ".join(f"{key} = {choice.text}" for key, choice in keys.items()) + "  u = undo  q = quit")
    typer.echo("a comment may follow the key: f too large\n")
    while (item := review.next_item(study, reader)) is not None:
        done = review.progress(study, reader)
        outlined, plain = study.pictures(item.code)
        typer.echo(f"{done.rated + 1}/{done.total}  {item.code}\n  {outlined}\n  {plain}")
        try:
            line = input("> ").strip()
        except EOFError:
            return
        key, _, comment = line.partition(" ")
        if key.lower() == "q":
            return
        if key.lower() == "u":
            code = review.undo(study, reader, origin="terminal")
            typer.echo(f"taken back: {code}" if code else "there is nothing to take back")
        elif key.lower() in keys:
            review.rate(
                study, reader, code=item.code, value=keys[key.lower()].value, comment=comment, origin="terminal"
            )
        else:
            typer.echo(f"the answer must be one of {', '.join([*keys, 'u', 'q'])}, got {key[:20]!r}", err=True)


def _say_progress(study: Study, reader: str) -> None:
    from septum.workflows.review.study import progress

    done = progress(study, reader)
    typer.echo(f"{done.reader} has rated {done.rated} of {done.total}")
