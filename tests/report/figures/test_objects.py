"""Pictures of single objects: one pass, colours that tell neighbours apart."""

import io

import numpy as np
import pytest
from PIL import Image as Picture

from septum.errors import GeometryError
from septum.report.figures.objects import id_colours, side_by_side, tinted_labels


def test_ids_next_to_each_other_differ_clearly():
    colours = id_colours(np.arange(1, 200)).astype(int)
    assert np.abs(np.diff(colours, axis=0)).sum(1).min() > 60


def test_background_is_untouched_and_outlines_have_the_full_colour():
    labels = np.zeros((20, 20), int)
    labels[5:15, 5:15] = 7
    canvas = np.full((20, 20, 3), 100, np.uint8)
    painted = tinted_labels(canvas, labels)
    assert (painted[labels == 0] == 100).all()
    assert painted[5, 5].tolist() == id_colours(np.array([7]))[0].tolist()
    assert painted[10, 10].tolist() != painted[5, 5].tolist()


@pytest.mark.parametrize("shape", [(20, 30), (6, 20, 30)])
def test_three_panels_with_an_image_and_two_without(shape):
    labels = np.zeros(shape, int)
    labels[..., 4:9, 4:9], labels[..., 4:9, 15:20] = 1, 2
    widths = []
    for image in (np.zeros((1, *shape)), None):
        png = side_by_side(image, labels > 0, labels=labels, spacing=(1.0,) * len(shape), longest_px=120)
        with Picture.open(io.BytesIO(png)) as picture:
            widths.append(picture.width)
    assert widths == [3 * 128 - 8, 2 * 128 - 8]


def test_shapes_that_differ_are_refused():
    with pytest.raises(GeometryError, match="share one"):
        side_by_side(None, np.zeros((4, 4), int), labels=np.zeros((4, 5), int), spacing=(1, 1))
