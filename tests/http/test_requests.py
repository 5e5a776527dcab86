"""What a request may say, and the sentence that answers what it may not."""

import pytest

from capyd.v1 import extensions_pb2, jobs_pb2, organizations_pb2, projects_pb2
from tests.http.daemon import FakeDaemon
from tests.http.rest import Rest

KEYS = "/v1/organizations/org_1/api-keys"
JSON = {"Content-Type": "application/json"}


@pytest.fixture(autouse=True)
def answers(daemon: FakeDaemon) -> None:
    daemon.answers |= {
        "CreateProject": projects_pb2.CreateProjectResponse(),
        "UpdateProject": projects_pb2.UpdateProjectResponse(),
        "RetryProvisioning": projects_pb2.RetryProvisioningResponse(),
        "DeleteProject": projects_pb2.DeleteProjectResponse(),
        "GetProject": projects_pb2.GetProjectResponse(),
        "ListProjects": projects_pb2.ListProjectsResponse(),
        "ListProjectJobs": jobs_pb2.ListProjectJobsResponse(),
        "CreateApiKey": organizations_pb2.CreateApiKeyResponse(),
        "UpdateExtension": extensions_pb2.UpdateExtensionResponse(),
        "DisableExtension": extensions_pb2.DisableExtensionResponse(),
    }


async def test_a_body_fills_the_request(rest: Rest, daemon: FakeDaemon):
    body = {"name": "Zoë 🦫", "environment": "", "slug": "zoe"}
    assert (await rest("POST", "/v1/projects", json=body)).status == 201
    request = daemon.seen[-1].request
    assert request == projects_pb2.CreateProjectRequest(name="Zoë 🦫", environment="", slug="zoe")
    # Sent empty is not the same as not sent.
    assert request.HasField("environment")
    assert not request.HasField("region")


async def test_all_types_of_field_are_read(rest: Rest, daemon: FakeDaemon):
    assert (await rest("PATCH", "/v1/projects/prj_1", json={"always_on": False, "max_connections": -7})).status == 200
    assert daemon.seen[-1].request == projects_pb2.UpdateProjectRequest(
        project_id="prj_1", always_on=False, max_connections=-7
    )
    body = {"name": "ci", "scopes": ["b", "a"], "expires_at": "2027-01-31T12:00:00.25+02:00"}
    assert (await rest("POST", KEYS, json=body)).status == 201
    request = daemon.seen[-1].request
    assert list(request.scopes) == ["b", "a"]
    assert (request.expires_at.seconds, request.expires_at.nanos) == (1_801_389_600, 250_000_000)


async def test_an_ignored_field_is_accepted_whatever_it_is(rest: Rest, daemon: FakeDaemon):
    for value in ("my laptop", None, 5, {}):
        assert (await rest("POST", KEYS, json={"name": "n", "scopes": [], "device_name": value})).status == 201
        assert not daemon.seen[-1].request.HasField("device_name")


