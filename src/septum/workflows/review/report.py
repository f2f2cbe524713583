"""`septum review report`: the outcome of a study as a folder of files, written whole or not at all."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from septum.errors import ConfigError
from septum.io.safe import replacing
from septum.report.figures.pass_rates import CutLine, by_rating, two_panels
from septum.report.pages.review import ReviewContent, ShownItem, render_review
from septum.report.plain import plain_json
from septum.workflows.review.results import MAJORITY, StudyResults, measure_study
from septum.workflows.review.study import Study, user_name
from septum.workflows.runs.files import refuse_file
from septum.workflows.runs.tables import frame_csv

REVIEW_FORMAT = 1  # of review.json


FILES = ("figure.svg", "figure.png", "ratings.csv", "rates.csv", "agreement.csv", "items.csv", "review.json")


PAGE = "index.html"


def report_study(
    study: Study,
    output: Path,
    *,
    dice: Mapping[str, Path] | None = None,
    threshold: float | None = None,
    seed: int = 0,
    overwrite: bool = False,
) -> tuple[Path, StudyResults]:
    """Measure a study and write its page, its figure (SVG and PNG), tables and JSON; returns the page's path.

    Args:
        study: with ratings and its key. The report is unblinded: keep it from readers who have not finished.
        output: folder; made where it does not exist.
        dice: `cases.csv` of `septum evaluate` by source, for panel (a) and the cut.
        threshold: a Dice value to mark in panel (a).
        seed: of the bootstrap.
        overwrite: replace a report in `output`.

    Raises:
        ConfigError: `output` holds a report or is a file, or a threshold outside 0 to 1.
        DatasetError: as `measure_study`.
        FormatError: a file that cannot be written.
    """
    _refuse(output, overwrite=overwrite)
    if threshold is not None and not 0 <= threshold <= 1:
        raise ConfigError(f"threshold must lie between 0 and 1, got {threshold}")
    outcome = measure_study(study, dice=dice, seed=seed)
    lines = _lines(outcome, threshold)
    figures = {kind: two_panels(outcome.dice, outcome.rates, lines=lines, image_format=kind) for kind in ("svg", "png")}
    files: dict[str, bytes] = {f"figure.{kind}": data for kind, data in figures.items()}
    rates = pd.DataFrame([dataclasses.asdict(rate) for rate in outcome.rates])
    tables = {"ratings": outcome.ratings, "rates": rates, "agreement": outcome.agreement, "items": outcome.items}
    files |= {f"{name}.csv": frame_csv(table).encode("utf-8") for name, table in tables.items()}
    content = _content(study, outcome, figure=figures["svg"], lines=lines)
    files["review.json"] = _document(study, outcome, content=content, rates=rates)
    files[PAGE] = render_review(content).encode("utf-8")
    output.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():  # the page last: where it stands, everything stands
        with replacing(output / name) as temporary:
            temporary.write_bytes(data)
    study.store.log(study.id, who=user_name(), what="report", details={"ratings": len(outcome.ratings)})
    return output / PAGE, outcome


def _refuse(output: Path, *, overwrite: bool) -> None:
    refuse_file(output)
    found = [name for name in (PAGE, *FILES) if (output / name).exists()]
    if found and not overwrite:
        raise ConfigError(f"{output} already holds a report ({found[0]}); choose another folder or use --overwrite")


def _lines(outcome: StudyResults, threshold: float | None) -> list[CutLine]:
    lines = [] if threshold is None else [CutLine(threshold, "threshold")]
    if outcome.cutoff is not None and math.isfinite(outcome.cutoff.value):
        lines.append(CutLine(outcome.cutoff.value, "pass from", outcome.cutoff.ci_low, outcome.cutoff.ci_high))
    return lines


def _content(study: Study, outcome: StudyResults, *, figure: bytes, lines: list[CutLine]) -> ReviewContent:
    from septum import __version__

    cutoff = None if outcome.cutoff is None else {**dataclasses.asdict(outcome.cutoff), "youden": outcome.cutoff.youden}
    items = outcome.items
    scatter = None
    if items["dice"].notna().any():
        scatter = by_rating(items["dice"], items["n_pass"] / items["n_readers"], lines=lines)
    commented = outcome.ratings[outcome.ratings["comment"] != ""]
    n_items = sum(item.showing == 1 for item in study.items)
    alt = f"(b) Share of {n_items} masks that each reader passed, with 95 % Wilson intervals."
    if outcome.dice:
        n = ", ".join(f"{int(values.notna().sum()):,} ({name})" for name, values in outcome.dice.items())
        alt = f"(a) Distribution of the Dice coefficient over all cases, n = {n}. {alt}"
    return ReviewContent(
        title=f"Reader study {study.id[:8]}",
        question=study.scale.question,
        answers=_answers(study),
        facts=_facts(outcome, n_items),
        figure=figure,
        figure_alt=alt,
        scatter=scatter,
        rates=outcome.rates,
        agreement=[{str(k): v for k, v in row.items()} for row in outcome.agreement.to_dict("records")],
        cutoff=cutoff,
        shown=_typical(study, items),
        comments=[tuple(row) for row in commented[["code", "source", "reader", "value", "comment"]].to_numpy()],
        notes=outcome.notes,
        created=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        version=__version__,
        files=FILES,
    )


def _answers(study: Study) -> tuple[list[str], list[str]]:
    def named(passes: bool) -> list[str]:
        return [
            c.text if c.text == c.value else f"{c.value} ({c.text})" for c in study.scale.choices if c.passes == passes
        ]

    return named(True), named(False)


def _facts(outcome: StudyResults, n_items: int) -> list[tuple[str, str, str]]:
    """The first numbers: readers, items, pass rate by source, the cut."""
    readers = outcome.ratings["reader"].nunique()
    repeated = int((outcome.ratings["showing"] == 2).sum())
    facts = [
        ("Readers", str(readers), f"{len(outcome.ratings)} ratings, {repeated} of them of repeated items"),
        ("Items", str(n_items), f"of {outcome.items['case'].nunique()} cases"),
    ]
    chosen = [rate for rate in outcome.rates if readers == 1 or rate.reader == MAJORITY]
    for rate in chosen:
        interval = f"{rate.passed} of {rate.n}, 95 % interval {rate.ci_low:.2f} – {rate.ci_high:.2f}"
        who = "by most readers" if readers > 1 else ""
        facts.append((f"Passed, {rate.source}", f"{100 * rate.passed / rate.n:.0f} %", f"{interval} {who}".strip()))
    cutoff = outcome.cutoff
    if cutoff is not None and math.isfinite(cutoff.value):
        interval = f"95 % interval {cutoff.ci_low:.3f} – {cutoff.ci_high:.3f}"
        facts.append(("Readers pass from Dice", f"{cutoff.value:.3f}", interval))
    return facts


def _typical(study: Study, items: pd.DataFrame) -> list[ShownItem]:
    """A typical item that passed and one that failed: readers most at one, Dice nearest to the median of its kind."""
    shown = []
    for passes, name in ((True, "passed"), (False, "failed")):
        kind = items[items["passes"] == passes]
        if kind.empty:
            continue
        share = (kind["n_pass"] / kind["n_readers"] - (1.0 if passes else 0.0)).abs()
        clear = kind[share == share.min()]
        scored = clear[clear["dice"].notna()]
        item = clear.iloc[0]
        if len(scored):
            item = scored.loc[(scored["dice"] - scored["dice"].median()).abs().idxmin()]
        score = f", Dice {item['dice']:.3f}" if math.isfinite(item["dice"]) else ""
        votes = f"by {item['n_pass']} of {item['n_readers']} readers" if passes else ""
        votes = votes or f"by {item['n_readers'] - item['n_pass']} of {item['n_readers']} readers"
        path = study.pictures(item["code"])[0]
        if path.is_file():
            shown.append(
                ShownItem(f"Typical, {name} {votes}: {item['code']} ({item['source']}{score})", path.read_bytes())
            )
    return shown


def _document(study: Study, outcome: StudyResults, *, content: ReviewContent, rates: pd.DataFrame) -> bytes:
    document = {
        "format": REVIEW_FORMAT,
        "septum": content.version,
        "created": content.created,
        "study": study.id,
        "question": study.scale.question,
        "notes": list(outcome.notes),
        "rates": rates.to_dict("records"),
        "agreement": outcome.agreement.to_dict("records"),
        "cutoff": content.cutoff,
        "items": outcome.items.to_dict("records"),
        "dice": {
            name: {"n": int(v.notna().sum()), "n_undefined": int(v.isna().sum()), "median": float(v.median()),
                   "q1": float(v.quantile(0.25)), "q3": float(v.quantile(0.75))}
            for name, v in outcome.dice.items()
        },
    }  # fmt: skip
    return (plain_json(document) + "\n").encode("utf-8")
