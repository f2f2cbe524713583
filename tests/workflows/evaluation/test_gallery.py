"""Pictures of cases show what was scored, whatever value marks it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from septum import io
from septum.geometry import Grid, LabelMap
from septum.workflows.data.cases import Case, Source
from septum.workflows.evaluation.coding import Coding
from septum.workflows.evaluation.gallery import example_of
from septum.workflows.evaluation.pairs import Pair


@pytest.mark.parametrize(("background", "structure"), [(255, 0), (0, 255), (0, 1), (7, 0), (7, 255)])
def test_the_structure_is_outlined_and_the_background_is_zero(tmp_path: Path, background: int, structure: int) -> None:
    masks = [np.full((20, 24), background, np.uint8) for _ in range(2)]
    masks[0][4:12, 5:15] = structure
    masks[1][6:14, 5:15] = structure
    paths = [tmp_path / name for name in ("reference.png", "prediction.png")]
    for path, mask in zip(paths, masks, strict=True):
        io.write_labels(path, LabelMap(mask, Grid.from_spacing(mask.shape, (1.0, 1.0))))
    pair = Pair(Case("a", (), Source(paths[0])), Source(paths[1]))
    coding = Coding(background, None, None, {}, {structure: "structure"})
    example = example_of(pair, None, coding=coding, resample=False)
    for drawn, mask in zip((example.reference, example.prediction), masks, strict=True):
        np.testing.assert_array_equal(drawn != 0, mask == structure)
