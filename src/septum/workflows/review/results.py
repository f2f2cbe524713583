"""What a reader study says: pass rates, agreement, and the overlap at which readers begin to pass masks.

The insight: a second showing of an item is not a second item. Rates, agreement between readers and the cut are made
from first showings alone; second showings tell how far readers agree with themselves, and nothing else.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from septum.errors import DatasetError
from septum.metrics.agreement import Agreement, cohen_kappa, fleiss_kappa, gwet_ac1, wilson_interval
from septum.metrics.cutoff import Cutoff, separating_cutoff
from septum.report.figures.pass_rates import PassRate
from septum.workflows.data.matching import match_stems
from septum.workflows.review.study import Study, read_key
from septum.workflows.runs.tables import unguarded
from septum.workflows.runs.words import some

ALL, MAJORITY = "all sources", "most readers"


RATING_COLUMNS = ("code", "case", "source", "showing", "reader", "value", "passes", "comment", "created", "dice")


_PREVALENT = 0.85  # a share of one answer from which κ says more about the share than about the readers


@dataclass(frozen=True)
class StudyResults:
    """All that a report shows.

    Args:
        ratings: one row per current rating, unblinded; columns `RATING_COLUMNS`.
        rates: pass rate by reader and source, then that of the majority where there are several readers.
        agreement: one row per coefficient: `scope, readers, kind, coefficient, value, ci_low, …`.
        items: one row per item that was shown first: `code, case, source, n_readers, n_pass, passes, dice`.
        cutoff: the cut between pass and fail, None where no item has a Dice value.
        dice: values over all cases by source.
        notes: what a reader of the report must know first.
    """

    ratings: pd.DataFrame
    rates: tuple[PassRate, ...]
    agreement: pd.DataFrame
    items: pd.DataFrame
    cutoff: Cutoff | None
    dice: Mapping[str, pd.Series[Any]]
    notes: tuple[str, ...]


def measure_study(study: Study, *, dice: Mapping[str, Path] | None = None, seed: int = 0) -> StudyResults:
    """Everything that the ratings say.

    Args:
        study: with its key.
        dice: `cases.csv` of `septum evaluate` by source; the name "" stands for the only source.
        seed: of the bootstrap.

    Raises:
        DatasetError: no rating, no key, or a table of scores that does not fit the study.
    """
    key = read_key(study)
    scores = _scores(dice or {}, key)
    ratings = _rating_table(study, key, scores=scores)
    if ratings.empty:
        raise DatasetError(f"{study.folder} must hold ratings, got none; run `septum review rate` first")
    first = ratings[ratings["showing"] == 1]
    if first.empty:
        raise DatasetError(f"{study.folder} must hold ratings of first showings, got repetitions alone; rate the rest")
    items = _item_table(first)
    rates = _rates(first, items)
    agreement = pd.DataFrame([*_between(study, first), *_within(study, ratings)])
    cutoff = None
    if items["dice"].notna().any():
        known = items[items["dice"].notna()]
        cutoff = separating_cutoff(known["dice"], known["passes"], groups=list(known["case"]), seed=seed)
    notes = _notes(study, first, items=items, cutoff=cutoff, scores=scores)
    return StudyResults(ratings, rates, agreement, items, cutoff, scores, tuple(notes))


def _rating_table(
    study: Study, key: Mapping[str, tuple[str, str]], *, scores: Mapping[str, pd.Series[Any]]
) -> pd.DataFrame:
    rows = []
    for rating in study.store.current(study.id):
        case, source = key[rating.code]
        score = scores[source].get(case, math.nan) if source in scores else math.nan
        value = str(rating.value)
        passes = study.scale.passes(value)
        showing = study.item(rating.code).showing
        rows.append(
            (rating.code, case, source, showing, rating.reader, value, passes, rating.comment, rating.created, score)
        )
    table = pd.DataFrame(rows, columns=list(RATING_COLUMNS))
    return table.sort_values(["source", "case", "showing", "reader"], ignore_index=True)


def _item_table(first: pd.DataFrame) -> pd.DataFrame:
    """One row per item; it passes when more than half of its readers passed it, a tie fails."""
    grouped = first.groupby(["code", "case", "source"], sort=False)
    items = grouped.agg(n_readers=("passes", "size"), n_pass=("passes", "sum"), dice=("dice", "first")).reset_index()
    items["passes"] = items["n_pass"] * 2 > items["n_readers"]
    return items.sort_values(["source", "case"], ignore_index=True)


def _rates(first: pd.DataFrame, items: pd.DataFrame) -> tuple[PassRate, ...]:
    rates = [
        _rate(str(reader), str(source), passes=rows["passes"])
        for reader, own in first.groupby("reader")
        for source, rows in own.groupby("source")
    ]
    if first["reader"].nunique() > 1:
        rates += [_rate(MAJORITY, str(source), passes=rows["passes"]) for source, rows in items.groupby("source")]
    return tuple(rates)


def _rate(reader: str, source: str, *, passes: pd.Series[Any]) -> PassRate:
    found = wilson_interval(int(passes.sum()), n=len(passes))
    return PassRate(reader, source, int(passes.sum()), len(passes), found.ci_low, found.ci_high)


def _between(study: Study, first: pd.DataFrame) -> list[dict[str, Any]]:
    """Agreement between readers: all of them, and every two; over all sources and for each."""
    readers = sorted(first["reader"].unique())
    if len(readers) < 2:
        return []
    scopes = {ALL: first} | {str(source): rows for source, rows in first.groupby("source")}
    if len(scopes) == 2:
        scopes = {name: rows for name, rows in scopes.items() if name != ALL}
    rows: list[dict[str, Any]] = []
    for scope, part in scopes.items():
        for kind, table, categories in _codings(study, part):
            wide = table.pivot(index="code", columns="reader", values="number").reindex(columns=readers)
            if len(readers) > 2:
                rows += _coefficients(
                    scope, "all readers", kind=kind, table=wide.to_numpy(float), categories=categories
                )
            for one, other in combinations(readers, 2):
                rows += _coefficients(
                    scope, f"{one}, {other}", kind=kind, table=wide[[one, other]].to_numpy(float), categories=categories
                )
    return rows


def _within(study: Study, ratings: pd.DataFrame) -> list[dict[str, Any]]:
    """Agreement of every reader with themselves, where items were shown twice."""
    rows: list[dict[str, Any]] = []
    for reader, own in ratings.groupby("reader"):
        if own["showing"].nunique() < 2:
            continue
        for kind, table, categories in _codings(study, own):
            wide = table.pivot(index=["case", "source"], columns="showing", values="number").reindex(columns=[1, 2])
            rows += _coefficients(ALL, f"{reader}, twice", kind=kind, table=wide.to_numpy(float), categories=categories)
    return rows


def _codings(study: Study, ratings: pd.DataFrame) -> list[tuple[str, pd.DataFrame, list[float]]]:
    """Answers as numbers: pass or fail, and the scale's own where it has more than two."""
    found = [("pass/fail", ratings.assign(number=ratings["passes"].astype(float)), [0.0, 1.0])]
    values = [choice.value for choice in study.scale.choices]
    if len(values) > 2:
        found.append(("scale", ratings.assign(number=ratings["value"].map(values.index).astype(float)),
                      [float(i) for i in range(len(values))]))  # fmt: skip
    return found


