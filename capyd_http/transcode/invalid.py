"""The one failure of reading a request."""

import json

_SHOWN_CHARACTERS = 64


class InvalidRequestError(Exception):
    """The request cannot be read as the method's. One sentence: what is wrong, and what would be right.

    `field` is the path of the field at fault, such as `name` or `scopes[1]`, where one is.
    """

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field


def shown(text: str) -> str:
    """`text` as the sender may be shown it: shortened, in ASCII, without quotes, safe inside any JSON."""
    short = text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "..."
    return json.dumps(short)[1:-1]
