"""Overlays: the right plane, turned the right way, in true proportions, with outlines where the edges are."""

from __future__ import annotations

import io
import itertools

import numpy as np
import pytest
from PIL import Image as Picture
from tests import phantoms

from septum.errors import GeometryError
from septum.geometry.picture import colour_of
from septum.report.figures import overlay
from septum.report.figures.marking import CONFUSED, CORRECT, EXTRA, MISSED
from septum.report.figures.overlay import ShownCase, case_thumbnail, choose_plane, outline, scale_bar


def colours(panel: overlay.Panel) -> set[tuple[int, int, int]]:
    picture = Picture.open(io.BytesIO(panel.data)).convert("RGB")
    return {tuple(int(v) for v in pixel) for pixel in np.unique(np.asarray(picture).reshape(-1, 3), axis=0)}


def rgb(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))


def near(colour: str, found: set[tuple[int, int, int]], *, within: int = 24) -> bool:
    return any(max(abs(a - b) for a, b in zip(rgb(colour), one, strict=True)) <= within for one in found)


def test_a_thumbnail_shows_what_is_right_missed_too_much_and_of_another_class() -> None:
    reference, prediction = np.zeros((40, 80), int), np.zeros((40, 80), int)
    reference[5:35, 5:40], prediction[5:35, 20:60] = 1, 1
    reference[5:35, 65:75], prediction[5:35, 65:75] = 1, 2
    found = colours(case_thumbnail(ShownCase("case 1", np.zeros((1, 40, 80), np.uint8), reference, prediction)))
    for code in (CORRECT, MISSED, EXTRA, CONFUSED):
        assert near(colour_of(code), found), code
    nothing = colours(case_thumbnail(ShownCase("case 1", np.zeros((1, 40, 80), np.uint8), reference, reference)))
    assert not near(colour_of(MISSED), nothing)


def test_of_objects_both_outlines_are_drawn_whatever_their_numbers() -> None:
    box = phantoms.box((40, 50)).array.astype(int)
    panel = case_thumbnail(
        ShownCase("case 1", np.zeros((1, 40, 50), np.uint8), box, np.roll(7 * box, 5, axis=1), objects=True)
    )
    assert near(overlay.REFERENCE_COLOUR, colours(panel), within=40)
    assert near(overlay.PREDICTION_COLOUR, colours(panel), within=40)
    assert "outlines" in panel.alt
    assert "case 1" in panel.alt


def test_a_volume_is_cut_where_the_reference_is_largest() -> None:
    reference = np.zeros((6, 8, 9), np.uint8)
    reference[1, 2, 2] = 1
    reference[4, 2:5, 2:5] = 1
    plane = choose_plane(ShownCase("a", None, reference, np.zeros_like(reference)))
    assert plane.position == "slice 5 of 6"
    np.testing.assert_array_equal(plane.reference, reference[4])


def test_without_reference_the_prediction_decides_and_without_both_the_middle() -> None:
    empty, found = np.zeros((6, 8, 9), np.uint8), np.zeros((6, 8, 9), np.uint8)
    found[2, 3, 3] = 1
    assert choose_plane(ShownCase("a", None, empty, found)).position == "slice 3 of 6"
    assert choose_plane(ShownCase("a", None, empty, empty)).position == "slice 4 of 6"


def test_a_coarse_axis_is_cut_across_and_its_neighbours_keep_their_proportions() -> None:
    mask = phantoms.box((12, 16, 10)).array
    plane = choose_plane(ShownCase("a", None, mask, mask, spacing=(0.5, 1.0, 5.0)))
    assert plane.reference.shape == (12, 16)
    assert plane.aspect == 0.5
    assert plane.column_mm == 1.0
    panel = case_thumbnail(ShownCase("a", None, mask, mask, spacing=(0.5, 1.0, 5.0)))
    picture = Picture.open(io.BytesIO(panel.data))
    assert picture.height / picture.width == pytest.approx(12 * 0.5 / 16, abs=0.01)


@pytest.mark.parametrize(
    "letters",
    ["".join(p) for axes in itertools.product("SI", "AP", "RL") for p in itertools.permutations(axes)],
)
def test_all_48_orientations_show_the_patients_right_on_the_left_and_front_up(letters: str) -> None:
    canonical = np.zeros((5, 6, 7), np.uint8)  # S, A, R
    canonical[2, 5, 6] = 1  # front right
    canonical[2, 0, 2:4] = 1
    order = ["SAR".index({"I": "S", "P": "A", "L": "R"}.get(c, c)) for c in letters]
    stored = canonical.transpose(order)[tuple(slice(None, None, -1 if c in "IPL" else 1) for c in letters)]
    plane = choose_plane(ShownCase("a", None, stored, stored, (1.0, 1.0, 1.0), letters))
    assert plane.letters == "RLAP"
    assert plane.reference.shape == (6, 7)
    assert plane.reference[0, 0] == 1
    np.testing.assert_array_equal(plane.reference, canonical[2, ::-1, ::-1])