def _coefficients(
    scope: str, readers: str, *, kind: str, table: np.ndarray[Any, Any], categories: Sequence[float]
) -> list[dict[str, Any]]:
    """κ, AC1 and, for two columns of a scale of several steps, the quadratically weighted κ."""
    found: dict[str, Agreement] = {}
    if table.shape[1] == 2:
        found["Cohen's kappa"] = cohen_kappa(table, categories=categories)
        if len(categories) > 2:
            found["Cohen's kappa, quadratic weights"] = cohen_kappa(table, categories=categories, weights="quadratic")
    else:
        found["Fleiss' kappa"] = fleiss_kappa(table, categories=categories)
    found["Gwet's AC1"] = gwet_ac1(table, categories=categories)
    return [
        {
            "scope": scope,
            "readers": readers,
            "kind": kind,
            "coefficient": name,
            "value": one.value,
            "ci_low": one.ci_low,
            "ci_high": one.ci_high,
            "observed": one.observed,
            "expected": one.expected,
            "n": one.n_subjects,
        }
        for name, one in found.items()
    ]


def _scores(dice: Mapping[str, Path], key: Mapping[str, tuple[str, str]]) -> dict[str, pd.Series[Any]]:
    """Dice by case for every source that has a table, under the names that the study's cases have."""
    sources = sorted({source for _, source in key.values()})
    result = {}
    for name, path in _by_source(dice, sources).items():
        source = name or (sources[0] if len(sources) == 1 else "")
        if source not in sources:
            raise DatasetError(
                f"--dice must name one of the sources {', '.join(sources)}, got {name or 'none'}; "
                f"write --dice {sources[0]}={path.name}"
            )
        values = read_scores(path, source)
        cases = sorted({case for case, own in key.values() if own == source})
        match = match_stems([str(case) for case in values.index], cases).pairs
        lost = [case for case in cases if case not in match]
        if len(lost) == len(cases):
            raise DatasetError(
                f"{path} must hold scores of the sampled cases, got none of {some(cases)}; "
                "give the cases.csv of the evaluation of the same masks"
            )
        result[source] = values.rename(index={found: case for case, found in match.items()})
    return result


