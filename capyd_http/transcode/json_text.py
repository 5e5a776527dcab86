"""JSON text to values, more strictly than any library does alone."""

import json
from typing import Any

from capyd_http.transcode.invalid import InvalidRequestError, shown


def parse_object(text: bytes) -> dict[str, Any]:
    """The JSON object that `text` is; nothing at all counts as `{}`.

    The standard library and not orjson, which keeps the last of two equal keys in silence: what one reader of
    a body checks is then not what the other one does.

    Raises:
        InvalidRequestError: not UTF-8, not JSON, an object with a key twice, nested too deeply, or no object.
    """
    if not text:
        return {}
    try:
        value = _DECODER.decode(text.decode())
    except UnicodeDecodeError as error:
        raise InvalidRequestError("the body is not valid UTF-8") from error
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise InvalidRequestError(f"the body is not valid JSON: {error.msg} ({place})") from error
    except RecursionError as error:
        raise InvalidRequestError("the body is nested too deeply") from error
    except ValueError as error:  # the interpreter's own limit, against quadratic parsing
        raise InvalidRequestError("the body has a number of too many digits") from error
    if not isinstance(value, dict):
        raise InvalidRequestError(f"the body must be a JSON object, not {kind(value)}")
    return value


def kind(value: object) -> str:
    """What a JSON value is called in a sentence."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "an array"
        case _:
            return "an object"


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique: dict[str, Any] = {}
    for key, value in pairs:
        if key in unique:
            raise InvalidRequestError(f'"{shown(key)}" stands twice in the same object', field=shown(key))
        unique[key] = value
    return unique


def _no_constant(word: str) -> None:
    raise InvalidRequestError(f"the body is not valid JSON: there is no {word} in JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)
