"""The part of the training report that says how well masks can be graded without their references."""

from __future__ import annotations

import numpy as np

from septum.report.figures.agreement import estimate_plot
from septum.report.pages.sections import Cell, Drawing, Section, Table
from septum.workflows.model.plan import Plan
from septum.workflows.quality.grade import Quality
from septum.workflows.quality.worklist import THRESHOLD
from septum.workflows.runs.words import counted


def quality_sections(quality: Quality, plan: Plan) -> tuple[Section, ...]:
    """Estimated against true Dice of the held-out cases, each graded by the others; nothing where none was held out."""
    rows = quality.held_out
    if not rows:
        return ()
    names = dict(zip(plan.classes.values, plan.classes.names, strict=True))
    true, likely = np.array([row.dice for row in rows]), np.array([row.estimate for row in rows])
    labels = [names[row.label] for row in rows]
    error = float(np.abs(true - likely).mean())
    right = float(((true >= THRESHOLD) == (likely >= THRESHOLD)).mean())
    spoiled = sum(1 for row in rows if row.way)
    block = quality.held == "block"
    which = f"{counted(len(rows) - spoiled, 'mask')} of {'the held-out block' if block else 'held-out cases'}"
    which += f" and {counted(spoiled, 'mask')} of spoiled copies of {'it' if block else 'them'}" if spoiled else ""
    text = (
        f"What septum predict will say about masks without a reference, tried on the {which}, "
        f"each graded without its case: mean absolute error {error:.3f}; {right:.0%} on the right side of a Dice "
        f"of {THRESHOLD} ({(true >= THRESHOLD).mean():.0%} are above it)."
    )
    drawing = Drawing(
        "estimates",
        "Estimated against true Dice of held-out cases",
        f"Scatter of {len(rows)} masks around the diagonal, mean absolute error {error:.3f}",
        lambda f: estimate_plot(true, likely, labels=labels, image_format=f),
    )
    return (Section("Quality without ground truth", text, (drawing,), (_table(quality, names),)),)


def _table(quality: Quality, names: dict[int, str]) -> Table:
    found: list[tuple[Cell, ...]] = []
    for one in quality.classes:
        fit = one.together or one.alone
        if fit is not None:
            width = "–" if fit.width is None else f"{fit.width * 0.25:.3f}"
            use = "probabilities" if one.together is None else "probabilities, agreement of the networks"
            found.append((names[one.label], fit.cases, fit.error, width, f"{fit.coverage:.0%}", use))
    columns = ("label", "n", "mean absolute error", "± at a Dice of 0.8", "coverage meant", "from")
    return Table(
        columns, found, "Errors with each case held out; a spoiled copy weighs less than an image as it is.", "quality"
    )
