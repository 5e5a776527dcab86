"""The errors that an operation can answer with."""

from typing import Any

from capyd_http.transcode.methods import HttpMethod

ERROR_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "What every error is answered with, on every path.",
    "properties": {
        "error": {"type": "string", "description": "One sentence: what is wrong, and what would be right."},
        "code": {"type": "string", "description": "A stable word for programs, such as `not_found`."},
        "field": {"type": "string", "description": "The request field at fault, where one is."},
        "request_id": {"type": "string", "description": "The `X-Request-Id` of this request."},
    },
    "required": ["error", "code", "request_id"],
}

_MEANINGS = {
    400: "The request is malformed, or a value is not valid.",
    401: "There is no token, or it is not valid.",
    403: "The token may not do this.",
    404: "It is not there, or it is another organization's.",
    408: "The body did not arrive in time.",
    409: "It conflicts with the present state.",
    413: "The body is too large.",
    415: "The body is not JSON in UTF-8.",
    429: "Too many requests.",
    500: "A fault of the service, which shows nothing of it.",
    503: "The daemon, or a part that the answer needs, cannot be reached just now.",
    504: "There was no answer in time.",
}


def error_responses() -> dict[str, Any]:
    """The reusable response objects, one a status."""
    return {f"Error{status}": _response(status, meaning) for status, meaning in _MEANINGS.items()}


def possible_errors(method: HttpMethod) -> dict[str, Any]:
    """References to the responses that this method's callers may meet, by status."""
    statuses = {400, 408, 413, 415, 429, 500, 503, 504}
    if not method.public:
        statuses |= {401, 403}
    # What names an object, in its path or its body, may name none, or one that is in no state for it.
    if method.path_fields or method.verb != "GET":
        statuses |= {404, 409}
    return {str(status): {"$ref": f"#/components/responses/Error{status}"} for status in sorted(statuses)}


def _response(status: int, meaning: str) -> dict[str, Any]:
    response: dict[str, Any] = {
        "description": meaning,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    }
    if status in {429, 503}:
        about = "Seconds after which to send it again."
        response["headers"] = {"Retry-After": {"description": about, "schema": {"type": "integer", "minimum": 1}}}
    return response
