"""Who asks: names that are names, and numbers that belong to a page."""

from __future__ import annotations

from urllib.parse import quote

import numpy as np
import pytest
from starlette.testclient import TestClient

from septum.errors import ConfigError
from septum.server.routes.common import numbered, sender_of


def test_an_author_is_a_pseudonym_in_any_script() -> None:
    for name in ("ada", "Ada L.", "Çağla Öz", "王 小明", "reader-2"):
        assert sender_of("a-page-1234", quote(name)).author == name


@pytest.mark.parametrize("name", ["", " ", "a" * 65, "ann@hospital.example", "<b>", "a/b", "-x", "a%0Ab"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="pseudonym"):
        sender_of("a-page-1234", name)


@pytest.mark.parametrize("client", ["short", "../../etc/passwd", "a" * 65])
def test_a_page_has_a_plain_id(client: str) -> None:
    with pytest.raises(ConfigError, match="X-Septum-Client"):
        sender_of(client, "ada")


def test_the_id_in_the_body_goes_before_that_of_the_header() -> None:
    sender = sender_of("a-page-1234", "ada")
    assert numbered(sender, "another-page", sequence=4) == numbered(sender, "another-page", sequence=4)
    assert numbered(sender, None).client == "a-page-1234"
    assert (numbered(sender, "another-page", sequence=4).client, numbered(sender, None).sequence) == ("another-page", 0)


def test_an_array_comes_with_its_shape_type_and_revision(client: TestClient) -> None:
    found = client.get("/api/cases/volume/slices/0/2")
    assert found.headers["X-Septum-Shape"] == "24,20"
    assert found.headers["X-Septum-Revision"] == "0"
    assert found.headers["X-Septum-Epoch"] == client.get("/api/cases/volume").json()["epoch"]
    assert len(found.content) == 24 * 20 * np.dtype(found.headers["X-Septum-Dtype"]).itemsize
