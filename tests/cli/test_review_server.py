"""The page of a reader study: rated and taken back, and whoever else asks is refused."""

from __future__ import annotations

import contextlib
import http.client
import json
import sqlite3
import threading

import pytest

from septum.cli.review_server import LARGEST_BODY, ReviewServer
from septum.workflows.review import study as review


@pytest.fixture
def server(folder):
    with review.open_study(folder) as study, ReviewServer(study, "anna") as found:
        thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield found
        found.shutdown()
        thread.join()


@pytest.fixture
def ask(server):
    """A request to the server: status, headers, body."""

    def request(method, path, body=None, *, headers=None, token=None):
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
        sent = {"Content-Type": "application/json"} | (headers or {})
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        prefix = f"/{server.token if token is None else token}"
        connection.request(method, prefix + path, data, {k: v for k, v in sent.items() if v is not None})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, answer.headers, content

    return request


def state(answer):
    return json.loads(answer[2])


def test_the_page_comes_with_a_policy_that_loads_nothing_from_elsewhere(ask):
    status, headers, content = ask("GET", "/")
    assert status == 200
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "connect-src 'self'" in policy
    assert "http" not in policy
    nonce = policy.split("script-src 'nonce-")[1].split("'")[0]
    assert f'<script nonce="{nonce}">' in content.decode()
    assert "not a medical device" in content.decode()
    assert "://" not in content.decode()
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Frame-Options"] == "DENY"
    assert ask("GET", "/")[1]["Content-Security-Policy"] != policy


def test_items_are_rated_and_taken_back(ask, server):
    first = state(ask("GET", "/state"))
    assert (first["rated"], first["total"], first["reader"]) == (0, 6, "anna")
    code = first["item"]["code"]
    after = state(ask("POST", "/rate", {"code": code, "value": "fail", "comment": "too large"}))
    assert after["rated"] == 1
    assert after["item"]["code"] != code
    undone = state(ask("POST", "/undo", {}))
    assert undone["item"]["code"] == code
    ask("POST", "/rate", {"code": code, "value": "pass", "comment": ""})
    history = server.study.store.history(server.study.id)
    assert [(r.value, r.comment, r.origin) for r in history] == [
        ("fail", "too large", "page"), (None, "", "page"), ("pass", "", "page"),
    ]  # fmt: skip


def test_a_rating_cannot_be_overwritten_through_the_server(ask, server):
    code = state(ask("GET", "/state"))["item"]["code"]
    for value in ("fail", "pass"):
        assert ask("POST", "/rate", {"code": code, "value": value, "comment": ""})[0] == 200
    assert [r.value for r in server.study.store.history(server.study.id)] == ["fail", "pass"]
    for method in ("PUT", "DELETE", "PATCH"):
        assert ask(method, "/rate", {"code": code})[0] == 501


def test_when_all_is_rated_no_item_is_left(ask):
    found = state(ask("GET", "/state"))
    while found["item"]:
        found = state(ask("POST", "/rate", {"code": found["item"]["code"], "value": "pass", "comment": ""}))
    assert found["rated"] == found["total"] == 6


def test_nothing_sent_to_a_reader_names_a_case_or_a_source(ask):
    sent = ask("GET", "/")[2] + ask("GET", "/state")[2]
    found = state(ask("GET", "/state"))
    for name in found["item"]["pictures"]:
        status, headers, content = ask("GET", f"/pictures/{name}")
        assert status == 200
        assert headers["Content-Type"] == "image/png"
        sent += content + str(headers).encode()
    assert not any(word in sent for word in (b"case0", b"case1", b"case2", b"case3", b"human", b"model", b"key.csv"))


@pytest.mark.parametrize("token", ["wrong", "", "%C3%A9"])
@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("GET", "/state"), ("POST", "/rate"), ("POST", "/undo")])
def test_without_the_token_nothing_is_answered(ask, server, token, method, path):
    assert ask(method, path, {"code": "x"} if method == "POST" else None, token=token)[0] == 403
    assert server.study.store.history(server.study.id) == ()


@pytest.mark.parametrize(
    "path",
    [
        "/pictures/../study.json",
        "/pictures/../key/key.csv",
        "/pictures/%2e%2e/key/key.csv",
        "/pictures/..%2fkey%2fkey.csv",
        "/pictures//etc/passwd",
        "/pictures/",
        "/../key/key.csv",
        "/key/key.csv",
        "/ratings.sqlite",
    ],
)
def test_paths_outside_the_pictures_are_refused(ask, path):
    status, _, content = ask("GET", path)
    assert status == 404
    assert b"case" not in content


@pytest.mark.parametrize(
    "headers",
    [{"Host": "evil.example"}, {"Host": "127.0.0.1:1"}, {"Origin": "http://evil.example"}, {"Origin": "null"}],
)
def test_other_pages_in_the_browser_are_refused(ask, server, headers):
    code = server.study.items[0].code
    assert ask("POST", "/rate", {"code": code, "value": "pass", "comment": ""}, headers=headers)[0] == 403
    assert ask("GET", "/state", headers=headers)[0] == 403
    assert server.study.store.history(server.study.id) == ()


def test_the_pages_own_origin_is_accepted(ask, server):
    assert ask("POST", "/undo", {}, headers={"Origin": f"http://127.0.0.1:{server.server_port}"})[0] == 200


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"x" * (LARGEST_BODY + 1), {}, 413),
        (b"{", {}, 400),
        (b"[]", {}, 400),
        (b"\xff", {}, 400),
        (b"{}", {"Content-Type": "text/plain"}, 415),
        (b"{}", {"Content-Length": "-1"}, 411),
        (b'{"code": 1, "value": "pass"}', {}, 400),
        (b'{"code": "XXXXXX", "value": "pass"}', {}, 400),
    ],
)
def test_bodies_that_break_their_rule_are_refused(ask, server, body, headers, status):
    assert ask("POST", "/rate", body, headers=headers)[0] == status
    assert server.study.store.history(server.study.id) == ()


def test_values_and_comments_that_break_their_rule_say_so(ask):
    code = state(ask("GET", "/state"))["item"]["code"]
    status, _, content = ask("POST", "/rate", {"code": code, "value": "perhaps", "comment": ""})
    assert (status, "must be one of fail, pass" in content.decode()) == (400, True)
    status, _, content = ask("POST", "/rate", {"code": code, "value": "pass", "comment": "x" * 2001})
    assert (status, "at most 2000" in content.decode()) == (400, True)


def test_the_server_listens_on_this_machine_alone(server):
    assert server.server_address[0] == "127.0.0.1"
    assert server.address.startswith(f"http://127.0.0.1:{server.server_port}/")
    assert len(server.token) >= 32


@pytest.mark.parametrize("listed", ["../key/key.csv", "../key.csv", "../study.json", "..%2fstudy.json"])
def test_a_database_that_lists_other_files_does_not_make_the_server_show_them(folder, listed):
    with contextlib.closing(sqlite3.connect(folder / review.DATABASE)) as database, database:
        for (trigger,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f"DROP TRIGGER {trigger}")  # a stranger's database need not keep what it was told
        database.execute("UPDATE item SET pictures = ?", [json.dumps([listed, listed])])
    with review.open_study(folder) as study, ReviewServer(study, "anna") as found:
        thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        connection = http.client.HTTPConnection("127.0.0.1", found.server_port, timeout=10)
        connection.request("GET", f"/{found.token}/pictures/{listed}")
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        found.shutdown()
        thread.join()
    assert answer.status == 404
    assert b"format" not in content
    assert b"code" not in content
