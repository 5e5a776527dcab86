"""Every error on every path is JSON of one form."""

import asyncio

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from capyd.v1 import projects_pb2
from tests.http.conftest import DEADLINE_SECONDS
from tests.http.daemon import FakeDaemon, Refusal
from tests.http.rest import Rest

Code = grpc.StatusCode


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (Code.INVALID_ARGUMENT, 400),
        (Code.OUT_OF_RANGE, 400),
        (Code.UNAUTHENTICATED, 401),
        (Code.PERMISSION_DENIED, 403),
        (Code.NOT_FOUND, 404),
        (Code.UNIMPLEMENTED, 404),
        (Code.ALREADY_EXISTS, 409),
        (Code.FAILED_PRECONDITION, 409),
        (Code.ABORTED, 409),
        (Code.RESOURCE_EXHAUSTED, 429),
        (Code.UNAVAILABLE, 503),
        (Code.CANCELLED, 503),
        (Code.DEADLINE_EXCEEDED, 504),
    ],
)
async def test_a_refusal_of_the_daemons_keeps_its_words(rest: Rest, daemon: FakeDaemon, code, status):
    daemon.answers["GetProject"] = Refusal(code, "prj_1 is not there", "its_reason", field="project_id")
    reply = await rest("GET", "/v1/projects/prj_1", headers={"X-Request-Id": "r1"})
    assert reply.status == status
    assert reply.json == {
        "error": "prj_1 is not there",
        "code": "its_reason",
        "field": "project_id",
        "request_id": "r1",
    }
    assert reply.headers["X-Request-Id"] == "r1"
    assert ("WWW-Authenticate" in reply.headers) == (status == 401)
    assert ("Retry-After" in reply.headers) == (status in {429, 503})


@pytest.mark.parametrize("code", [Code.INTERNAL, Code.UNKNOWN, Code.DATA_LOSS])
@pytest.mark.parametrize("reason", ["a_reason", None])
async def test_a_fault_shows_nothing_of_itself(rest: Rest, daemon: FakeDaemon, code, reason):
    daemon.answers["GetProject"] = Refusal(code, "KeyError in /opt/capyd", reason)
    reply = await rest("GET", "/v1/projects/prj_1")
    assert (reply.status, reply.json["code"]) == (500, "internal")
    assert "KeyError" not in reply.json["error"]


async def test_an_exception_in_the_daemon_is_500(rest: Rest, daemon: FakeDaemon):
    def fail(request):
        raise RuntimeError("secret")

    daemon.answers["GetProject"] = fail
    reply = await rest("GET", "/v1/projects/prj_1")
    assert reply.status == 500
    assert b"secret" not in reply.body


@pytest.mark.parametrize("code", [Code.UNAVAILABLE, Code.RESOURCE_EXHAUSTED, Code.NOT_FOUND])
async def test_words_that_are_not_the_daemons_own_are_not_repeated(rest: Rest, daemon: FakeDaemon, code):
    daemon.answers["GetProject"] = Refusal(code, "ipv4:10.0.0.1:7070: connection refused", reason=None)
    reply = await rest("GET", "/v1/projects/prj_1")
    assert "10.0.0.1" not in reply.json["error"]


@pytest.mark.parametrize(
    ("delay", "header"),
    [(Duration(seconds=30), "30"), (Duration(nanos=1), "1"), (Duration(seconds=2, nanos=1), "3"), (Duration(), "1")],
)
async def test_retry_after_is_whole_seconds_and_never_zero(rest: Rest, daemon: FakeDaemon, delay, header):
    daemon.answers["GetProject"] = Refusal(Code.UNAVAILABLE, "draining", "draining", retry_delay=delay)
    reply = await rest("GET", "/v1/projects/prj_1")
    assert (reply.status, reply.json["code"], reply.headers["Retry-After"]) == (503, "draining", header)


async def test_a_daemon_that_does_not_answer_in_time_is_504(rest: Rest, daemon: FakeDaemon):
    async def never(request):
        await asyncio.sleep(60)

    daemon.answers["GetProject"] = never
    reply = await rest("GET", "/v1/projects/prj_1")
    assert (reply.status, reply.json["code"]) == (504, "deadline_exceeded")
    assert daemon.seen[-1].seconds_left == pytest.approx(DEADLINE_SECONDS, abs=1)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "//",
        "/v1",
        "/v1/",
        "/v1/projects/",
        "/v1/projects//jobs",
        "/v1/projects/p/",
        "/v1/me/",
        "/V1/me",
        "/healthz/",
    ],
)
async def test_a_path_that_is_not_there_is_404_and_never_a_redirect(rest: Rest, daemon: FakeDaemon, path):
    reply = await rest("GET", path)
    assert reply.status == 404
    assert reply.json["error"] == f"there is no {path} here: see /v1/openapi.json"
    assert reply.json["code"] == "no_such_path"
    assert daemon.calls == []


@pytest.mark.parametrize(
    ("verb", "path", "allow"),
    [
        ("PUT", "/v1/projects", "GET, HEAD, POST"),
        ("OPTIONS", "/v1/projects/p", "DELETE, GET, HEAD, PATCH"),
        ("GET", "/v1/projects/p/retry-provisioning", "POST"),
        ("HEAD", "/v1/projects/p/retry-provisioning", "POST"),
        ("TRACE", "/v1/me", "GET, HEAD"),
        ("POST", "/healthz", "GET, HEAD"),
    ],
)
async def test_another_method_is_405_and_told_what_is_allowed(rest: Rest, daemon: FakeDaemon, verb, path, allow):
    reply = await rest(verb, path)
    assert (reply.status, reply.headers["Allow"]) == (405, allow)
    if verb != "HEAD":
        assert reply.json["error"].endswith(f"it takes {allow}")
    assert daemon.calls == []


async def test_a_fault_of_the_gateways_own_is_500(rest: Rest, daemon: FakeDaemon):
    # Year 10000: a message that no JSON of ours can hold, and that no daemon sends.
    project = projects_pb2.Project()
    project.created_at.seconds = 253_402_300_800
    daemon.answers["GetProject"] = projects_pb2.GetProjectResponse(project=project)
    reply = await rest("GET", "/v1/projects/prj_1")
    assert (reply.status, reply.json["code"]) == (500, "internal")
    assert "OverflowError" not in reply.json["error"]
