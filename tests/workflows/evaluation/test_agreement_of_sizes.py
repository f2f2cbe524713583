"""Bland-Altman of sizes: in millilitres, square millimetres, or counts where a file has no physical size."""

from __future__ import annotations

import math

import pytest

from septum.metrics import Counts
from septum.workflows.evaluation.analysis import Scored, agreement_of_sizes
from septum.workflows.scores.scores import Score

COUNTS = {"a": Counts(900, 300, 100, 9000), "b": Counts(1900, 100, 100, 9000), "c": Counts(2900, 100, 400, 9000)}
"""References of 1000, 2000 and 3300 samples, predictions of 1200, 2000 and 3000: differences 200, 0, -300."""


def table(sample_size: float, ndim: int, *, missing: bool = False) -> tuple[str, float]:
    """The unit that is shown, and the mean difference in the table."""
    sizes = {"a": math.nan if missing else sample_size, "b": sample_size, "c": sample_size}
    scores = [Score(case, 1, "x", counts, 0.0, method="m", sample_size=sizes[case]) for case, counts in COUNTS.items()]
    found = agreement_of_sizes(Scored(scores, ("m",), (), ndim))
    frame = found.tables["agreement"]
    (bias,) = [column for column in frame.columns if column.startswith("bias, ")]
    return bias.removeprefix("bias, "), float(frame[bias].iloc[0])


@pytest.mark.parametrize(
    ("size", "ndim", "missing", "unit", "bias"),
    [
        (2.0, 3, False, "ml", -100 / 3 * 2.0 / 1000),
        (0.25, 2, False, "mm²", -100 / 3 * 0.25),
        (2.0, 3, True, "voxels", -100 / 3),
        (0.25, 2, True, "px", -100 / 3),
    ],
)
def test_the_unit_is_that_of_the_files_and_the_bias_is_in_it(
    size: float, ndim: int, missing: bool, unit: str, bias: float
) -> None:
    shown, found = table(size, ndim, missing=missing)
    assert shown == unit
    assert found == pytest.approx(bias, rel=1e-3)


def test_one_case_has_no_agreement() -> None:
    score = Score("a", 1, "x", COUNTS["a"], 0.0, method="m", sample_size=1.0)
    assert agreement_of_sizes(Scored([score], ("m",), (), 3)).tables == {}
