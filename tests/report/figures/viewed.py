"""Volumes to look at."""

import io

import numpy as np
from PIL import Image as Picture


def pixels(data: bytes) -> np.ndarray:
    with Picture.open(io.BytesIO(data)) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)
