"""What a response message looks like in JSON."""

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from capyd.v1 import cluster_pb2, jobs_pb2, organizations_pb2, projects_pb2
from capyd_http.transcode.encode import compile_encoder
from tests.http.daemon import FakeDaemon
from tests.http.rest import Rest

CREATED = Timestamp(seconds=1_764_000_000)


def encode(message):
    return compile_encoder(message.DESCRIPTOR)(message)


def test_fields_without_presence_are_always_there_and_unset_ones_with_presence_never():
    assert encode(jobs_pb2.Job()) == {
        "id": "",
        "type": "",
        "state": "",
        "project_id": "",
        "organization_id": "",
        "cluster_id": "",
        "attempts": 0,
        "max_attempts": 0,
        "locked_resource": "",
    }


def test_a_value_that_is_set_is_printed_even_when_it_is_zero():
    job = jobs_pb2.Job(last_exit_code=0, error="", created_at=Timestamp())
    written = encode(job)
    assert written["last_exit_code"] == 0
    assert written["error"] == ""
    assert written["created_at"] == "1970-01-01T00:00:00Z"


def test_fields_stand_in_the_protos_order():
    project = projects_pb2.Project(
        updated_at=CREATED, created_at=CREATED, role_name="r", last_error="e", database_name="d"
    )
    written = list(encode(project))
    assert {"last_error", "database_name", "role_name", "created_at", "updated_at"} <= set(written)
    order = [field.name for field in projects_pb2.Project.DESCRIPTOR.fields]
    assert written == sorted(written, key=order.index)


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (Timestamp(seconds=1_764_000_000), "2025-11-24T16:00:00Z"),
        (Timestamp(seconds=1_764_000_000, nanos=5_000), "2025-11-24T16:00:00.000005Z"),
        (Timestamp(seconds=1_764_000_000, nanos=120_000_000), "2025-11-24T16:00:00.120000Z"),
        (Timestamp(seconds=-1), "1969-12-31T23:59:59Z"),
        (Timestamp(seconds=253_402_300_799), "9999-12-31T23:59:59Z"),
    ],
)
def test_timestamps_are_rfc_3339_in_utc(moment, text):
    assert encode(jobs_pb2.Job(created_at=moment))["created_at"] == text


async def test_64_bit_integers_are_json_numbers(rest: Rest, daemon: FakeDaemon):
    daemon.answers["GetProject"] = projects_pb2.GetProjectResponse(
        project=projects_pb2.Project(storage_limit_bytes=2**63 - 1)
    )
    reply = await rest("GET", "/v1/projects/prj_1")
    assert b'"storage_limit_bytes":9223372036854775807}' in reply.body


async def test_lists_are_there_when_empty_and_in_order_when_not(rest: Rest, daemon: FakeDaemon):
    daemon.answers["ListRegions"] = cluster_pb2.ListRegionsResponse()
    assert (await rest("GET", "/v1/regions")).json == {"regions": [], "region_details": []}
    daemon.answers["ListRegions"] = cluster_pb2.ListRegionsResponse(
        regions=["b", "a"], region_details=[cluster_pb2.Region(id="b"), cluster_pb2.Region(id="a", location="here")]
    )
    assert (await rest("GET", "/v1/regions")).json == {
        "regions": ["b", "a"],
        "region_details": [
            {"id": "b", "display_name": "", "location": ""},
            {"id": "a", "display_name": "", "location": "here"},
        ],
    }


async def test_null_when_absent_is_null_and_the_object_when_present(rest: Rest, daemon: FakeDaemon):
    principal = organizations_pb2.Principal(auth_source="api_key")
    daemon.answers["GetMe"] = organizations_pb2.GetMeResponse(principal=principal)
    reply = await rest("GET", "/v1/me")
    assert reply.json == {
        "organization": None,
        "principal": {"auth_source": "api_key", "scopes": [], "is_admin": False},
    }
    daemon.answers["GetMe"] = organizations_pb2.GetMeResponse(organization=organizations_pb2.Organization(id="org_1"))
    assert (await rest("GET", "/v1/me")).json["organization"]["id"] == "org_1"


@pytest.mark.parametrize(
    ("verb", "path", "method", "status"),
    [
        ("GET", "/v1/projects/prj_1", "GetProject", 200),
        ("POST", "/v1/projects", "CreateProject", 201),
        ("DELETE", "/v1/projects/prj_1", "DeleteProject", 202),
        ("PATCH", "/v1/projects/prj_1", "UpdateProject", 200),
    ],
)
async def test_the_status_of_success_is_the_protos(rest: Rest, daemon: FakeDaemon, verb, path, method, status):
    daemon.answers[method] = getattr(projects_pb2, f"{method}Response")()
    reply = await rest(verb, path, json={"name": "n"} if verb in {"POST", "PATCH"} else None)
    assert (reply.status, reply.json) == (status, {})


async def test_every_answer_has_the_same_headers(rest: Rest, daemon: FakeDaemon):
    for path in ("/v1/me", "/nowhere", "/healthz", "/v1/openapi.json"):
        headers = (await rest("GET", path)).headers
        assert headers["Content-Type"] == "application/json"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
        assert headers["Server"] == "capyd"


async def test_head_is_get_without_its_body(rest: Rest, daemon: FakeDaemon):
    get, head = await rest("GET", "/v1/me"), await rest("HEAD", "/v1/me")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["Content-Length"] == str(len(get.body))
    assert daemon.calls == ["GetMe", "GetMe"]


async def test_an_error_answers_head_without_a_body_too(rest: Rest):
    reply = await rest("HEAD", "/nowhere")
    assert (reply.status, reply.body) == (404, b"")
