"""The workbench from Python: what a notebook sets is what the server has, and a refusal is an error with its word."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import numpy as np
import pytest
from starlette.testclient import TestClient
from tests.server.conftest import TOKEN, open_client, write_data

from septum import client as module
from septum import io
from septum.client import RequestError, Workbench
from septum.errors import ConfigError, GeometryError, SessionError
from septum.geometry import Grid, LabelMap
from septum.workflows.projects.create import create_project


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Workbench]:
    """A workbench whose requests go to a server in this process."""
    create_project(tmp_path / "project", write_data(tmp_path / "data")).close()
    with open_client(tmp_path / "project") as inner:
        yield beside(inner, "ada")


def beside(inner: TestClient, author: str) -> Workbench:
    """One more workbench at the server of `inner`."""
    found = Workbench("http://testserver", TOKEN, author=author)
    found._http.close()
    found._http = TestClient(inner.app, headers={**found._http.headers})  # type: ignore[assignment]
    return found


def test_labels_that_are_set_are_those_that_come_back(bench: Workbench) -> None:
    wanted = bench.labels("volume")
    wanted[0:9, 3:7, 2:5] = 4
    bench.set_labels("volume", wanted)
    assert np.array_equal(bench.labels("volume"), wanted)
    assert bench.set_labels("volume", wanted)["changed"] == 0
    for bad in (wanted[:2], wanted.astype(float)):
        with pytest.raises(GeometryError, match="integers of shape"):
            bench.set_labels("volume", bad)
    for bad in (wanted.astype(int) - 1, wanted.astype(int) << 40):
        with pytest.raises(GeometryError, match="labels must be from 0"):
            bench.set_labels("volume", bad)


@pytest.mark.parametrize(
    ("case", "kind"), [("volume", bool), ("volume", ">u4"), ("square", np.int64), ("photo", np.uint16)]
)
@pytest.mark.parametrize("part_bytes", [4 << 20, 100])
def test_a_whole_mask_is_one_step_that_is_undone_and_redone(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch, *, case: str, kind: Any, part_bytes: int
) -> None:
    monkeypatch.setattr(module, "_PART_BYTES", part_bytes)
    before = bench.labels(case)
    wanted = (np.random.default_rng(1).integers(0, 90_000, before.shape) * (before == 0)).astype(kind)
    told = bench.set_labels(case, np.asfortranarray(wanted), what="mask")
    assert np.array_equal(bench.labels(case), wanted)
    places = np.argwhere(before != wanted)
    assert (told["undo"], told["changed"]) == (["mask"], len(places))
    assert told["box"] == {"start": places.min(axis=0).tolist(), "stop": (1 + places.max(axis=0)).tolist()}
    assert (bench.undo(case)["undo"], np.array_equal(bench.labels(case), before)) == ([], True)
    assert (bench.redo(case)["undo"], np.array_equal(bench.labels(case), wanted)) == (["mask"], True)
    assert [one["version"] for one in bench.versions("square")] == []


def test_a_connection_that_is_lost_midway_leaves_the_mask_as_it_was(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PART_BYTES", 100)
    inner, parts = bench._http, []

    class Lossy:
        """Loses the connection at the third part."""

        def request(self, method: str, url: str, **given: Any) -> httpx.Response:
            if method == "POST" and len(parts) == 2:
                raise httpx.ReadError("connection lost")
            if method == "POST":
                parts.append(given["json"]["part"])
            return inner.request(method, url, **given)

    before = bench.labels("square")
    wanted = np.random.default_rng(1).integers(0, 4, before.shape)
    bench._http = Lossy()  # type: ignore[assignment]
    with pytest.raises(SessionError, match="connection lost"):
        bench.set_labels("square", wanted)
    bench._http = inner
    assert (parts, bench.case("square")["undo"]) == ([1, 2], [])
    assert np.array_equal(bench.labels("square"), before)
    assert bench.set_labels("square", wanted)["undo"] == ["notebook"]
    assert np.array_equal(bench.labels("square"), wanted)


def test_a_stroke_sets_its_box_and_leaves_what_is_negative(bench: Workbench) -> None:
    wanted = bench.labels("volume").astype(int)
    told = bench.stroke("volume", (4, 8, 6), labels=[[[3, -1, 0], [-1, -1, 3]]], what="brush", axis=0)
    wanted[4, 8, 6], wanted[4, 8, 8], wanted[4, 9, 8] = 3, 0, 3
    assert np.array_equal(bench.labels("volume"), wanted)
    assert (told["changed"], told["undo"]) == (3, ["brush"])
    assert bench.undo("volume")["redo"] == ["brush"]
    for bad in ([[1, 2]], [[[0.5]]]):
        with pytest.raises(GeometryError, match="start"):
            bench.stroke("volume", (0, 0, 0), labels=bad)


def test_a_tool_is_shown_first_or_applied_at_once(bench: Workbench) -> None:
    before = bench.labels("volume")
    shown = bench.propose("volume", "margin", options={"distance_mm": 1.0})
    assert shown["changed"] > 0
    assert np.array_equal(bench.labels("volume"), before)
    assert bench.tool("volume", "margin", options={"distance_mm": 1.0})["changed"] == shown["changed"]


def test_versions_queue_and_leaving(bench: Workbench) -> None:
    bench.stroke("square", (0, 0), labels=[[1, 1]])
    assert bench.save("square", note="two pixels")["version"] == 1
    assert bench.leave("square")["lease"] is None
    assert [one["case"] for one in bench.queue()] == ["photo"]
    assert {one["id"]: one["status"] for one in bench.cases()}["square"] == "drawn"
    assert bench.image("photo", 1).shape == (40, 50)
    assert bench.jobs() == []


def test_a_predicted_mask_is_taken_over_to_be_corrected_or_accepted_and_the_next_is_named(
    bench: Workbench, tmp_path: Path
) -> None:
    mask = np.zeros((40, 50), np.uint8)
    mask[8:20, 9:30] = 1
    target = tmp_path / "project" / "predictions" / "model-1"
    target.mkdir(parents=True)
    store = bench._http.app.state.desk.project.store  # type: ignore[attr-defined]
    for name in ("square", "photo"):
        io.write_labels(target / f"{name}.png", LabelMap(mask, Grid.from_spacing(mask.shape, (1.0, 1.0))))
        store.change_case(name, status="predicted", prediction="model-1", predicted_dice=0.5)
    with pytest.raises(RequestError, match="prediction"):
        bench.decide("volume", "accept")
    assert (bench.decide("square", "skip")["next"], bench.case("square")["status"]) == ("photo", "predicted")
    told = bench.decide("photo", "correct")
    assert (told["case"]["status"], told["case"]["version"]) == ("corrected", 0)  # a step that undo takes back
    assert np.array_equal(bench.labels("photo"), mask)
    told = bench.decide("square", "accept")
    assert (told["case"]["status"], told["case"]["version"], told["next"]) == ("reviewed", 1, None)
    assert np.array_equal(bench.labels("square", "version:1"), mask)


def test_a_connection_that_ends_gives_its_leases_back_and_keeps_what_changed(bench: Workbench) -> None:
    other = beside(bench._http, "bob")  # type: ignore[arg-type]
    with bench:
        bench.stroke("square", (0, 0), labels=[[1, 1]])
        other.stroke("photo", (0, 0), labels=[[1]])
        with pytest.raises(RequestError, match=r"given back: by itself in (60|5\d) s, unless ada goes on"):
            other.stroke("square", (0, 0), labels=[[2]])
    assert other.stroke("square", (0, 0), labels=[[2]])["changed"] == 1
    found = {one["id"]: one for one in other.cases()}
    assert (found["square"]["version"], found["photo"]["version"]) == (1, 0)
    bench.close()  # nothing happens twice


def test_a_connection_ends_where_the_server_is_gone() -> None:
    found = Workbench("http://127.0.0.1:9", TOKEN)
    found.close()
    assert found._http.is_closed


def test_a_budget_of_steps_is_taken_without_minutes(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    runner, ordered = bench._http.app.state.jobs, []  # type: ignore[attr-defined]
    monkeypatch.setattr(runner, "order", lambda kind, settings: ordered.append(settings) or {})
    for budget in ({"steps": 8}, {}, {"minutes": 3}):
        bench.train(**budget)
    assert [(one["minutes"], one["steps"]) for one in ordered] == [(None, 8), (2.0, None), (3.0, None)]


def test_a_training_that_was_cut_off_is_said_to_be_resumable_and_goes_on(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = bench._http.app.state.jobs  # type: ignore[attr-defined]
    monkeypatch.setattr(runner, "_waiting", SimpleNamespace(put=lambda number: None))  # nothing is run
    project = bench._http.app.state.desk.project  # type: ignore[attr-defined]
    for path in ("models/model-1/fold_0/state.pt", "models/model-1/data.json", "rounds/model-1/cases.csv"):
        (project.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (project.folder / path).write_text("{}")
    job = project.store.add_job("train", {"model": "model-1", "minutes": None, "steps": 9, "network": "lecture"})
    assert bench.jobs()[0]["resumable"] is False  # it waits
    project.store.change_job(job.id, state="failed", model="model-1")
    assert bench.jobs()[0]["resumable"] is True
    again = bench.resume("model-1")
    assert (again["state"], again["model"], again["resumable"]) == ("queued", "model-1", False)
    settings = project.store.job(again["id"]).settings
    assert (settings["resume"], settings["steps"], settings["network"]) == (True, 9, "lecture")
    assert [one["resumable"] for one in bench.jobs()] == [False, False]
    with pytest.raises(RequestError, match="cut off, got 'model-1'"):
        bench.resume("model-1")


def test_a_refusal_is_an_error_with_the_servers_word(bench: Workbench) -> None:
    with pytest.raises(RequestError, match="list of cases") as refused:
        bench.case("no-such-case")
    assert refused.value.code == "not-found"
    with pytest.raises(ConfigError, match="every_s"):
        bench.wait({"id": 1}, every_s=0)


def test_a_server_that_is_not_there_is_said() -> None:
    with (
        Workbench("http://127.0.0.1:9", TOKEN, timeout_s=2) as found,
        pytest.raises(SessionError, match="septum serve"),
    ):
        found.cases()


def test_a_busy_server_is_asked_again_and_a_numbered_request_keeps_its_number(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_AGAIN_S", (0.0, 0.0))
    inner, sent, busy = bench._http, [], [True, True]

    class Busy:
        """Answers 503 as often as told, then hands over."""

        def request(self, method: str, url: str, **given: Any) -> httpx.Response:
            sent.append(given.get("json", {}).get("sequence"))
            if busy and busy.pop():
                return httpx.Response(503, json={"error": "busy", "code": "busy"})
            assert isinstance(inner, TestClient)
            return inner.request(method, url, **given)  # type: ignore[return-value]

    bench._http = Busy()  # type: ignore[assignment]
    assert bench.stroke("square", (0, 0), labels=[[1]])["changed"] == 1
    assert sent == [1, 1, 1]
    busy.extend([True] * 3)
    with pytest.raises(RequestError, match="busy"):
        bench.stroke("square", (0, 0), labels=[[2]])
    bench._http = inner