@pytest.mark.parametrize(
    ("verb", "path", "body", "sentence", "field"),
    [
        ("POST", "/v1/projects", b'{"name": 5}', '"name" must be a string, not a number', "name"),
        ("POST", "/v1/projects", b'{"name": null}', '"name" must be a string, not null', "name"),
        ("POST", "/v1/projects", b'{"name": true}', '"name" must be a string, not a boolean', "name"),
        ("POST", "/v1/projects", b'{"name": ["n"]}', '"name" must be a string, not an array', "name"),
        ("POST", "/v1/projects", b'{"name": {}}', '"name" must be a string, not an object', "name"),
        ("POST", "/v1/projects", b'{"name": "a\\u0000b"}', '"name" must not have a NUL character', "name"),
        ("POST", "/v1/projects", b'{"name": "\\ud800"}', '"name" must be Unicode text', "name"),
        ("POST", "/v1/projects", b'{"name": "n", "slug": null}', '"slug" must be a string, not null', "slug"),
        ("POST", "/v1/projects", b'{"name": "n", "plan": "ship"}', 'no field "plan" here: the body may have', "plan"),
        ("POST", "/v1/projects", b'{"name": "n", "\\ud800": 1}', 'no field "\\ud800" here', "\\ud800"),
        ("POST", "/v1/projects", b"{}", "name is required", "name"),
        ("POST", "/v1/projects", b"", "name is required", "name"),
        ("POST", "/v1/projects", b'{"name": "a", "name": "b"}', '"name" stands twice', "name"),
        ("PATCH", "/v1/projects/p", b'{"max_connections": "5"}', "an integer, not a string", "max_connections"),
        ("PATCH", "/v1/projects/p", b'{"max_connections": true}', "an integer, not a boolean", "max_connections"),
        ("PATCH", "/v1/projects/p", b'{"max_connections": 5.0}', "an integer, not one with a fr", "max_connections"),
        ("PATCH", "/v1/projects/p", b'{"max_connections": 5e0}', "an integer, not one with a fr", "max_connections"),
        ("PATCH", "/v1/projects/p", b'{"max_connections": null}', "an integer, not null", "max_connections"),
        ("PATCH", "/v1/projects/p", b'{"max_connections": 2147483648}', "must be between", "max_connections"),
        ("PATCH", "/v1/projects/p", b'{"max_connections": -2147483649}', "must be between", "max_connections"),
        ("PATCH", "/v1/projects/p", b'{"always_on": 1}', '"always_on" must be true or false, not a n', "always_on"),
        ("PATCH", "/v1/projects/p", b'{"always_on": "true"}', "must be true or false, not a string", "always_on"),
        # Bound by the path: the body has no say.
        ("PATCH", "/v1/projects/p", b'{"project_id": "q"}', 'no field "project_id" here', "project_id"),
        ("POST", KEYS, b'{"name": "n", "scopes": "a"}', '"scopes" must be an array, not a string', "scopes"),
        ("POST", KEYS, b'{"name": "n", "scopes": ["a", 1]}', '"scopes[1]" must be a string', "scopes[1]"),
        ("POST", KEYS, b'{"name": "n"}', "scopes is required", "scopes"),
        ("POST", KEYS, b'{"name": "n", "scopes": [], "expires_at": 1}', '"expires_at" must be a st', "expires_at"),
        ("POST", "/v1/projects/p/retry-provisioning", b'{"a": 1}', 'no field "a" here: the body has none', "a"),
        # Methods without a body rule take nothing, or `{}`.
        ("DELETE", "/v1/projects/p", b'{"force": true}', 'no field "force" here', "force"),
        ("GET", "/v1/projects/p", b'{"x": 1}', 'no field "x" here', "x"),
        ("POST", "/v1/projects", b"[]", "must be a JSON object, not an array", None),
        ("POST", "/v1/projects", b"null", "must be a JSON object, not null", None),
        ("POST", "/v1/projects", b'"name"', "must be a JSON object, not a string", None),
        ("POST", "/v1/projects", b" ", "not valid JSON", None),
        ("POST", "/v1/projects", b'{"name": "n",}', "not valid JSON", None),
        ("POST", "/v1/projects", b'{"name": "n"} x', "not valid JSON: Extra data (line 1, column 15)", None),
        ("POST", "/v1/projects", b'{"name": "a\nb"}', "not valid JSON: Invalid control character", None),
        ("POST", "/v1/projects", b"{'name': 'n'}", "not valid JSON", None),
        ("POST", "/v1/projects", b'{"name": NaN}', "there is no NaN in JSON", None),
        ("POST", "/v1/projects", b'{"name": -Infinity}', "there is no -Infinity in JSON", None),
        ("POST", "/v1/projects", b'{"name": "\xff"}', "not valid UTF-8", None),
        ("POST", "/v1/projects", b'{"name": "\xed\xa0\x80"}', "not valid UTF-8", None),
        ("POST", "/v1/projects", '{"name": "n"}'.encode("utf-16"), "not valid UTF-8", None),
        ("POST", "/v1/projects", b"\xef\xbb\xbf{}", "not valid JSON", None),
        ("POST", "/v1/projects", b"[" * 500_000, "nested too deeply", None),
        ("POST", "/v1/projects", b'{"name":' * 100_000, "nested too deeply", None),
        ("PATCH", "/v1/projects/p", b'{"max_connections": ' + b"9" * 10_000 + b"}", "too many digits", None),
    ],
)
async def test_a_bad_body_is_400_with_a_sentence(rest: Rest, daemon: FakeDaemon, verb, path, body, sentence, field):
    reply = await rest(verb, path, data=body, headers=JSON)
    assert reply.status == 400
    assert sentence in reply.json["error"]
    assert reply.json.get("field") == field
    assert reply.json["code"] == "invalid_argument"
    assert daemon.calls == ["GetMe"]