def _by_source(dice: Mapping[str, Path], sources: Sequence[str]) -> dict[str, Path]:
    """Tables by source; one without a name speaks of every source that is a method in it."""
    found = {name: path for name, path in dice.items() if name}
    if "" in dice:
        table = _read_cases(dice[""])
        methods = set(table["method"].dropna().astype(str)) if "method" in table else set()
        named = {source: dice[""] for source in sources if source in methods}
        found = (named or {"": dice[""]}) | found
    return found


def read_scores(path: Path, source: str) -> pd.Series[Any]:
    """Mean Dice over labels by case from a `cases.csv`; of a table of several methods the rows of `source`.

    Args:
        path: the table, or the folder of the report that holds it.
        source: whose masks were scored.

    Raises:
        DatasetError: not a table with the columns case and dice, or several methods none of which is `source`.
    """
    table = _read_cases(path)
    if "method" in table and table["method"].nunique() > 1:
        methods = sorted(table["method"].dropna().astype(str).unique())
        if source not in methods:
            raise DatasetError(f"{path} must hold the method {source}, got {', '.join(methods)}; name sources alike")
        table = table[table["method"].astype(str) == source]
    return table.groupby("case", sort=False)["dice"].mean()


def _read_cases(path: Path) -> pd.DataFrame:
    path = path / "cases.csv" if path.is_dir() else path
    try:
        table = pd.read_csv(path, dtype={"case": str}, keep_default_na=True)
        for column in {"case", "method", "name"} & set(table.columns):
            table[column] = [unguarded(cell) if isinstance(cell, str) else cell for cell in table[column]]
    except (OSError, ValueError, csv.Error) as error:
        raise DatasetError(f"{path} must be the cases.csv of `septum evaluate`: {error}; check the path") from error
    missing = [name for name in ("case", "dice") if name not in table]
    if missing or not pd.api.types.is_numeric_dtype(table["dice"]):
        raise DatasetError(f"{path} must have the columns case and dice (numbers), got {list(table.columns)[:12]}")
    return table


def _notes(
    study: Study,
    first: pd.DataFrame,
    *,
    items: pd.DataFrame,
    cutoff: Cutoff | None,
    scores: Mapping[str, pd.Series[Any]],
) -> list[str]:
    """Sentences about what the numbers cannot say."""
    notes = []
    wanted = sum(item.showing == 1 for item in study.items)
    for reader, own in first.groupby("reader"):
        if len(own) < wanted:
            notes.append(f"{reader} has rated {len(own)} of {wanted} items; the rest is missing, not failed.")
    if first["reader"].nunique() == 1:
        notes.append("One reader alone: nothing is known about agreement between readers.")
    share = float(first["passes"].mean())
    if first["reader"].nunique() > 1 and max(share, 1 - share) >= _PREVALENT:
        what = "passed" if share > 0.5 else "failed"
        notes.append(
            f"{100 * max(share, 1 - share):.0f} % of the ratings {what}: with so few others kappa is small "
            "even where readers agree (its paradox of prevalence); read Gwet's AC1."
        )
    if cutoff is not None and not (cutoff.n_pass and cutoff.n_fail):
        outcome = "passed" if cutoff.n_pass else "failed"
        notes.append(
            f"Every item with a Dice value {outcome}: no value of Dice separates pass from fail in this sample."
        )
    if cutoff is not None and 0 < min(cutoff.n_pass, cutoff.n_fail) < 5:
        notes.append(
            f"Only {min(cutoff.n_pass, cutoff.n_fail)} of the items lie on one side of the cut: it is uncertain, "
            "and its interval may be too narrow."
        )
    if cutoff is not None and cutoff.n_pass and cutoff.n_fail and cutoff.auc < 0.5:
        notes.append("Readers failed masks of high Dice more often than others: Dice does not measure what they judge.")
    lost = items[items["source"].isin(list(scores)) & items["dice"].isna()]["case"]
    if len(lost):
        notes.append(f"{len(lost)} sampled items have no defined Dice and do not enter the cut: {some(list(lost))}.")
    if items.groupby("case").size().max() > 1:
        notes.append(
            "Masks of several sources show the same case; intervals of pass rates and agreement treat them as "
            "independent, that of the cut resamples whole cases."
        )
    return notes
