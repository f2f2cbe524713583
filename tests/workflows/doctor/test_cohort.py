"""Faults that only several cases together show, from the numbers that are kept of each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from septum.geometry import Grid
from septum.workflows.data.cases import Case, Dataset, Source
from septum.workflows.doctor import cohort
from septum.workflows.doctor.checks import ALL, CaseFacts


def fact(case: str, **given: Any) -> CaseFacts:
    grid = Grid.from_spacing((9, 9), given.pop("spacing", (1.0, 1.0)), unit=given.pop("unit", "mm"))
    usual: dict[str, Any] = {
        "grid": grid, "labels_grid": grid, "channels": 1, "image_hash": case,
        "label_hash": f"l{case}", "counts": {0: 70, 1: 11}, "grey": False,
    }  # fmt: skip
    return CaseFacts(case, **usual | given)


def codes(check: Any, *facts: CaseFacts, **given: Any) -> dict[str, str]:
    """Case to the code of its finding."""
    dataset = Dataset(Path("set"), "folders", (), **given)
    return {found.case: found.code for found in check(facts, dataset)}


def test_one_picture_twice_is_a_copy_with_one_mask_and_a_conflict_with_two() -> None:
    first, same = fact("a"), fact("b", image_hash="a", label_hash="la")
    assert codes(cohort.check_duplicates, first, same) == {"b": "duplicate-image"}
    other = fact("b", image_hash="a")
    assert codes(cohort.check_duplicates, first, other) == {"a": "duplicate-conflict", "b": "duplicate-conflict"}
    bare = fact("a", label_hash="")
    assert codes(cohort.check_duplicates, bare, other) == {"a": "duplicate-image"}  # the one with labels is kept
    assert codes(cohort.check_duplicates, first, fact("b")) == {}


def test_one_mask_under_two_pictures_is_doubted_unless_it_is_empty() -> None:
    assert codes(cohort.check_duplicates, fact("a"), fact("b", label_hash="la")) == {"b": "duplicate-labels"}
    empty = {"label_hash": "same", "counts": {0: 81}}
    assert codes(cohort.check_duplicates, fact("a", **empty), fact("b", **empty)) == {}


def test_spacings_in_another_unit_and_images_without_one() -> None:
    three = [fact(name) for name in "abc"]
    assert codes(cohort.check_spacing, *three, fact("d", spacing=(0.001, 0.001))) == {"d": "spacing-outlier"}
    assert codes(cohort.check_spacing, *three, fact("d", spacing=(20.0, 20.0))) == {}
    assert codes(cohort.check_spacing, *three, fact("d", unit="px")) == {ALL: "units-mixed"}
    assert codes(cohort.check_spacing, *(fact(name, unit="px") for name in "abc")) == {}


def test_two_codings_of_one_foreground_are_mixed_and_two_classes_are_none() -> None:
    ones = [fact(name) for name in "abc"]
    odd = fact("d", counts={0: 70, 255: 11})
    assert codes(cohort.check_coding, *ones, odd) == {"d": "mixed-coding"}
    assert codes(cohort.check_coding, *ones, fact("d", counts={0: 70, 2: 11})) == {}
    assert codes(cohort.check_coding, *ones, fact("d", counts={0: 70, 1: 5, 255: 6})) == {}
    assert codes(cohort.check_coding, *ones, odd, label_names={0: "none", 1: "cell"}) == {}


@pytest.mark.parametrize(("share", "code"), [(60, "inverted"), (50, None)])
def test_a_mask_that_is_mostly_foreground_among_small_ones_is_perhaps_inverted(share: int, code: str | None) -> None:
    small = [fact(name, counts={0: 90, 1: 10}) for name in "abc"]
    found = codes(cohort.check_polarity, *small, fact("d", counts={0: 100 - share, 1: share}))
    assert found == ({"d": code} if code else {})
    large = [fact(name, counts={0: 20, 1: 80}) for name in "abc"]
    assert codes(cohort.check_polarity, *large) == {ALL: "mostly-foreground"}


def test_a_class_that_one_case_alone_holds_is_rare_unless_values_are_ids() -> None:
    both = [fact(name, counts={0: 60, 1: 10, 2: 11}) for name in "ab"]
    rare = fact("c", counts={0: 60, 1: 10, 7: 3})
    assert codes(cohort.check_rare_classes, *both, rare) == {"c": "rare-class"}
    assert codes(cohort.check_rare_classes, *both, rare, instances=True) == {}
    assert codes(cohort.check_rare_classes, *both, rare, ignore_value=7) == {}
    assert codes(cohort.check_rare_classes, both[0], rare) == {}  # two cases: every class is rare


HEAD, NECK = Grid.from_spacing((5, 9, 9), (3.0, 1.0, 1.0)), Grid.from_spacing((7, 9, 9), (2.5, 1.0, 1.0))


def placed(case: str, image: Grid, labels: Grid) -> CaseFacts:
    return fact(case, grid=image, labels_grid=labels)


def test_labels_on_the_image_of_another_patient_are_doubted_and_not_moved() -> None:
    assert codes(cohort.check_exchanged, placed("p1", HEAD, NECK), placed("p2", NECK, HEAD)) == {
        "p1": cohort.EXCHANGED,
        "p2": cohort.EXCHANGED,
    }
    assert codes(cohort.check_exchanged, placed("p1", HEAD, HEAD), placed("p2", NECK, NECK)) == {}
    fine = Grid.from_spacing((15, 9, 9), (1.0, 1.0, 1.0))  # on no image at all: of another resolution
    assert codes(cohort.check_exchanged, placed("p1", HEAD, fine), placed("p2", NECK, NECK)) == {}


def sized(case: str, image: tuple[int, ...], labels: tuple[int, ...]) -> CaseFacts:
    return fact(case, grid=Grid.pixels(image), labels_grid=Grid.pixels(labels))


def test_labels_of_planes_that_fit_each_others_images_are_doubted() -> None:
    check = cohort.check_exchanged_sizes
    both = {"a": cohort.EXCHANGED, "b": cohort.EXCHANGED}
    assert codes(check, sized("a", (8, 9), (9, 9)), sized("b", (9, 9), (8, 9)), sized("c", (9, 9), (9, 9))) == both
    three = sized("a", (8, 9), (9, 9)), sized("b", (9, 9), (7, 9)), sized("c", (7, 9), (8, 9))
    assert set(codes(check, *three)) == {"a", "b", "c"}
    assert codes(check, sized("a", (8, 9), (9, 9)), sized("b", (9, 9), (9, 9))) == {}  # the other fits: no exchange
    assert codes(check, sized("a", (8, 9), (7, 7)), sized("b", (7, 7), (6, 6))) == {}  # nobody's labels fit a
    assert codes(check, sized("a", (8, 9), (9, 8)), sized("b", (9, 8), (8, 9))) == {}  # transposed, both of them
    assert set(codes(check, sized("a", (3, 8, 9), (3, 9, 9)), sized("b", (3, 9, 9), (3, 8, 9)))) == {"a", "b"}


def test_labels_drawn_on_another_image_of_the_patient_are_where_they_belong() -> None:
    other = placed("p2_CT", NECK, NECK)
    assert codes(cohort.check_exchanged, placed("p1_CT", HEAD, NECK), placed("p1_PET", NECK, NECK), other) == {}
    two = placed("BraTS20_Training_001", HEAD, NECK), placed("BraTS20_Training_002", NECK, HEAD)
    assert set(codes(cohort.check_exchanged, *two)) == {"BraTS20_Training_001", "BraTS20_Training_002"}
    facts = placed("a", HEAD, NECK), placed("b", NECK, NECK)
    cases = tuple(Case(name, (Source(Path(name)),), group="p1") for name in "ab")
    assert list(cohort.check_exchanged(facts, Dataset(Path("set"), "table", cases))) == []


def test_modalities_in_one_set_are_doubted_and_so_are_classes_that_each_lie_in_one_of_them() -> None:
    kinds = ("CT", "MR", "PT")
    facts = [
        fact(f"{patient}{kind}", modality=kind, counts={0: 70, value: 11})
        for patient in "ab"
        for value, kind in enumerate(kinds, 1)
    ]
    assert codes(cohort.check_modalities, *facts) == {ALL: "modalities-mixed"}
    assert codes(cohort.check_modalities, *facts[::3], fact("c")) == {}
    (found,) = cohort.check_other_names(facts, Dataset(Path("set"), "folders", (), {1: "GTV_CT", 2: "GTV_MR"}))
    assert (found.case, found.code, found.severity) == (ALL, "other-names", "warning")
    assert "GTV_CT (CT), GTV_MR (MR), label 3 (PT)" in found.message
    together = fact("c", modality="CT", counts={0: 70, 1: 5, 2: 6})
    elsewhere = fact("c", modality="CT", counts={0: 70, 2: 11})
    for other in (together, elsewhere):
        assert codes(cohort.check_other_names, *facts, other) == {}
    assert codes(cohort.check_other_names, *facts[::3]) == {}
    assert codes(cohort.check_other_names, fact("a"), fact("b", counts={0: 70, 2: 11})) == {}
