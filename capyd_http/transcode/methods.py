"""The methods of capyd.v1 that have an HTTP form, as their descriptors declare them."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import dataclass

from google.api import annotations_pb2
from google.protobuf.descriptor import Descriptor, MethodDescriptor, ServiceDescriptor

import capyd.v1
from capyd.v1 import options_pb2

_VERBS = ("get", "post", "patch", "put", "delete")
_TEMPLATE = re.compile(r"(/([A-Za-z0-9._-]+|\{[a-z_]+\}))+")


@dataclass(frozen=True, slots=True)
class HttpMethod:
    """One gRPC method and its HTTP form."""

    name: str
    """Such as `CreateProject`."""
    full_name: str
    """Such as `capyd.v1.ProjectService.CreateProject`."""
    rpc_path: str
    """Such as `/capyd.v1.ProjectService/CreateProject`."""
    verb: str
    """`GET`, `POST`, ..."""
    template: str
    """Such as `/v1/projects/{project_id}`."""
    path_fields: tuple[str, ...]
    """The request fields that the template binds, in its order."""
    takes_body: bool
    """Every other request field comes from a JSON body; without one, from the query."""
    success_status: int
    public: bool
    """Goes without a token."""
    scope: str
    """The scope that the token must hold, or nothing."""
    tag: str
    request: Descriptor
    response: Descriptor

    @property
    def takes_idempotency_key(self) -> bool:
        """The method's request can carry an id that makes a repetition of it harmless."""
        return "request_id" in self.request.fields_by_name

    @property
    def is_paged(self) -> bool:
        """The method hands its list out in pages."""
        return "page_token" in self.request.fields_by_name and "next_page_token" in self.response.fields_by_name


def http_methods() -> tuple[HttpMethod, ...]:
    """Every method of capyd.v1 with a `google.api.http` rule, in the order of files and declarations.

    Raises:
        ValueError: a rule uses what this gateway does not translate; the text names the method.
    """
    return tuple(
        _http_method(service, method)
        for service in _services()
        for method in service.methods
        if method.GetOptions().HasExtension(annotations_pb2.http)
    )


def _services() -> Iterator[ServiceDescriptor]:
    for module in sorted(found.name for found in pkgutil.iter_modules(capyd.v1.__path__)):
        if module.endswith("_pb2"):
            file = importlib.import_module(f"capyd.v1.{module}").DESCRIPTOR
            yield from file.services_by_name.values()


def _http_method(service: ServiceDescriptor, method: MethodDescriptor) -> HttpMethod:
    rule = method.GetOptions().Extensions[annotations_pb2.http]
    access = method.GetOptions().Extensions[options_pb2.access]
    rest = method.GetOptions().Extensions[options_pb2.rest]
    verb = rule.WhichOneof("pattern")
    streams = method.client_streaming or method.server_streaming
    if verb not in _VERBS or rule.body not in {"", "*"} or rule.additional_bindings or streams:
        raise ValueError(f"{method.full_name}: only unary methods with one plain HTTP rule and body * or none")
    template = getattr(rule, verb)
    if not _TEMPLATE.fullmatch(template):
        raise ValueError(f"{method.full_name}: {template} has more than words and {{fields}} between its slashes")
    return HttpMethod(
        name=method.name,
        full_name=method.full_name,
        rpc_path=f"/{service.full_name}/{method.name}",
        verb=verb.upper(),
        template=template,
        path_fields=tuple(re.findall(r"\{([a-z_]+)\}", template)),
        takes_body=rule.body == "*",
        success_status=rest.success_status or 200,
        public=access.public,
        scope=access.scope,
        tag=rest.tag,
        request=method.input_type,
        response=method.output_type,
    )