async def test_a_long_unknown_name_is_not_repeated_whole(rest: Rest):
    reply = await rest("POST", "/v1/projects", json={"n" * 10_000: 1})
    assert len(reply.body) < 500


async def test_many_names_with_one_twice_are_read_in_no_time(rest: Rest):
    body = "{" + ",".join(f'"{number}":1' for number in range(80_000)) + ',"79999":1}'
    assert '"79999" stands twice' in (await rest("POST", "/v1/projects", data=body.encode())).json["error"]


@pytest.mark.parametrize(
    "text",
    [
        "2027-01-31",
        "2027-01-31T12:00:00",
        "2027-01-31 12:00:00Z",
        "2027-02-30T12:00:00Z",
        "2027-01-31T24:00:01Z",
        "20270131T120000Z",
        "2027-01-31T12:00Z",
        "2027-W04-1T12:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "2027-01-31T12:00:00.0000000001Z",
        "٢٠٢٧-01-31T12:00:00Z",
        "tomorrow",
        "",
    ],
)
async def test_a_time_that_is_not_rfc_3339_is_400(rest: Rest, text):
    reply = await rest("POST", KEYS, json={"name": "n", "scopes": [], "expires_at": text})
    assert reply.status == 400
    assert "must be a time in RFC 3339" in reply.json["error"]


@pytest.mark.parametrize(
    ("verb", "path", "status"),
    [
        ("POST", "/v1/projects/p/retry-provisioning", 202),
        ("POST", "/v1/projects/p/extensions/vector/update", 202),
        ("DELETE", "/v1/projects/p", 202),
        ("GET", "/v1/projects/p", 200),
    ],
)
async def test_no_body_and_an_empty_object_are_the_same(rest: Rest, verb, path, status):
    assert (await rest(verb, path)).status == status
    assert (await rest(verb, path, data=b"{}")).status == status
    assert (await rest(verb, path, data=b"{}", headers=JSON)).status == status
    # A type without a body says nothing about anything.
    assert (await rest(verb, path, headers={"Content-Type": "text/plain"})).status == status


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 201),
        ("Application/JSON; charset=UTF-8", 201),
        ("application/json; charset=utf8", 201),
        ("application/merge-patch+json", 201),
        (None, 201),
        ("application/json; charset=latin-1", 415),
        ("application/x-www-form-urlencoded", 415),
        ("text/plain", 415),
        ("text/json", 415),
        ("json", 415),
        ("", 415),
    ],
)
async def test_a_body_is_json_in_utf_8(rest: Rest, content_type, status):
    headers = {} if content_type is None else {"Content-Type": content_type}
    reply = await rest("POST", "/v1/projects", data=b'{"name": "n"}', headers=headers)
    assert reply.status == status
    if status == 415:
        assert reply.json["code"] == "unsupported_media_type"


async def test_a_compressed_body_is_415(rest: Rest):
    reply = await rest("POST", "/v1/projects", data=b"\x1f\x8b", headers={**JSON, "Content-Encoding": "gzip"})
    assert reply.status == 415


@pytest.mark.parametrize(
    ("verb", "path"),
    [("POST", "/v1/projects"), ("PATCH", "/v1/projects/p"), ("DELETE", "/v1/projects/p")],
)
async def test_an_idempotency_key_is_the_requests_id(rest: Rest, daemon: FakeDaemon, verb, path):
    body = {"name": "n"} if verb != "DELETE" else None
    for headers, request_id in (({"Idempotency-Key": "k" * 255}, "k" * 255), ({}, "")):
        assert (await rest(verb, path, json=body, headers=headers)).status < 300
        assert daemon.seen[-1].request.request_id == request_id
    # The header alone sets it.
    assert (await rest(verb, path, json={"request_id": "k"})).status == 400


@pytest.mark.parametrize("key", ["", "k" * 256, "two words", "é"])
async def test_a_bad_idempotency_key_is_400(rest: Rest, daemon: FakeDaemon, key):
    reply = await rest("POST", "/v1/projects", json={"name": "n"}, headers={"Idempotency-Key": key})
    assert (reply.status, reply.json["field"]) == (400, "Idempotency-Key")
    assert daemon.calls == ["GetMe"]


