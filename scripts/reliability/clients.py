"""The two ways in: REST and gRPC. A request is sent again until it is answered, as its idempotency key allows."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import aiohttp
import grpc

from capyd.client.channel import open_channel
from capyd.v1 import extensions_pb2, extensions_pb2_grpc, jobs_pb2, jobs_pb2_grpc, projects_pb2, projects_pb2_grpc

_ANSWER_SECONDS = 30.0
_GIVE_UP_SECONDS = 300.0
_PAUSE_SECONDS = 0.05


class RefusedError(Exception):
    """An answer that no kill explains."""


@dataclass
class Losses:
    """Requests that were sent again, by why."""

    counted: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """What the daemon has taken on."""

    project_id: str
    job_id: str


class Client(Protocol):
    """One client of the service; every method returns once the request is acknowledged."""

    face: str
    """`REST` or `gRPC`."""

    async def create(self, name: str, *, key: str) -> Acknowledged: ...
    async def enable(self, project_id: str, extension: str, *, key: str) -> Acknowledged: ...
    async def disable(self, project_id: str, extension: str, *, key: str) -> Acknowledged: ...
    async def set_limits(self, project_id: str, max_connections: int, *, key: str) -> Acknowledged: ...
    async def rotate(self, project_id: str, *, grace_hours: int, leaked: bool, key: str) -> Acknowledged: ...
    async def delete(self, project_id: str, *, key: str) -> Acknowledged: ...
    async def urls(self, project_id: str) -> tuple[str, str] | None: ...
    async def job_state(self, job_id: str) -> str: ...


class RestClient:
    """HTTP to the gateway."""

    face = "REST"

    def __init__(self, session: aiohttp.ClientSession, losses: Losses) -> None:
        self._session = session
        self._losses = losses

    async def create(self, name: str, *, key: str) -> Acknowledged:
        answer = await self._send("POST", "/v1/projects", {"name": name}, key=key)
        return Acknowledged(answer["project"]["id"], answer["job"]["id"])

    async def enable(self, project_id: str, extension: str, *, key: str) -> Acknowledged:
        answer = await self._send("POST", f"/v1/projects/{project_id}/extensions", {"name": extension}, key=key)
        return Acknowledged(project_id, answer["job"]["id"])

    async def disable(self, project_id: str, extension: str, *, key: str) -> Acknowledged:
        answer = await self._send("DELETE", f"/v1/projects/{project_id}/extensions/{extension}", key=key)
        return Acknowledged(project_id, answer["job"]["id"])

    async def set_limits(self, project_id: str, max_connections: int, *, key: str) -> Acknowledged:
        body = {"max_connections": max_connections}
        answer = await self._send("PATCH", f"/v1/projects/{project_id}", body, key=key)
        return Acknowledged(project_id, answer["project"]["latest_job_id"])

    async def rotate(self, project_id: str, *, grace_hours: int, leaked: bool, key: str) -> Acknowledged:
        body = {"grace_hours": grace_hours, "leaked": leaked}
        answer = await self._send("POST", f"/v1/projects/{project_id}/credentials/rotate", body, key=key)
        return Acknowledged(project_id, answer["job"]["id"])

    async def urls(self, project_id: str) -> tuple[str, str] | None:
        """Direct and pooled, if the project has them yet."""
        try:
            found = (await self._send("GET", f"/v1/projects/{project_id}/connections"))["connections"]
        except RefusedError:
            return None
        return found["direct_url"], found["pooled_url"]

    async def delete(self, project_id: str, *, key: str) -> Acknowledged:
        # Asked again after the answer was lost, the project may be gone: which is what was asked for.
        answer = await self._send("DELETE", f"/v1/projects/{project_id}", key=key, gone_is_fine=True)
        return Acknowledged(project_id, answer["job"]["id"] if answer else "")

    async def job_state(self, job_id: str) -> str:
        return str((await self._send("GET", f"/v1/jobs/{job_id}"))["job"]["state"])

    async def _send(
        self, verb: str, path: str, body: object = None, *, key: str | None = None, gone_is_fine: bool = False
    ) -> dict[str, Any]:
        headers = {"Idempotency-Key": key} if key is not None and verb == "POST" else {}

        async def once() -> dict[str, Any]:
            async with self._session.request(verb, path, json=body, headers=headers) as response:
                if response.status >= 500:
                    raise _LostError(f"HTTP {response.status}")
                if gone_is_fine and response.status == 404:
                    return {}
                if response.status >= 400:
                    raise RefusedError(f"{verb} {path}: {response.status} {await response.text()}")
                answer: dict[str, Any] = await response.json()
                return answer

        found: dict[str, Any] = await until_answered(once, self._losses)
        return found


class GrpcClient:
    """gRPC to the daemon."""

    face = "gRPC"

    def __init__(self, channel: grpc.aio.Channel, losses: Losses) -> None:
        self._projects = projects_pb2_grpc.ProjectServiceStub(channel)
        self._extensions = extensions_pb2_grpc.ExtensionServiceStub(channel)
        self._jobs = jobs_pb2_grpc.JobServiceStub(channel)
        self._losses = losses

    async def create(self, name: str, *, key: str) -> Acknowledged:
        request = projects_pb2.CreateProjectRequest(name=name, request_id=key)
        answer = await self._call(self._projects.CreateProject, request)
        return Acknowledged(answer.project.id, answer.job.id)

    async def enable(self, project_id: str, extension: str, *, key: str) -> Acknowledged:
        request = extensions_pb2.EnableExtensionRequest(project_id=project_id, name=extension, request_id=key)
        return Acknowledged(project_id, (await self._call(self._extensions.EnableExtension, request)).job.id)

    async def disable(self, project_id: str, extension: str, *, key: str) -> Acknowledged:
        request = extensions_pb2.DisableExtensionRequest(project_id=project_id, name=extension, request_id=key)
        return Acknowledged(project_id, (await self._call(self._extensions.DisableExtension, request)).job.id)

    async def set_limits(self, project_id: str, max_connections: int, *, key: str) -> Acknowledged:
        request = projects_pb2.UpdateProjectRequest(
            project_id=project_id, max_connections=max_connections, request_id=key
        )
        answer = await self._call(self._projects.UpdateProject, request)
        return Acknowledged(project_id, answer.project.latest_job_id)

    async def rotate(self, project_id: str, *, grace_hours: int, leaked: bool, key: str) -> Acknowledged:
        request = projects_pb2.RotateCredentialsRequest(
            project_id=project_id, grace_hours=grace_hours, leaked=leaked, request_id=key
        )
        return Acknowledged(project_id, (await self._call(self._projects.RotateCredentials, request)).job.id)

    async def urls(self, project_id: str) -> tuple[str, str] | None:
        """Direct and pooled, if the project has them yet."""
        request = projects_pb2.GetConnectionsRequest(project_id=project_id)
        try:
            found = (await self._call(self._projects.GetConnections, request)).connections
        except RefusedError:
            return None
        return found.direct_url, found.pooled_url

    async def delete(self, project_id: str, *, key: str) -> Acknowledged:
        request = projects_pb2.DeleteProjectRequest(project_id=project_id, request_id=key)
        return Acknowledged(project_id, (await self._call(self._projects.DeleteProject, request)).job.id)

    async def job_state(self, job_id: str) -> str:
        return str((await self._call(self._jobs.GetJob, jobs_pb2.GetJobRequest(job_id=job_id))).job.state)

    async def _call(self, method: Callable[..., Awaitable[Any]], request: object) -> Any:
        async def once() -> Any:
            try:
                return await method(request, timeout=_ANSWER_SECONDS)
            except grpc.aio.AioRpcError as error:
                if error.code() in _LOST_CODES:
                    raise _LostError(f"gRPC {error.code().name}") from error
                raise RefusedError(f"{type(request).__name__}: {error.code().name} {error.details()}") from error

        return await until_answered(once, self._losses)


# What a killed server leaves its caller with. INTERNAL also stands for our own defects: the report counts each.
_LOST_CODES = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNKNOWN,
}


class _LostError(Exception):
    """No answer, or one that says so."""


async def until_answered(once: Callable[[], Awaitable[Any]], losses: Losses) -> Any:
    """What `once` returns in the end: it is called again while the stack does not answer.

    Raises:
        RefusedError: that goes on for too long.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _GIVE_UP_SECONDS
    while True:
        try:
            return await once()
        except (_LostError, aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, TimeoutError) as error:
            why = str(error) if isinstance(error, _LostError) else type(error).__name__
            losses.counted[why] += 1
            if loop.time() > deadline:
                raise RefusedError(f"no answer within {_GIVE_UP_SECONDS:g} s; the last try ended with {why}") from error
        await asyncio.sleep(_PAUSE_SECONDS)


def open_session(url: str, token: str) -> aiohttp.ClientSession:
    """HTTP with the organization's key."""
    return aiohttp.ClientSession(
        url,
        headers={"Authorization": f"Bearer {token}"},
        timeout=aiohttp.ClientTimeout(total=_ANSWER_SECONDS),
    )


def open_grpc(target: str, token: str) -> grpc.aio.Channel:
    """gRPC with the organization's key."""
    return open_channel(target, token=token)
