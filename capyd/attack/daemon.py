"""The daemon as a client sees it: what a tenant may ask of it, and what makes it work as administrator."""

import asyncio
from collections.abc import Awaitable
from typing import Protocol

from capyd.attack.expectation import Observed, answered, refused
from capyd.client.channel import Channel
from capyd.client.failures import CallError, call_failures
from capyd.v1 import cluster_pb2, extensions_pb2, jobs_pb2, projects_pb2
from capyd.v1.cluster_pb2_grpc import ClusterServiceStub
from capyd.v1.extensions_pb2_grpc import ExtensionServiceStub
from capyd.v1.jobs_pb2_grpc import JobServiceStub
from capyd.v1.projects_pb2_grpc import ProjectServiceStub

CALL_SECONDS = 30.0
JOB_SECONDS = 120.0
# A repair may drop and build, each with a checkpoint.
CHECK_SECONDS = 300.0
_FINAL = ("completed", "failed")


class _HasJob(Protocol):
    @property
    def job(self) -> jobs_pb2.Job: ...


class Daemon:
    """Calls through the admin socket."""

    def __init__(self, channel: Channel, target: str) -> None:
        self.target = target
        self._projects = ProjectServiceStub(channel)
        self._extensions = ExtensionServiceStub(channel)
        self._jobs = JobServiceStub(channel)
        self._cluster = ClusterServiceStub(channel)

    async def enable_extension(self, project_id: str, name: str) -> Observed:
        """Have it created by the administrator."""
        request = extensions_pb2.EnableExtensionRequest(project_id=project_id, name=name)
        return await self._outcome(self._extensions.EnableExtension(request, timeout=CALL_SECONDS))

    async def disable_extension(self, project_id: str, name: str) -> Observed:
        """Have it dropped by the administrator."""
        request = extensions_pb2.DisableExtensionRequest(project_id=project_id, name=name)
        return await self._outcome(self._extensions.DisableExtension(request, timeout=CALL_SECONDS))

    async def update_extension(self, project_id: str, name: str) -> Observed:
        """Have it brought to its newest version by the administrator."""
        request = extensions_pb2.UpdateExtensionRequest(project_id=project_id, name=name)
        return await self._outcome(self._extensions.UpdateExtension(request, timeout=CALL_SECONDS))

    async def list_extensions(self, project_id: str) -> Observed:
        """Have the administrator look into the database."""
        request = extensions_pb2.ListExtensionsRequest(project_id=project_id)
        try:
            with call_failures(self.target):
                await self._extensions.ListExtensions(request, timeout=CALL_SECONDS)
        except CallError as error:
            return _refusal(error)
        return answered("listed")

    async def apply_settings(self, project_id: str, **changes: str | int) -> Observed:
        """Change the project and have that applied."""
        request = projects_pb2.UpdateProjectRequest(project_id=project_id, **changes)  # type: ignore[arg-type]
        try:
            with call_failures(self.target):
                project = (await self._projects.UpdateProject(request, timeout=CALL_SECONDS)).project
        except CallError as error:
            return _refusal(error)
        return await self.final(project.latest_job_id)

    async def reconcile(self) -> Observed:
        """Have everything compared, and mended where that is safe."""
        request = cluster_pb2.CheckClusterRequest(repair=True)
        try:
            with call_failures(self.target):
                await self._cluster.CheckCluster(request, timeout=CHECK_SECONDS)
        except CallError as error:
            return _refusal(error)
        return answered("compared")

    async def delete_project(self, project_id: str) -> Observed:
        """Delete it for good."""
        request = projects_pb2.DeleteProjectRequest(project_id=project_id)
        return await self._outcome(self._projects.DeleteProject(request, timeout=CALL_SECONDS))

    async def rename_project(self, project_id: str, name: str) -> Observed:
        """Give it another name; the answer is the name that it has then."""
        request = projects_pb2.UpdateProjectRequest(project_id=project_id, name=name)
        try:
            with call_failures(self.target):
                return answered((await self._projects.UpdateProject(request, timeout=CALL_SECONDS)).project.name)
        except CallError as error:
            return _refusal(error)

    async def _outcome(self, call: "Awaitable[_HasJob]") -> Observed:
        """What becomes of the job that `call` asks for."""
        try:
            with call_failures(self.target):
                job = (await call).job
        except CallError as error:
            return _refusal(error)
        return await self.final(job.id)

    async def final(self, job_id: str) -> Observed:
        job = jobs_pb2.Job()
        try:
            with call_failures(self.target):
                async with asyncio.timeout(JOB_SECONDS):
                    async for message in self._jobs.WatchJob(jobs_pb2.WatchJobRequest(job_id=job_id)):
                        job = message.job
                        if job.state in _FINAL:
                            break
        except TimeoutError:
            return refused(f"the job is still {job.state} after {JOB_SECONDS:g} s: {job.error}", "job")
        except CallError as error:
            return _refusal(error)
        if job.state == "failed":
            return refused(job.error, "job")
        return answered(job.state)


def _refusal(error: CallError) -> Observed:
    return refused(str(error), error.code)
