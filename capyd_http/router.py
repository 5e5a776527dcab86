"""Which handler a path and verb belong to.

Not aiohttp's router: that one answers with pages of its own, and decodes `%2F` and `%25` in a path value by
rules of its own. Here a path is split at its slashes first, and each part is percent-decoded exactly once.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

from aiohttp import web

from capyd_http.errors import ApiError
from capyd_http.transcode.invalid import shown


@dataclass(frozen=True, slots=True)
class Visit:
    """One request at its handler."""

    request: web.BaseRequest
    request_id: str
    path_values: Sequence[str]
    """What stands for the template's fields, decoded, in its order."""


Handler = Callable[[Visit], Awaitable[web.Response]]
"""Answers, or raises ApiError."""


@dataclass(slots=True)
class Route:
    """One template and its handlers by verb."""

    template: str
    handlers: dict[str, Handler] = field(default_factory=dict)

    def handler(self, verb: str) -> Handler:
        """The verb's handler; GET's is HEAD's too, as the body is left out when the answer is written.

        Raises:
            ApiError: 405.
        """
        found = self.handlers.get("GET" if verb == "HEAD" else verb)
        if found is None:
            allow = ", ".join(sorted({*self.handlers, *(["HEAD"] if "GET" in self.handlers else [])}))
            sentence = f"{self.template} does not take {shown(verb)}: it takes {allow}"
            raise ApiError(405, sentence, code="method_not_allowed", allow=allow)
        return found


Found = tuple[Route, list[str]]
"""A path's route, and its values for the template's fields."""


@dataclass(slots=True)
class _Node:
    words: dict[str, "_Node"] = field(default_factory=dict)
    value: "_Node | None" = None
    route: Route | None = None


class Router:
    """All routes, as a tree over the parts of their paths."""

    def __init__(self) -> None:
        self._root = _Node()

    def add(self, verb: str, template: str, handler: Handler) -> None:
        """Register a handler.

        Raises:
            ValueError: the verb and path have one already.
        """
        node = self._root
        for part in template.removeprefix("/").split("/"):
            if part.startswith("{"):
                node.value = node.value or _Node()
                node = node.value
            else:
                node = node.words.setdefault(part, _Node())
        node.route = node.route or Route(template)
        if verb in node.route.handlers:
            raise ValueError(f"{verb} {template} is declared twice")
        node.route.handlers[verb] = handler

    def find(self, raw_path: str) -> Found | None:
        """The route of a path as it stands in the request line, and the values in it; None where there is none."""
        try:
            parts = [unquote(part, errors="strict") for part in raw_path.removeprefix("/").split("/")]
        except UnicodeDecodeError:
            return None
        values: list[str] = []
        route = _find(self._root, parts, 0, values)
        return None if route is None else (route, values)


def _find(node: _Node, parts: list[str], place: int, values: list[str]) -> Route | None:
    """The route under `node`. A word goes before a value; when it leads nowhere, the value is tried."""
    if place == len(parts):
        return node.route
    word = node.words.get(parts[place])
    if word is not None and (route := _find(word, parts, place + 1, values)) is not None:
        return route
    if node.value is None or not parts[place]:
        return None
    values.append(parts[place])
    route = _find(node.value, parts, place + 1, values)
    if route is None:
        values.pop()
    return route
