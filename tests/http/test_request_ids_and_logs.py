"""One id for one request everywhere, and one line a request that keeps its secrets."""

import asyncio

import pytest
from structlog.testing import capture_logs

from capyd.v1 import projects_pb2
from tests.http.daemon import GOOD_TOKEN, FakeDaemon
from tests.http.rest import Rest


@pytest.mark.parametrize("given", ["r", "01J-abc.def:~!", "x" * 128])
async def test_a_sane_id_is_kept_and_sent_on(rest: Rest, daemon: FakeDaemon, given):
    reply = await rest("GET", "/v1/me", headers={"X-Request-Id": given})
    assert reply.headers["X-Request-Id"] == given
    assert daemon.seen[-1].metadata["x-request-id"] == given


@pytest.mark.parametrize("given", [None, "", "two words", "é", "x" * 129, "tab\tbed"])
async def test_another_id_is_made(rest: Rest, daemon: FakeDaemon, given):
    replies = [await rest("GET", "/v1/me", headers={"X-Request-Id": given} if given is not None else {}) for _ in "ab"]
    first, second = (reply.headers["X-Request-Id"] for reply in replies)
    assert first.startswith("req_")
    assert first != second
    assert [seen.metadata["x-request-id"] for seen in daemon.seen] == [first, second]


@pytest.mark.parametrize("path", ["/nowhere", "/v1/me", "/healthz"])
async def test_every_answer_names_its_id(rest: Rest, path):
    reply = await rest("GET", path, token="bad", headers={"X-Request-Id": "mine"})
    assert reply.headers["X-Request-Id"] == "mine"
    assert reply.json.get("request_id", "mine") == "mine"


@pytest.fixture
def lines():
    """What the gateway logs from here on. Its loggers cache nothing in tests, as nothing configured them."""
    with capture_logs() as captured:
        yield captured


async def test_one_line_a_request_without_token_body_or_query(rest: Rest, daemon: FakeDaemon, lines):
    daemon.answers["UpdateProject"] = projects_pb2.UpdateProjectResponse()
    await rest("PATCH", "/v1/projects/prj_7?why=hidden", json={"name": "hidden"}, headers={"X-Request-Id": "mine"})
    (line,) = lines
    assert line.pop("milliseconds") > 0
    assert line == {
        "event": "request",
        "log_level": "info",
        "method": "PATCH",
        "route": "/v1/projects/{project_id}",
        "status": 200,
        "request_id": "mine",
    }


async def test_errors_have_their_line_too(rest: Rest, daemon: FakeDaemon, lines):
    await rest("GET", f"/secret/{GOOD_TOKEN}")
    await rest("PUT", "/v1/me")
    await rest("POST", "/v1/projects", data=b"hidden")
    await rest.raw(b"hidden\r\n\r\n")
    assert [(line["event"], line.get("route"), line["status"]) for line in lines] == [
        ("request", None, 404),
        ("request", "/v1/me", 405),
        ("request", "/v1/projects", 400),
        ("request.malformed", None, 400),
    ]
    assert "hidden" not in str(lines)
    assert GOOD_TOKEN not in str(lines)


async def test_a_client_that_hangs_up_is_no_fault(rest: Rest, daemon: FakeDaemon, lines):
    _, writer = await asyncio.open_connection("127.0.0.1", rest.port)
    head = f"POST /v1/projects HTTP/1.1\r\nHost: a\r\nX-API-Key: {GOOD_TOKEN}\r\nX-Request-Id: gone\r\n"
    writer.write(f"{head}Content-Length: 5\r\n\r\n{{".encode())
    await writer.drain()
    assert (await rest("GET", "/healthz")).status == 200
    writer.close()
    while not (about := [line for line in lines if line["request_id"] == "gone"]):
        await rest("GET", "/healthz")
    assert [line["event"] for line in about] == ["request.abandoned"]


async def test_a_fault_is_logged_with_its_trace(rest: Rest, daemon: FakeDaemon, lines):
    # Year 10000: a message that no JSON of ours can hold, and that no daemon sends.
    project = projects_pb2.Project()
    project.created_at.seconds = 253_402_300_800
    daemon.answers["GetProject"] = projects_pb2.GetProjectResponse(project=project)
    assert (await rest("GET", "/v1/projects/prj_1")).status == 500
    fault, line = lines
    assert (fault["event"], fault["exc_info"]) == ("request.failed", True)
    assert fault["request_id"] == line["request_id"]
