"""The single objects of a run are judged image by image, and counted at its end.

The insight: what is said about an object belongs into its row, so objects are judged between being found and being
written; the list of counts is written once, when the run ends or is stopped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from septum.workflows.looking.page import DoubtRow
from septum.workflows.model.plan import Plan
from septum.workflows.prediction.objects import SegmentedObjects
from septum.workflows.quality.count_estimates import CountEstimate, count_words, judge_objects
from septum.workflows.quality.count_list import write_counts
from septum.workflows.quality.grade import Quality, distances, unlikeness
from septum.workflows.quality.looks import Look


class ObjectCounts:
    """The counts of a run: `judge` the objects of each image, `write` at the end."""

    def __init__(self, plan: Plan, quality: Quality | None, *, folds: Sequence[int]) -> None:
        """plan: of the model; quality: what it knows of itself; folds: numbers of the networks, in their order."""
        self.plan, self.quality, self.folds = plan, quality, tuple(folds)
        self.counts: list[CountEstimate] = []
        self._doubts: tuple[str, tuple[DoubtRow, ...]] = ("", ())

    def judge(self, case: str, found: SegmentedObjects, *, look: Look) -> SegmentedObjects:
        """The same objects with two more columns: `likely_right` (probability; empty where nothing is known) and
        `doubt` (why to look at it; empty where nothing speaks for that). The look is told why the objects say that the
        image is unlike those of the training."""
        far = distances(look, self.quality, folds=self.folds)
        unlike = unlikeness(look, self.plan, quality=self.quality, far=far)
        if not unlike and self.quality is not None and self.quality.counts is not None:
            unlike = self.quality.images.apart(look.features)
        judged = judge_objects(
            found.labels.array,
            found.table["confidence"].to_numpy(float),
            spacing=found.labels.grid.spacing,
            known=None if self.quality is None else self.quality.counts,
            unlike=unlike,
            case=case,
        )
        self.counts.append(judged.count)
        look.unlike = judged.unlike
        rows = zip(found.table["id"], judged.likely_right, judged.doubts, strict=True)
        self._doubts = (
            case,
            tuple(
                DoubtRow(int(one), None if np.isnan(likely) else round(float(likely), 4), why)
                for one, likely, why in rows
                if why
            ),
        )
        table = found.table.assign(likely_right=judged.likely_right.round(4), doubt=list(judged.doubts))
        return replace(found, table=table)

    def doubts(self, case: str) -> tuple[DoubtRow, ...]:
        """The doubtful objects of the image that was judged last; none of another."""
        return self._doubts[1] if self._doubts[0] == case else ()

    def write(self, output: Path, failures: Sequence[tuple[str, str]]) -> str:
        """Write `counts.csv` where objects were counted; one line about them, empty where none were.

        Args:
            output: folder of the masks.
            failures: (name, reason) of images whose objects could not be written.
        """
        failed = {name for name, _ in failures}
        counts = [one for one in self.counts if one.case not in failed]
        if counts:
            write_counts(output, counts)
        return count_words(counts, None if self.quality is None else self.quality.counts)
