"""Heat maps of an open case: a region's are zero outside of it, the newest are kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient
from tests.server.conftest import PAGE
from tests.server.routes.test_looking import values

from septum import io
from septum.geometry import Grid, Image
from septum.interactive.tool import Box
from septum.server.heat import LIVE, Heat
from septum.workflows.projects.store import MissingError

SHAPE = (5, 7, 6)
GRID = Grid.from_spacing(SHAPE, (1.0, 1.0, 1.0))


@given(st.data())
def test_a_part_of_a_live_map_is_that_of_the_whole(data: Any) -> None:
    starts = [data.draw(st.integers(0, n - 1)) for n in SHAPE]
    stops = [data.draw(st.integers(a + 1, n)) for a, n in zip(starts, SHAPE, strict=True)]
    box = Box(tuple(starts), tuple(stops))
    prob = np.random.default_rng(1).dirichlet(np.ones(2), box.shape).astype(np.float32)
    heat = Heat()
    heat.hear((0, 3), np.moveaxis(prob, -1, 0), box=box)
    whole = np.zeros(SHAPE, np.uint8)
    whole[box.slices] = np.rint(prob[..., 1] * 255)
    place = tuple(
        data.draw(st.one_of(st.integers(0, n - 1), st.builds(slice, st.none(), st.none(), st.integers(1, 3))))
        for n in SHAPE
    )
    name = f"probability:{LIVE}:3"
    assert np.array_equal(heat.part(None, "x", name=name, grid=GRID, place=place), whole[place])  # type: ignore[arg-type]


def test_each_scribble_gives_a_new_version_and_before_the_first_there_is_none() -> None:
    heat, everywhere = Heat(), (slice(None),) * 3
    assert heat.live_names() == []
    with pytest.raises(MissingError, match="scribble"):
        heat.part(None, "x", name=f"uncertainty:{LIVE}", grid=GRID, place=everywhere)  # type: ignore[arg-type]
    even = np.full((2, *SHAPE), 0.5, np.float32)
    for number in (1, 2):
        heat.hear((0, 1), even, box=Box.whole(SHAPE))
        assert {one["version"] for one in heat.live_names()} == {number}
    doubt = heat.part(None, "x", name=f"uncertainty:{LIVE}", grid=GRID, place=everywhere)  # type: ignore[arg-type]
    assert set(np.unique(doubt)) == {255}


def test_maps_travel_as_slices_and_tiles_and_a_file_that_is_written_anew_is_read_anew(
    client: TestClient, folder: Path
) -> None:
    assert client.get("/api/cases/square").json()["maps"] == []
    target = folder / "predictions" / "model-1"
    target.mkdir(parents=True)
    share = np.random.default_rng(0).uniform(0, 1, (40, 50)).astype(np.float32)
    grid = Grid.from_spacing((40, 50), (1.0, 1.0))

    def write(array: np.ndarray) -> dict[str, Any]:
        for value, one in ((0, 1 - array), (1, array)):
            io.write_image(target / f"square_probability_{value}.tif", Image(one[None], grid, ("p",)))
        told: list[dict[str, Any]] = client.get("/api/cases/square").json()["maps"]
        assert [one["name"] for one in told] == [
            "probability:model-1:0",
            "probability:model-1:1",
            "uncertainty:model-1",
        ]
        return told[1]

    path = "square/maps/0/0?name=probability:model-1:1"
    one = write(share)
    assert np.array_equal(values(client, f"{path}&version={one['version']}"), np.rint(share * 255))
    assert np.array_equal(
        values(client, "square/maptiles/1/0/0?name=probability:model-1:1"), np.rint(share * 255)[::2, ::2]
    )
    two = write(1 - share)
    assert two["version"] > one["version"]
    assert np.array_equal(values(client, f"{path}&version={two['version']}"), np.rint((1 - share) * 255))
    for wrong in (
        "square/maps/1/0",
        "square/maps/0/1",
        "square/maptiles/0/1/0",
        "volume/maptiles/0/0/0",
        "volume/maps/0/9",
    ):
        assert client.get(f"/api/cases/{wrong}?name=uncertainty:model-1").status_code == 404
    assert client.get("/api/cases/square/maps/0/0?name=nothing").status_code == 404


def test_the_pixel_classifier_shows_what_it_thinks(client: TestClient) -> None:
    strokes = [{"points": [[20, 20], [20, 30]], "label": 1}, {"points": [[3, 3], [3, 40]], "label": 0}]
    body = {"client": PAGE, "strokes": strokes, "options": {"trees": 5}}
    told = client.post("/api/cases/square/tools/pixel-classifier", json=body).json()
    names = [one["name"] for one in told["maps"]]
    assert names == [f"uncertainty:{LIVE}", f"probability:{LIVE}:0", f"probability:{LIVE}:1"]
    found = values(client, f"square/maps/0/0?name=probability:{LIVE}:1&version=1")
    assert found[15:25, 20:30].min() > 200
    assert found[:6, :10].max() < 60
    assert client.get("/api/cases/square").json()["maps"] == told["maps"]
