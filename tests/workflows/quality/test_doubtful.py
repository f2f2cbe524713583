"""Objects that are likely merged or split: their sizes and their waists tell, and reasons are said in words."""

from __future__ import annotations

import numpy as np
import pytest

from septum.workflows.quality.doubtful import (
    ObjectForms,
    ObjectRanges,
    are_odd,
    doubts_of,
    mostly_odd,
    object_forms,
    odd_limit,
)


def discs(*placed: tuple[float, float, float], shape: tuple[int, int] = (80, 80), merged: bool = False) -> np.ndarray:
    """Discs of (y, x, radius), each an object of its own, or all one."""
    labels, (y, x) = np.zeros(shape, np.int32), np.indices(shape)
    for number, (cy, cx, radius) in enumerate(placed, start=1):
        labels[np.hypot(y - cy, x - cx) <= radius] = 1 if merged else number
    return labels


def annotated(radii: tuple[float, ...], *, images: int = 1) -> list[ObjectForms]:
    every = [discs((40, 40, radius)) for radius in np.linspace(*radii, 30)]
    return [object_forms(one, spacing=(1.0, 1.0)) for one in every * images]


def doubt(labels: np.ndarray, ranges: ObjectRanges | None, likely: float = 0.9) -> list[str]:
    forms = object_forms(labels, spacing=(1.0, 1.0))
    return doubts_of(forms, np.full(len(forms.ids), likely), ranges=ranges)


def test_sizes_are_in_the_units_of_the_spacing_and_the_edge_is_seen() -> None:
    labels = np.zeros((10, 12), np.uint16)
    labels[2:6, 3:9], labels[8:, 0:2] = 7, 9
    labels = labels.astype(np.int32)
    labels[0, 5] = -1
    forms = object_forms(labels, spacing=(0.5, 2.0))
    assert forms.ids.tolist() == [7, 9]
    assert forms.size.tolist() == [24.0, 4.0]
    assert forms.cut.tolist() == [False, True]
    assert forms.solidity.tolist() == [1.0, 1.0]


def test_images_without_objects_volumes_and_single_pixels_are_measured() -> None:
    assert object_forms(np.zeros((5, 5), int), spacing=(1.0, 1.0)).size.shape == (0,)
    single = np.zeros((5, 5), int)
    single[2, 2] = 1
    assert object_forms(single, spacing=(1.0, 1.0)).solidity.tolist() == [1.0]
    cube = np.zeros((5, 6, 7), np.uint32)
    cube[1:3, 1:4, 1:5] = 1
    forms = object_forms(cube, spacing=(2.0, 1.0, 1.0))
    assert forms.size.tolist() == [48.0]
    assert np.isnan(forms.solidity).all()
    flat = object_forms(cube[1:2], spacing=(2.0, 1.0, 1.0))
    assert not flat.cut.any()  # an axis of one sample has no edge


def test_discs_run_together_are_larger_or_have_a_waist_and_pieces_are_smaller() -> None:
    ranges = ObjectRanges.of(annotated((9.0, 11.0), images=4))
    assert ranges is not None
    assert ranges.objects == 120
    assert doubt(discs((40, 40, 10)), ranges) == [""]
    (both,) = doubt(discs((40, 31, 10), (40, 49, 10), merged=True), ranges)
    assert both == (
        "larger than 99 of 100 annotated objects: perhaps several in one; "
        "not as convex as annotated ones: perhaps several in one"
    )
    assert doubt(discs((40, 40, 4)), ranges) == ["smaller than 99 of 100 annotated objects: perhaps a part"]
    (waist,) = doubt(discs((40, 34, 7), (40, 46, 7), merged=True), ranges)  # together of the size of one
    assert waist == "not as convex as annotated ones: perhaps several in one"


def test_what_the_edge_cuts_is_not_too_small_but_may_be_too_large() -> None:
    ranges = ObjectRanges.of(annotated((9.0, 11.0)))
    assert doubt(discs((0, 40, 4)), ranges) == [""]
    assert doubt(discs((0, 40, 30)), ranges)[0].startswith("larger than all 30 annotated objects")


def test_objects_that_the_edge_cuts_teach_no_size_and_few_teach_nothing() -> None:
    whole = annotated((9.0, 11.0))
    cut = object_forms(discs((0, 40, 3)), spacing=(1.0, 1.0))
    assert ObjectRanges.of([*whole, cut]) == ObjectRanges.of(whole)
    assert ObjectRanges.of(whole[:19]) is None
    assert ObjectRanges.of([]) is None
    assert doubt(discs((40, 40, 4)), None) == [""]


def test_an_object_that_is_more_likely_wrong_than_right_is_unsure_and_one_without_a_figure_is_not() -> None:
    assert doubt(discs((40, 40, 10)), None, 0.49) == ["unsure"]
    assert doubt(discs((40, 40, 10)), None, 0.5) == [""]
    assert doubt(discs((40, 40, 10)), None, float("nan")) == [""]


@pytest.mark.parametrize(
    "wrong", [{"objects": 0}, {"smallest": float("nan")}, {"largest": 1.0}, {"least_solid": 2.0}, {"smallest": -1.0}]
)
def test_ranges_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    good = {"objects": 30, "smallest": 10.0, "largest": 90.0, "least_solid": 0.9}
    ObjectRanges(**good).check()  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="sizes of objects"):
        ObjectRanges(**good | wrong).check()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("odd", "found", "most"), [(1, 1, False), (2, 2, False), (3, 3, True), (3, 12, False), (4, 12, True)]
)
def test_two_objects_are_not_most_of_an_image(odd: int, found: int, *, most: bool) -> None:
    assert mostly_odd(odd, found, limit=0.2) == most


def test_objects_are_odd_as_they_are_doubtful_for_their_form() -> None:
    labels = np.zeros((30, 90), int)
    labels[5:12, 5:12], labels[5:20, 20:36], labels[5:7, 50:52], labels[0:9, 70:80] = 1, 2, 3, 4  # the last one is cut
    forms = object_forms(labels, spacing=(1.0, 1.0))
    ranges = ObjectRanges(300, 20.0, 100.0, 0.8)
    doubts = doubts_of(forms, np.full(4, 0.9), ranges=ranges)
    assert are_odd(forms, ranges).tolist() == [bool(why) for why in doubts] == [False, True, True, False]


def test_what_is_usual_in_held_out_images_is_not_odd() -> None:
    assert odd_limit([]) == odd_limit([(0, 0)]) == 0.2
    assert odd_limit([(3, 10), (2, 10), (9, 10)]) == 0.6
    assert odd_limit([(9, 10)] * 3) == 1.0
    assert not mostly_odd(10, 10, limit=1.0)
