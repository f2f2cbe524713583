"""Interpolation between slices: phantoms with known answers, properties, and every guard."""

import importlib.util
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.interactive.slices.shapes import ball, dice, drawn_only, picture_of

from septum.errors import Cancelled, ConfigError, GeometryError
from septum.interactive.slices.held_out import leave_one_slice_out
from septum.interactive.slices.image_based import ImageBasedSettings
from septum.interactive.slices.interpolate import find_drawn, interpolate, update_after

DEEP = ("distance", "image")


@pytest.mark.parametrize("method", DEEP)
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_ball_comes_back_from_every_third_slice_along_any_axis(method, axis):
    true = np.moveaxis(ball(), 0, axis)
    slices = [3, 6, 9, 12, 15, 18, 21]
    made = interpolate(drawn_only(true, slices, axis), method=method, image=picture_of(true))
    assert dice(made, true) > 0.97
    assert (np.moveaxis(made, axis, 0)[slices] == np.moveaxis(true, axis, 0)[slices]).all()


def test_permuting_the_axes_permutes_the_result():
    true = ball((21, 30, 26), 8)
    sparse = drawn_only(true, [2, 7, 12, 17])
    made = interpolate(sparse, drawn={0: [2, 7, 12, 17]}, spacing=(3, 1, 2))
    turned = interpolate(sparse.transpose(2, 0, 1), drawn={1: [2, 7, 12, 17]}, spacing=(2, 3, 1))
    assert (turned == made.transpose(2, 0, 1)).all()


@pytest.mark.parametrize(("ends", "areas"), [("none", "nothing"), ("half", "all"), ("taper", "less and less")])
def test_an_object_that_the_next_slice_lacks_ends_as_chosen(ends, areas):
    sparse = np.zeros((9, 30, 30), np.uint8)
    sparse[0] = ball((1, 30, 30), 9)[0]
    found = interpolate(sparse, drawn={0: [0, 8]}, ends=ends).astype(bool).sum(axis=(1, 2))
    first = found[0]
    expected = {
        "nothing": (found[1:] == 0).all(),
        "all": (found[1:4] == first).all() and (found[4:] == 0).all(),
        "less and less": (np.diff(found[:5]) < 0).all() and (found[5:] == 0).all(),
    }
    assert expected[areas]


def test_two_labels_that_touch_on_the_slices_leave_no_gap_and_do_not_overlap():
    whole = np.repeat(ball((1, 40, 40), 14)[0][None], 9, axis=0)
    split = np.arange(40)[None, None, :] < np.linspace(12, 28, 9)[:, None, None]
    true = np.where(split, whole, whole * 2).astype(np.uint8)
    made = interpolate(drawn_only(true, [0, 8]))
    assert ((made > 0) == (whole > 0)).mean() > 0.998
    assert dice(made, true) > 0.9


def test_renaming_labels_renames_the_result():
    true = ball((13, 30, 30), 8) + ball((13, 30, 30), 4)
    sparse = drawn_only(true, [0, 4, 8, 12])
    made = interpolate(sparse, drawn={0: [0, 4, 8, 12]})
    names = np.array([0, 9, 4], np.uint8)
    assert (interpolate(names[sparse], drawn={0: [0, 4, 8, 12]}) == names[made]).all()


def test_slices_drawn_along_two_axes_are_all_kept_and_help():
    true = ball((31, 31, 31), 12)
    one = {0: [3, 15, 27]}
    both = {0: [3, 15, 27], 2: [7, 15, 23]}
    sparse = drawn_only(true, one[0]) | drawn_only(true, both[2], 2)
    made = interpolate(sparse, drawn=both)
    assert (made[both[0]] == true[both[0]]).all()
    assert (made[:, :, both[2]] == true[:, :, both[2]]).all()
    inside = np.s_[3:28, :, 7:24]
    assert dice(made[inside], true[inside]) > dice(interpolate(sparse, drawn=one)[inside], true[inside])


