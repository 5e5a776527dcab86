"""Generated gRPC calls, and what must be true of every answer."""

import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import grpc
from google.protobuf.descriptor import MethodDescriptor
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from capyd.rpc.listeners import SERVICES
from capyd.v1 import organizations_pb2, organizations_pb2_grpc
from fuzzing.keys import make_key
from fuzzing.messages import requests

METHODS: Final = tuple(method for service in SERVICES.values() for method in service.methods)
_EXPECTED: Final = frozenset(
    {
        grpc.StatusCode.OK,
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.ALREADY_EXISTS,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
    }
)
# Follows until its caller goes: the first answer, or none in this time, is an answer.
_STREAM_SECONDS: Final = 0.2
_CALL_SECONDS: Final = 30.0

# What only a call changes. States and times move by themselves.
_DESIRED: Final = """
SELECT 'organization', id, name, slug, plan, suspended_reason, '' FROM organizations
UNION ALL SELECT 'project', id, name, slug, environment, max_connections || ' ' || statement_timeout || ' '
  || idle_transaction_timeout || ' ' || always_on, organization_id FROM projects
UNION ALL SELECT 'key', id, name, scopes, project_id, expires_at, revoked_at FROM api_keys
UNION ALL SELECT 'job', id, type, '', cancelled_by, '', '' FROM jobs WHERE type <> 'project.expire_credential'
ORDER BY 1, 2
"""


@dataclass
class CallsRun:
    """What came of it."""

    codes: Counter[str] = field(default_factory=Counter)
    """How many calls ended with each code."""
    failures: list[str] = field(default_factory=list)
    refused_and_compared: int = 0
    """Refused mutations, with what is desired before and after."""


def run_calls(ready: dict[str, Any], state: Path, *, number: int, seed_number: int) -> CallsRun:
    """Make `number` calls: without a token, with the stack's key, and as the administrator."""
    run = CallsRun()
    caller = _Caller(ready, state, run)

    @seed(seed_number)
    @settings(
        max_examples=number,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def one(data: st.DataObject) -> None:
        method = data.draw(st.sampled_from(METHODS))
        who = data.draw(st.sampled_from(("nobody", "key", "key", "administrator")))
        caller.call(method, who, data.draw(requests(method, caller.ids)))

    with closing(caller):
        one()
    return run


class _Caller:
    """The channels, and the state file to look at."""

    def __init__(self, ready: dict[str, Any], state: Path, run: CallsRun) -> None:
        self._run = run
        self._api = grpc.insecure_channel(ready["grpc_target"])
        self._admin = grpc.insecure_channel(ready["admin_target"])
        self._organization_id = str(ready["organization_id"])
        self._state = sqlite3.connect(f"file:{state}/capyd.sqlite?mode=ro", uri=True)
        self.ids = [row[1] for row in self._desired()]
        self._key = make_key(ready, "gRPC")  # not among the ids: nothing generated revokes it

    def close(self) -> None:
        self._api.close()
        self._admin.close()
        self._state.close()

    def call(self, method: MethodDescriptor, who: str, request: bytes) -> None:
        """Make the call, and note what must not be."""
        changes = "request_id" in method.input_type.fields_by_name
        before = self._desired() if changes else []
        code, said = self._send(method, who, request)
        self._run.codes[code.name] += 1
        shown = f"{method.full_name} by {who}: {code.name} {said} with {request!r}"
        is_away = code is grpc.StatusCode.UNAVAILABLE and method.name == "ListExtensions"
        is_silent = code is grpc.StatusCode.DEADLINE_EXCEEDED and method.server_streaming
        if code not in _EXPECTED and not is_away and not is_silent:
            self._run.failures.append(shown)
        if changes and code is not grpc.StatusCode.OK:
            self._run.refused_and_compared += 1
            if self._desired() != before:
                self._run.failures.append(f"changed something: {shown}")
        if method.name == "SuspendOrganization" and code is grpc.StatusCode.OK:
            # Or every later call would be refused for the same reason.
            organizations_pb2_grpc.OrganizationServiceStub(self._admin).ReleaseOrganization(
                organizations_pb2.ReleaseOrganizationRequest(organization_id=self._organization_id)
            )

    def _send(self, method: MethodDescriptor, who: str, request: bytes) -> tuple[grpc.StatusCode, str]:
        channel = self._admin if who == "administrator" else self._api
        metadata = [("authorization", f"Bearer {self._key}")] if who == "key" else []
        path = f"/{method.containing_service.full_name}/{method.name}"
        try:
            if method.server_streaming:
                stream = channel.unary_stream(path)(request, metadata=metadata, timeout=_STREAM_SECONDS)
                next(stream, None)
                stream.cancel()
            else:
                channel.unary_unary(path)(request, metadata=metadata, timeout=_CALL_SECONDS)
        except grpc.RpcError as error:
            return error.code(), error.details()
        return grpc.StatusCode.OK, ""

    def _desired(self) -> list[tuple[Any, ...]]:
        return self._state.execute(_DESIRED).fetchall()