async def test_reading_has_no_use_for_an_idempotency_key(rest: Rest, daemon: FakeDaemon):
    assert (await rest("GET", "/v1/projects/p", headers={"Idempotency-Key": "k"})).status == 200


async def chunks(size: int):
    for _ in range(size // 65536):
        yield b" " * 65536


async def test_a_body_over_the_limit_is_413(rest: Rest, daemon: FakeDaemon):
    limit = 1024 * 1024
    exact = b'{"name": "n"}'.ljust(limit)
    assert (await rest("POST", "/v1/projects", data=exact, headers=JSON)).status == 201
    for body in (exact + b" ", chunks(limit + 65536)):
        reply = await rest("POST", "/v1/projects", data=body, headers=JSON)
        assert (reply.status, reply.json["code"]) == (413, "body_too_large")
    assert daemon.calls == ["CreateProject", "GetMe", "GetMe"]


async def test_path_values_are_decoded_once(rest: Rest, daemon: FakeDaemon):
    for sent, read in {
        "prj_1": "prj_1",
        "a%2Fb": "a/b",
        "a%252Fb": "a%2Fb",
        "a+b": "a+b",
        "a%20b": "a b",
        "%C3%A9": "é",
        "..": "..",
        "%70rj": "prj",
        "a%zz": "a%zz",
        "a;b=c": "a;b=c",
    }.items():
        assert (await rest("GET", f"/v1/projects/{sent}")).status == 200, sent
        assert daemon.seen[-1].request.project_id == read
    assert (await rest("DELETE", "/v1/projects/p%201/extensions/uuid-ossp")).status == 202
    assert daemon.seen[-1].request == extensions_pb2.DisableExtensionRequest(project_id="p 1", name="uuid-ossp")


@pytest.mark.parametrize(
    ("path", "status"), [("/v1/projects/%ff", 404), ("/v1/projects/a%00", 400), ("/v1/%70rojects", 200)]
)
async def test_odd_paths(rest: Rest, path, status):
    assert (await rest("GET", path)).status == status


@pytest.mark.parametrize(
    ("query", "limit"),
    [
        ("", None),
        ("?limit=7", 7),
        ("?limit=-7", -7),
        ("?limit=0", 0),
        # The last one counts.
        ("?limit=7&limit=8", 8),
        ("?limit=x&limit=9", 9),
        ("?approval_token=x&unknown=%ZZ&limit=3", 3),
        # Of the gRPC face alone: unknown here.
        ("?page_size=3&page_token=x", None),
        # Bound by the path.
        ("?project_id=other", None),
        ("?%6Cimit=5", 5),
    ],
)
async def test_query_parameters_bind_to_what_is_left(rest: Rest, daemon: FakeDaemon, query, limit):
    assert (await rest("GET", f"/v1/projects/prj_1/jobs{query}")).status == 200
    request = daemon.seen[-1].request
    assert (request.limit if request.HasField("limit") else None) == limit
    assert request.project_id == "prj_1"
    assert request.page_token == ""


@pytest.mark.parametrize(
    "query",
    [
        "limit=x",
        "limit=",
        "limit",
        "limit=5.0",
        "limit=%2B5",
        "limit=1_0",
        "limit=0x5",
        "limit=%D9%A3",
        "limit=2147483648",
    ],
)
async def test_a_bad_query_parameter_is_400(rest: Rest, daemon: FakeDaemon, query):
    reply = await rest("GET", f"/v1/projects/prj_1/jobs?{query}")
    assert (reply.status, reply.json["field"]) == (400, "limit")
    assert daemon.calls == ["GetMe"]


async def test_a_query_that_is_not_utf_8_is_400(rest: Rest):
    reply = await rest("GET", "/v1/projects?organization_id=%ff")
    assert (reply.status, reply.json["error"]) == (400, "the query is not valid UTF-8")


async def test_the_query_has_no_say_where_a_body_has(rest: Rest, daemon: FakeDaemon):
    reply = await rest("POST", "/v1/projects?slug=q&name=q", json={"name": "n"})
    assert reply.status == 201
    assert daemon.seen[-1].request == projects_pb2.CreateProjectRequest(name="n")


async def test_the_query_is_decoded_as_forms_are(rest: Rest, daemon: FakeDaemon):
    await rest("GET", "/v1/projects?organization_id=org%201+2")
    assert daemon.seen[-1].request.organization_id == "org 1 2"
