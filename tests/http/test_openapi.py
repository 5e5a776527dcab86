"""The OpenAPI document says what the protos say, all of it and nothing else."""

import importlib
import pkgutil
import re

import orjson
import pytest
from google.api import annotations_pb2
from openapi_spec_validator import OpenAPIV31SpecValidator

import capyd.v1
from capyd_http.openapi.document import openapi_json
from capyd_http.transcode.methods import http_methods
from tests.http.rest import Rest


@pytest.fixture(scope="module")
def document():
    return orjson.loads(openapi_json(http_methods()))


def declared() -> dict[tuple[str, str], str]:
    """(path, verb) to method name, read from the descriptors without the gateway's own reader."""
    found = {}
    for module in pkgutil.iter_modules(capyd.v1.__path__):
        if not module.name.endswith("_pb2"):
            continue
        for service in importlib.import_module(f"capyd.v1.{module.name}").DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                rule = method.GetOptions().Extensions[annotations_pb2.http]
                if verb := rule.WhichOneof("pattern"):
                    found[getattr(rule, verb), verb] = method.name
    return found


def test_the_document_is_valid(document):
    assert document["openapi"] == "3.1.0"
    OpenAPIV31SpecValidator(document).validate()


def test_every_method_with_an_http_form_is_there_and_nothing_else(document):
    operations = {
        (path, verb): operation["operationId"].lower()
        for path, verbs in document["paths"].items()
        for verb, operation in verbs.items()
    }
    assert operations == {key: name.lower() for key, name in declared().items()}
    assert len(set(operations.values())) == len(operations)


def test_every_template_field_is_a_parameter(document):
    for path, verbs in document["paths"].items():
        for operation in verbs.values():
            in_path = [one["name"] for one in operation.get("parameters", []) if one.get("in") == "path"]
            assert in_path == re.findall(r"\{(.+?)\}", path)


def test_a_request_body_is_closed_and_knows_what_it_needs(document):
    schemas = document["components"]["schemas"]
    create = schemas["CreateApiKeyRequest"]
    assert create["required"] == ["name", "scopes"]
    assert create["additionalProperties"] is False
    assert "organization_id" not in create["properties"]
    assert create["properties"]["expires_at"] == {"type": "string", "format": "date-time"}
    body = document["paths"]["/v1/organizations/{organization_id}/api-keys"]["post"]["requestBody"]
    assert body["required"] is True
    retry = document["paths"]["/v1/projects/{project_id}/retry-provisioning"]["post"]["requestBody"]
    assert retry["required"] is False
    assert "requestBody" not in document["paths"]["/v1/projects/{project_id}"]["delete"]


def test_mutations_take_an_idempotency_key(document):
    reference = {"$ref": "#/components/parameters/IdempotencyKey"}
    taking = {
        operation["operationId"]
        for verbs in document["paths"].values()
        for operation in verbs.values()
        if reference in operation.get("parameters", [])
    }
    assert "createProject" in taking
    assert not {name for name in taking if name.startswith(("get", "list"))}


def test_required_in_an_answer_is_what_is_always_there(document):
    schemas = document["components"]["schemas"]
    job = schemas["Job"]
    assert {"id", "attempts", "locked_resource"} <= set(job["required"])
    assert not {"error", "last_exit_code", "completed_at"} & set(job["required"])
    assert schemas["CreateProjectResponse"]["required"] == ["project", "job"]
    assert schemas["ListProjectsResponse"]["required"] == ["projects"]
    me = schemas["GetMeResponse"]
    assert me["required"] == ["organization", "principal"]
    assert me["properties"]["organization"] == {
        "anyOf": [{"$ref": "#/components/schemas/Organization"}, {"type": "null"}]
    }
    assert schemas["Project"]["properties"]["storage_limit_bytes"] == {"type": "integer", "format": "int64"}


def test_the_grpc_face_alone_is_not_in_it(document):
    text = orjson.dumps(document).decode()
    assert "page_token" not in text
    assert "page_size" not in text
    assert "WatchJob" not in text


def test_descriptions_are_the_protos_comments(document):
    create = document["paths"]["/v1/projects"]["post"]
    assert create["summary"] == "Create a project"
    assert create["description"].startswith("Create a project. It is usable when its job is `completed`.")
    job = document["components"]["schemas"]["Job"]["properties"]
    assert job["locked_resource"]["description"].startswith("Jobs that name the same resource")


def test_only_public_methods_go_without_security(document):
    free = {path for path, verbs in document["paths"].items() for one in verbs.values() if one.get("security") == []}
    assert free == {"/status"}
    assert set(document["components"]["securitySchemes"]) == {"bearer", "api_key"}


def test_every_error_is_of_the_one_form(document):
    for name, response in document["components"]["responses"].items():
        assert name.startswith("Error")
        assert response["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Error"}
    assert "401" in document["paths"]["/v1/me"]["get"]["responses"]
    assert "401" not in document["paths"]["/status"]["get"]["responses"]
    assert {"404", "409"} <= document["paths"]["/v1/projects"]["post"]["responses"].keys()
    assert {"404", "409"} <= document["paths"]["/v1/projects/{project_id}/connections"]["get"]["responses"].keys()


def test_it_is_the_same_every_time():
    assert openapi_json(http_methods()) == openapi_json(http_methods())


async def test_it_is_served(rest: Rest):
    reply = await rest("GET", "/v1/openapi.json", token=None)
    assert reply.status == 200
    assert reply.body == openapi_json(http_methods())
