"""The contact sheet holds every picture."""

import numpy as np
from tests.report.figures.viewed import pixels

from septum.report.figures.contact import contact_sheet
from septum.report.figures.views import view_thumbnail, views


def test_the_contact_sheet_holds_every_picture() -> None:
    view = views(None, {"mask": np.pad(np.ones((20, 20), int), 20)}, spacing=(1.0, 1.0))[0]
    small = view_thumbnail(view)
    assert max(pixels(small).shape) <= 144
    one = pixels(contact_sheet([("a", small)], heading="h"))
    nine = pixels(contact_sheet([("case_with_a_very_long_name_that_does_not_fit", small)] * 9, heading="h"))
    black = [(sheet.sum(axis=2) < 30).sum() for sheet in (one, nine)]
    assert black[1] > 7 * black[0] > 0
