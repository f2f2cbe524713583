"""What a loss leaves out is what a data set wrote where nobody annotated."""

import numpy as np
import pytest

from septum.geometry.class_maps import MOST_SMALL, class_type, ignore_class


@pytest.mark.parametrize("count", [1, 2, MOST_SMALL, MOST_SMALL + 1, 4000])
def test_the_ignored_class_fits_its_map_and_is_none_of_the_classes(count: int) -> None:
    assert ignore_class(count) == np.iinfo(class_type(count)).max >= count


def test_maps_are_small_as_long_as_the_classes_leave_room() -> None:
    assert class_type(MOST_SMALL) is np.uint8
    assert class_type(MOST_SMALL + 1) is np.uint16
