"""The section of the training report about grading: the error of the estimates, and on which side of good they lie."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.workflows.models import PLAN

from septum.workflows.quality.calibration import Calibration
from septum.workflows.quality.grade import ClassQuality, HeldOut, Quality
from septum.workflows.quality.looks import ImageReference
from septum.workflows.quality.report_section import quality_sections

FIT = Calibration(0.0, 1.0, 0.0, width=0.4, coverage=0.9, cases=12, error=0.05)


def quality(*rows: HeldOut, classes: tuple[ClassQuality, ...] = ()) -> Quality:
    images: Any = ImageReference.of([np.arange(7.0) + n for n in range(5)])
    return Quality(1, classes, images, rows)


def row(label: int, true: float, estimate: float) -> HeldOut:
    return HeldOut("a", label, 0.9, None, true, estimate)


def test_nothing_held_out_is_no_section() -> None:
    assert quality_sections(quality(), PLAN) == ()


def test_the_error_and_the_right_side_of_good_are_told() -> None:
    (section,) = quality_sections(quality(row(3, 0.9, 0.8), row(3, 0.5, 0.6), row(7, 0.6, 0.9)), PLAN)
    assert "on the 3 masks of held-out cases" in section.text
    assert "mean absolute error 0.167; 67% on the right side of a Dice of 0.7 (33% are above it)" in section.text
    block = replace(quality(row(3, 0.9, 0.8)), held="block")
    assert "on the 1 mask of the held-out block" in quality_sections(block, PLAN)[0].text
    (drawing,) = section.drawings
    assert drawing.draw("svg").lstrip().startswith(b"<?xml")


def test_classes_say_from_what_they_are_graded_and_how_wide_their_interval_is() -> None:
    plain, both, none, rough = (
        ClassQuality(3, FIT, None, None),
        ClassQuality(7, FIT, Calibration(0, 1, 0.5, width=None, coverage=0.8, cases=4, error=0.1), None),
        ClassQuality(7, None, None, None),
        ClassQuality(7, None, None, None, rough=FIT),
    )
    (section,) = quality_sections(quality(row(3, 0.9, 0.8), classes=(plain, both, none, rough)), PLAN)
    (table,) = section.tables
    assert [tuple(found) for found in table.rows] == [
        ("label 3", 12, 0.05, "0.100", "90%", "probabilities"),
        ("label 7", 4, 0.1, "–", "80%", "probabilities, agreement of the networks"),
    ]


@pytest.mark.parametrize(("true", "estimate", "right"), [(0.7, 0.7, "100%"), (0.69, 0.7, "0%")])
def test_a_dice_at_the_threshold_is_good(true: float, estimate: float, right: str) -> None:
    (section,) = quality_sections(quality(row(3, true, estimate)), PLAN)
    assert f"{right} on the right side" in section.text
