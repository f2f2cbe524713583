"""A session that was kept."""

import numpy as np
import pytest
from tests.interactive.session.keeping import SHAPE

from septum.interactive.edits.paint import paint
from septum.interactive.session.session import Session


@pytest.fixture
def kept(tmp_path):
    """A folder with a session of three edits, and the labels after each."""
    folder = tmp_path / "kept"
    states = [np.zeros(SHAPE, np.uint8)]
    with Session.create(folder, {"main": states[0]}, source={"labels": "none"}) as session:
        for number in range(3):
            session.run(paint, points=[[number, 2 * number, 3]], radius_mm=2.5, label=number + 1)
            states.append(session.labels().copy())
    return folder, states