def test_sagittal_and_coronal_planes_stand_upright() -> None:
    mask = phantoms.box((8, 9, 10)).array
    coronal = choose_plane(ShownCase("a", None, mask, mask, (1, 4, 1), "SAR"))
    sagittal = choose_plane(ShownCase("a", None, mask, mask, (1, 1, 4), "SAR"))
    assert coronal.letters == "RLSI"
    assert sagittal.letters == "APSI"


def test_the_outline_runs_along_the_edges_of_the_label() -> None:
    labels = np.zeros((3, 3), int)
    labels[1, 1] = 4
    drawn = outline(labels, (30, 30), width_px=2)
    assert drawn[9:11, 10:20].all()
    assert drawn[10:20, 9:11].all()
    assert not drawn[11:19, 11:19].any()
    assert not drawn[:9].any()
    assert outline(labels, (30, 30), width_px=1).sum() == 36


def test_touching_labels_are_divided_and_labels_at_the_border_closed() -> None:
    drawn = outline(np.array([[1, 2]]), (10, 20), width_px=2)
    assert drawn[:, 9:11].all()
    assert drawn[0].all()
    assert drawn[:, -1].all()


def test_equal_images_differ_in_nothing_where_there_is_no_label() -> None:
    assert not outline(np.zeros((4, 5), int), (40, 50)).any()


@pytest.mark.parametrize(
    ("width", "length", "name"),
    [
        (180.0, 50.0, "50 mm"),
        (30.0, 10.0, "10 mm"),
        (0.2, 0.05, "50 µm"),
        (0.002048, 0.0005, "500 nm"),
        (3.0, 1.0, "1 mm"),
    ],
)
def test_scale_bars_are_round_and_at_most_a_third_of_the_picture(width: float, length: float, name: str) -> None:
    found, text = scale_bar(width)
    assert found == pytest.approx(length)
    assert text == name


def test_only_a_known_spacing_gives_a_size() -> None:
    mask = phantoms.box((10, 12)).array
    assert choose_plane(ShownCase("a", None, mask, mask, None)).column_mm is None
    assert choose_plane(ShownCase("a", None, mask, mask, (1.0, 1.0))).column_mm == 1.0
    assert choose_plane(ShownCase("a", None, mask, mask, (0.5, 0.25))).column_mm == 0.25


def test_colour_images_keep_their_colours_and_others_are_windowed() -> None:
    stained = np.zeros((3, 8, 8), np.uint8)
    stained[0] = 200
    mask = np.zeros((8, 8), np.uint8)
    assert (choose_plane(ShownCase("a", stained, mask, mask)).image == [200, 0, 0]).all()
    ct = np.linspace(-1000, 2000, 64, dtype=np.float32).reshape(1, 8, 8)
    ct[0, 0, 0] = np.nan
    grey = choose_plane(ShownCase("a", ct, mask, mask)).image
    assert (grey.min(), grey.max()) == (0, 255)
    assert (np.diff(grey[1:, :, 0].ravel().astype(int)) >= 0).all()


def test_a_constant_image_and_a_single_sample_can_be_drawn() -> None:
    mask = np.ones((1, 1), np.uint8)
    assert case_thumbnail(ShownCase("a", np.full((1, 1, 1), 7.0), mask, mask, (0.5, 0.5))).media == "image/jpeg"


def test_long_thin_and_large_images_stay_small_files() -> None:
    rng = np.random.default_rng(0)
    wide = rng.integers(0, 255, (1, 20, 2000), dtype=np.uint8)
    panel = case_thumbnail(ShownCase("a", wide, np.zeros((20, 2000), int), np.zeros((20, 2000), int)))
    assert Picture.open(io.BytesIO(panel.data)).size == (280, 24)
    assert len(panel.data) < 20_000


def test_arrays_that_do_not_share_a_shape_are_refused() -> None:
    with pytest.raises(GeometryError, match=r"case 7: image .* must share one 2-D or 3-D shape"):
        choose_plane(ShownCase("case 7", None, np.zeros((3, 4), int), np.zeros((4, 3), int)))
    with pytest.raises(GeometryError, match="must share"):
        choose_plane(ShownCase("a", np.zeros((1, 5, 5)), np.zeros((3, 4), int), np.zeros((3, 4), int)))
    with pytest.raises(GeometryError, match="must share"):
        choose_plane(ShownCase("a", None, np.zeros(4, int), np.zeros(4, int)))
