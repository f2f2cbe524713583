"""Whatever the documented interface allows to be sent, and much that it does not, the server never fails by itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from starlette.testclient import TestClient
from tests.server.conftest import PAGE, TOKEN, open_client, write_data

from septum.workflows.projects.create import create_project

HEADERS = {"Authorization": f"Bearer {TOKEN}", "X-Septum-Client": PAGE}
EXAMPLES = 6


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    root = tmp_path_factory.mktemp("schema")
    create_project(root / "project", write_data(root / "data")).close()
    with open_client(Path(root / "project")) as client:
        yield client


@pytest.fixture(scope="module")
def document(running: TestClient) -> schemathesis.BaseSchema:
    found = schemathesis.openapi.from_asgi("/api/openapi.json", running.app, headers={**HEADERS, "Host": "testserver"})
    # the stream of events never ends, and a training is a process of its own: both have their tests elsewhere
    return found.exclude(path="/api/events").exclude(path="/api/jobs", method="POST")


def test_nothing_that_is_sent_is_answered_by_a_failure(document: schemathesis.BaseSchema) -> None:
    count = 0
    for operation in document.get_all_operations():
        count += 1
        _try(operation.ok())
    assert count >= 30


def _try(operation: schemathesis.schemas.APIOperation) -> None:
    @given(case=operation.as_strategy())
    @settings(
        max_examples=EXAMPLES, phases=[Phase.explicit, Phase.generate], deadline=None, derandomize=True, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    def send(case: schemathesis.Case) -> None:
        if "case_id" in (case.path_parameters or {}):
            case.path_parameters["case_id"] = "volume"  # else nearly every request ends at an unknown case
        response = case.call(headers={**HEADERS, "Host": "testserver"})
        assert response.status_code < 500, (operation.label, response.text)

    send()
