"""Layers are read once, anew when their file is; differences are counted as a person would."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from starlette.testclient import TestClient
from tests.server.routes.test_looking import values

from septum import io
from septum.geometry import Grid, LabelMap
from septum.server import layers
from septum.server.layers import CaseLayers, difference
from septum.workflows.projects.store import MissingError

MAPS = arrays(np.uint8, (3, 4, 5), elements=st.sampled_from([0, 1, 2, 200]))


@given(MAPS, MAPS)
def test_a_difference_counts_what_is_missed_extra_and_swapped(base: np.ndarray, other: np.ndarray) -> None:
    found = difference(base, other)
    assert found["missed"] == np.sum((base > 0) & (other == 0))
    assert found["extra"] == np.sum((base == 0) & (other > 0))
    assert found["swapped"] == np.sum((base != other) & (base > 0) & (other > 0))
    known = sorted({*np.unique(base), *np.unique(other)} - {0})
    pairs = [(base == label, other == label) for label in known]
    wanted = [2 * np.sum(a & b) / (np.sum(a) + np.sum(b)) for a, b in pairs]
    assert (found["dice"] is None) == (not known)
    if known:
        assert found["dice"] == pytest.approx(np.mean(wanted))
    for axis, worst in enumerate(found["worst"]):
        counts = np.moveaxis(base != other, axis, 0).reshape(base.shape[axis], -1).sum(axis=1)
        assert counts.max() == (0 if worst is None else counts[worst])


def test_layers_are_compared_over_the_server(client: TestClient) -> None:
    told = client.get("/api/cases/volume/layers/compare?base=reference&other=current").json()
    assert told == {"missed": 0, "extra": 0, "swapped": 0, "dice": 1.0, "worst": [None, None, None]}
    assert client.get("/api/cases/volume/layers/compare?base=reference&other=nothing").status_code == 404


def test_a_mask_is_read_once_and_again_when_it_was_predicted_anew(
    client: TestClient, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder / "predictions" / "model-1" / "square.png"
    path.parent.mkdir(parents=True)
    grid = Grid.from_spacing((40, 50), (1.0, 1.0))
    read: list[int] = []
    original = layers.prediction_of
    monkeypatch.setattr(layers, "prediction_of", lambda *given, **more: (read.append(1), original(*given, **more))[1])
    for value in (1, 2):
        io.write_labels(path, LabelMap(np.full((40, 50), value, np.uint8), grid))
        os.utime(path, (value, value))
        for _ in range(3):
            assert set(np.unique(values(client, "square/labels/0/0?layer=prediction:model-1"))) == {value}
    assert len(read) == 2


def test_no_more_than_a_few_are_kept(client: TestClient) -> None:
    case = client.app.state.desk.case("volume")  # type: ignore[attr-defined]
    found = CaseLayers(case.project, "volume", grid=case.image.grid)
    for name in ("reference", "version:1"):
        found.labels(name)
    assert len(found._kept) <= layers.MOST
    for wrong in ("current", "prediction:", "prediction:../x", "version:x", "version:99"):
        with pytest.raises(MissingError):
            found.labels(wrong)
