"""The whole OpenAPI document."""

from collections.abc import Iterable
from typing import Any

import orjson

from capyd_http.openapi.comments import read_comments
from capyd_http.openapi.failures import ERROR_SCHEMA, error_responses, possible_errors
from capyd_http.openapi.schemas import Schemas
from capyd_http.transcode.fields import rest_fields, rules
from capyd_http.transcode.methods import HttpMethod

_DESCRIPTION = """\
Projects are logical databases on one PostgreSQL cluster. What is slow is a job: the answer names it, and
`GET /v1/jobs/{job_id}` says when it is final. Lists are whole. Timestamps are RFC 3339 in UTC. A field without a value
is left out. Unknown query parameters are ignored, unknown body fields are refused."""

_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same request with the same key within 24 hours returns the first answer, and does nothing.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}


def openapi_json(methods: Iterable[HttpMethod]) -> bytes:
    """The OpenAPI 3.1 document of these methods, as JSON text: the same bytes for the same protos."""
    return orjson.dumps(_document(tuple(methods)))


def _document(methods: tuple[HttpMethod, ...]) -> dict[str, Any]:
    comments = read_comments()
    schemas = Schemas(comments)
    paths: dict[str, dict[str, Any]] = {}
    for method in methods:
        paths.setdefault(method.template, {})[method.verb.lower()] = _operation(method, schemas, comments)
    return {
        "openapi": "3.1.0",
        "info": {"title": "capyd", "version": "v1", "description": _DESCRIPTION.replace("\n", " ")},
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}, {"api_key": []}],
        "tags": [{"name": tag} for tag in dict.fromkeys(method.tag for method in methods)],
        "paths": paths,
        "components": {
            "schemas": {**schemas.by_name, "Error": ERROR_SCHEMA},
            "responses": error_responses(),
            "parameters": {"IdempotencyKey": _IDEMPOTENCY_KEY},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "An API key, `capy_live_...`."},
                "api_key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same, bare."},
            },
        },
    }


def _operation(method: HttpMethod, schemas: Schemas, comments: dict[str, str]) -> dict[str, Any]:
    answer = schemas.response(method.response, is_envelope=True)
    description = comments.get(method.full_name, method.name)
    if method.scope:
        description += f" Needs the scope `{method.scope}`."
    operation: dict[str, Any] = {
        "operationId": method.name[0].lower() + method.name[1:],
        "tags": [method.tag],
        "summary": description.split(". ")[0].rstrip("."),
        "description": description,
        "responses": {
            str(method.success_status): {
                "description": "Success.",
                "content": {"application/json": {"schema": answer}},
            },
            **possible_errors(method),
        },
    }
    if method.public:
        operation["security"] = []
    if parameters := _parameters(method, schemas):
        operation["parameters"] = parameters
    if method.takes_body:
        operation["requestBody"] = _request_body(method, schemas)
    return operation


def _parameters(method: HttpMethod, schemas: Schemas) -> list[dict[str, Any]]:
    fields = method.request.fields_by_name
    in_path = [(fields[name], "path") for name in method.path_fields]
    others = [] if method.takes_body else rest_fields(method.request)
    in_query = [(field, "query") for field in others if field.name not in method.path_fields]
    parameters = []
    for field, place in in_path + in_query:
        schema = schemas.field(field)
        parameter = {"name": field.name, "in": place, "required": place == "path" or rules(field).required}
        if description := schema.pop("description", None):
            parameter["description"] = description
        parameters.append({**parameter, "schema": schema})
    if method.takes_idempotency_key:
        parameters.append({"$ref": "#/components/parameters/IdempotencyKey"})
    return parameters


def _request_body(method: HttpMethod, schemas: Schemas) -> dict[str, Any]:
    """The body; optional where nothing in it is required, as no body at all counts as `{}`."""
    needed = any(rules(field).required for field in rest_fields(method.request) if field.name not in method.path_fields)
    schema = schemas.request(method.request, bound=method.path_fields)
    return {"required": needed, "content": {"application/json": {"schema": schema}}}
