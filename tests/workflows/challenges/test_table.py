"""The table of challenges: every row says what it scores and what its numbers are not."""

from __future__ import annotations

import pytest

from septum.errors import ConfigError
from septum.workflows.challenges.table import CHALLENGES, find_challenge


def test_every_row_of_the_table_names_scores_caution_and_methods() -> None:
    for row in CHALLENGES:
        assert row.columns
        assert len({column.key for column in row.columns}) == len(row.columns)
        assert row.caution
        assert row.methods[0] == "auto"


def test_a_row_is_found_by_its_name_and_a_slip_of_the_pen_is_answered_with_it() -> None:
    for row in CHALLENGES:
        assert find_challenge(row.name) is row
    with pytest.raises(ConfigError, match="did you mean 'vessels'"):
        find_challenge("vesels")
