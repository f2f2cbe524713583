"""The page of measured objects: how many, how large, how bright, and whether conditions differ.

The insight: the reader's first question is "how many", the second "are the groups different", the third "can I believe
it". So counts stand on top, then units by condition with their tests, then what the masks look like.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from numpy.typing import ArrayLike

from septum.metrics.unpaired import UnpairedComparison
from septum.report.figures.measures import group_dots, group_histogram
from septum.report.pages.page import section_parts, template
from septum.report.pages.sections import Cell, Drawing, Section, Table, interval_text, p_text


@dataclass(frozen=True)
class PageContent:
    """A page of facts, notes and sections.

    Args:
        title: heading.
        facts: name, value, and a remark for the top of the page.
        sections: what follows.
        notes: sentences to read first.
        created, version: date and time as text, and the version of Septum.
        files: names of the files beside the page.
    """

    title: str
    facts: Sequence[tuple[str, str, str]]
    sections: Sequence[Section]
    notes: Sequence[str] = ()
    created: str = ""
    version: str = ""
    files: Sequence[str] = ()


def render_objects(content: PageContent) -> str:
    """The page as one HTML document that needs no other file.

    >>> page = render_objects(PageContent("Nuclei", [("objects", "42", "in 3 images")], []))
    >>> page.startswith("<!DOCTYPE html>"), "in 3 images" in page
    (True, True)
    """
    parts = [section_parts(section, place) for place, section in enumerate(content.sections)]
    return template("tracks.html.j2").render(content=content, sections=parts)


def objects_section(objects: pd.DataFrame, measures: Mapping[str, str]) -> Section:
    """How the objects are spread, a histogram per measure, by condition.

    Args:
        objects: one row per object, with a column `condition`.
        measures: column to its title.

    >>> objects = pd.DataFrame({"condition": ["control"] * 3, "area": [10.0, 12.0, 20.0]})
    >>> section = objects_section(objects, {"area": "area, px²"})
    >>> [drawing.name for drawing in section.drawings], section.tables[0].rows[0][-3:]
    (['objects-area'], (12.0, 11.0, 16.0))
    """
    drawings = []
    for column, title in measures.items():
        groups = {str(name): rows[column].to_numpy(float) for name, rows in objects.groupby("condition", sort=False)}
        alt = f"Histogram of {title} of {len(objects)} objects"
        drawings.append(Drawing(f"objects-{column}", title, alt, _histogram(groups, title)))
    text = "Every object counts once. Thin vertical lines are medians; the largest hundredth is not drawn."
    return Section("Objects", text, drawings, (_spread(objects, measures),))


def units_section(
    units: pd.DataFrame,
    measures: Mapping[str, str],
    *,
    comparisons: Sequence[tuple[str, UnpairedComparison]],
    unit: str,
) -> Section:
    """One dot per independent unit by condition, and the comparison of conditions where there are several.

    Args:
        units: one row per unit, with a column `condition`.
        measures: column to its title.
        comparisons: title of the measure and the comparison.
        unit: what a unit is: image, replicate.

    >>> units = pd.DataFrame({"condition": ["control", "drug"], "count": [40.0, 60.0]})
    >>> section = units_section(units, {"count": "nuclei"}, comparisons=[], unit="image")
    >>> section.title, section.text, section.drawings[0].caption
    ('By image', 'One dot is one image.', 'nuclei, by image')
    """
    drawings = []
    for column, title in measures.items():
        groups = {str(name): rows[column].to_numpy(float) for name, rows in units.groupby("condition", sort=False)}
        alt = f"{title} of {len(units)} {unit}s"
        drawings.append(Drawing(f"units-{column}", f"{title}, by {unit}", alt, _dots(groups, title)))
    text = f"One dot is one {unit}."
    if comparisons:
        text += (
            f" Conditions are compared by {unit}, never by single objects, because objects of one {unit} are not "
            "independent. Two-sided Mann-Whitney test; p (Holm) is corrected for all rows. Effect: Cliff's delta, 1 "
            "where every value of the first condition is larger. Difference: of medians, with its 95 % bootstrap "
            "interval."
        )
        unable = [one for _, one in comparisons if one.p_least >= 0.05]
        if unable:
            text += f" With so few {unit}s, {len(unable)} of these tests cannot reach p < 0.05 at all."
    tables = (_comparison_table(comparisons),) if comparisons else ()
    return Section(f"By {unit}", text, drawings, tables)


def _histogram(groups: Mapping[str, ArrayLike], title: str) -> Callable[[str], bytes]:
    return lambda image_format: group_histogram(groups, measure=title, image_format=image_format)


def _dots(groups: Mapping[str, ArrayLike], title: str) -> Callable[[str], bytes]:
    return lambda image_format: group_dots(groups, measure=title, image_format=image_format)


def _spread(objects: pd.DataFrame, measures: Mapping[str, str]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for name, found in objects.groupby("condition", sort=False):
        for column, title in measures.items():
            low, middle, high = found[column].quantile([0.25, 0.5, 0.75])
            rows.append((str(name), title, len(found), float(middle), float(low), float(high)))
    columns = ("condition", "measure", "objects", "median", "quartile 1", "quartile 3")
    return Table(columns, rows, "", "objects-spread")


def _comparison_table(comparisons: Sequence[tuple[str, UnpairedComparison]]) -> Table:
    columns = ("measure", "conditions", "n", "difference", "95 % interval", "effect", "p", "p (Holm)", "least p")
    rows: list[tuple[Cell, ...]] = [
        (
            title,
            f"{one.first} − {one.second}",
            f"{one.n_first}, {one.n_second}",
            one.difference,
            interval_text(one.difference_ci_low, one.difference_ci_high),
            one.effect,
            p_text(one.p_value),
            p_text(one.p_holm),
            p_text(one.p_least),
        )
        for title, one in comparisons
    ]
    return Table(columns, rows, "“least p”: the smallest that groups of these sizes can reach.", "comparison")
