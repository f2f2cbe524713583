"""Several images of one patient, told by their names: shown to a person, never decided."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from septum.workflows.data.cases import Case, Dataset, Source
from septum.workflows.doctor.patients import check_patients, suspected


def findings(*names: str, group: str | None = None) -> list[Any]:
    cases = tuple(Case(name, (Source(Path(f"{name}.png")),), group=group) for name in names)
    facts: Any = [SimpleNamespace(case=name) for name in names]
    return list(check_patients(facts, Dataset(Path("set"), "folders", cases)))


@pytest.mark.parametrize(
    ("names", "patients"),
    [
        (["STS_002_CT", "STS_002_PET", "STS_012_CT", "STS_012_PET"], {"STS_002", "STS_012"}),
        (["p1-left", "p1-right", "p2-left", "p2-right"], {"p1", "p2"}),
        (["p1 a", "p1 b", "p2 a", "p2 b", "p3 a"], {"p1", "p2"}),
        (["cell_001", "cell_002"], set()),  # numbers alone
        (["p1_a", "p1_b"], set()),  # one patient alone may be chance
        (["p1_a", "p1_b", "p2_c", "p2_d"], set()),  # ends that do not recur
        (["p1_a", "p2_a", "p3_a"], set()),
        ([], set()),
    ],
)
def test_names_that_begin_alike_and_end_in_words_that_recur(names: list[str], patients: set[str]) -> None:
    assert set(suspected(names)) == patients


def test_the_finding_counts_images_and_patients_and_says_what_to_do() -> None:
    (one,) = findings(*(f"P{n}_{end}" for n in (1, 2) for end in "abcdef"))
    assert (one.severity, one.code) == ("warning", "groups-suspected")
    assert one.message == "12 images seem to show 2 patients or specimens, such as P1 (a, b, c, d, …)"
    assert "columns image,label,group" in one.mend
    (few,) = findings(*(f"P{n}_{end}" for n in (1, 2) for end in "abcd"))
    assert few.message.endswith("P1 (a, b, c, d)")


def test_nothing_is_said_where_groups_are_declared_or_nothing_is_suspected() -> None:
    assert findings("P1_a", "P1_b", "P2_a", "P2_b", group="anna") == []
    assert findings("a", "b") == []
