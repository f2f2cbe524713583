"""Sessions that hypothesis edits."""

import numpy as np
from tests import phantoms

from septum.interactive.session.session import Session

SHAPE = (6, 14, 15)


def fresh(**more):
    image = np.random.default_rng(0).standard_normal(SHAPE)
    layers = {"main": phantoms.box(SHAPE).array, "other": np.zeros(SHAPE, np.uint8)}
    return Session(layers, image=image, spacing=(2.0, 1.0, 1.0), **more)