@settings(max_examples=15, deadline=None)
@given(st.sampled_from([4, 8, 12, 16]), st.integers(5, 14))
def test_drawing_a_slice_anew_changes_its_two_slabs_as_the_whole_would(index, radius):
    drawn = [0, 4, 8, 12, 16, 20]
    made = interpolate(drawn_only(ball((21, 32, 32), 10), drawn), drawn={0: drawn})
    made[index] = ball((1, 32, 32), radius)[0]
    change = update_after(made, axis=0, index=index, drawn=drawn)
    assert (change.box.start[0], change.box.stop[0]) == (index - 4, index + 5)
    assert (change.applied_to(made) == interpolate(made, drawn={0: drawn})).all()


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: interpolate(np.zeros((4, 4, 4), np.uint8)), ConfigError, "no label at all"),
        (lambda: interpolate(drawn_only(ball(), [9])), ConfigError, "at least two drawn slices, got one"),
        (lambda: interpolate(np.ones((4, 4, 4), np.uint8)), ConfigError, "nothing is left"),
        (lambda: interpolate(ball(), drawn={0: [4]}), ConfigError, "got 1"),
        (lambda: interpolate(ball(), drawn={0: [4, 99]}), GeometryError, "0 to 24"),
        (lambda: interpolate(ball(), drawn={3: [4, 9]}), GeometryError, "0, 1 or 2"),
        (lambda: interpolate(ball()[0]), GeometryError, "3 axes"),
        (lambda: interpolate(ball(), drawn={0: [1, 9]}, method="image"), ConfigError, "given the image"),
        (
            lambda: interpolate(ball(), drawn={0: [1, 9]}, method="image", image=np.zeros((2, 2, 2))),
            GeometryError,
            "labels' shape",
        ),
        (lambda: interpolate(ball(), drawn={0: [1, 9]}, method="magic"), ConfigError, "method must be one of"),
        (lambda: interpolate(ball(), drawn={0: [1, 9]}, ends="round"), ConfigError, "ends must be one of"),
        (lambda: leave_one_slice_out(ball(), drawn={0: [1, 9]}), ConfigError, "at least three"),
        (lambda: ImageBasedSettings(band=0), ConfigError, "band"),
    ],
)
def test_what_cannot_be_interpolated_is_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_a_person_can_stop_it():
    with pytest.raises(Cancelled):
        interpolate(drawn_only(ball(), [3, 9, 15]), cancelled=lambda: True)


def test_drawn_slices_are_found_along_the_axis_that_they_lie_on():
    assert find_drawn(drawn_only(ball(), [4, 9, 20], 0)) == {0: [4, 9, 20]}
    assert find_drawn(drawn_only(ball((40, 25, 40)), [4, 9], 1)) == {1: [4, 9]}


def test_morphological_agrees_with_the_distance_method_on_a_ball(tmp_path):
    # In a process of its own: ITK beside SimpleITK in one long process can end it with a fault.
    if importlib.util.find_spec("itk") is None:
        pytest.skip("ITK's module is not installed")
    true = ball()
    np.save(tmp_path / "sparse.npy", drawn_only(true * 7, [3, 8, 13, 18, 21]))
    script = (
        "import numpy as np, sys; from septum.interactive.slices.interpolate import interpolate; "
        "np.save(sys.argv[2], interpolate(np.load(sys.argv[1]), method='morphological'))"
    )
    names = [str(tmp_path / "sparse.npy"), str(tmp_path / "made.npy")]
    subprocess.run([sys.executable, "-c", script, *names], check=True, timeout=120)
    made = np.load(tmp_path / "made.npy")
    assert set(np.unique(made)) == {0, 7}
    assert dice(made, true * 7) > 0.93


def test_the_morphological_method_without_its_library_names_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "itk", None)
    with pytest.raises(ConfigError, match="pip install itk"):
        interpolate(drawn_only(ball(), [3, 9, 15]), method="morphological")
