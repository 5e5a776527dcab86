"""ExtensionService."""

from capyd.domain.principals import Principal
from capyd.rpc.messages import to_extension, to_job
from capyd.usecases.extensions import Extensions
from capyd.v1 import extensions_pb2 as pb


class ExtensionServicer:
    """The extensions a project may have."""

    def __init__(self, *, extensions: Extensions, cluster_id: str) -> None:
        self._extensions = extensions
        self._cluster_id = cluster_id

    async def ListExtensions(
        self, request: pb.ListExtensionsRequest, principal: Principal
    ) -> pb.ListExtensionsResponse:
        found = await self._extensions.list(principal, request.project_id)
        return pb.ListExtensionsResponse(extensions=[to_extension(extension) for extension in found])

    async def EnableExtension(
        self, request: pb.EnableExtensionRequest, principal: Principal
    ) -> pb.EnableExtensionResponse:
        job = await self._extensions.enable(principal, request.project_id, request.name)
        return pb.EnableExtensionResponse(job=to_job(job, self._cluster_id))

    async def DisableExtension(
        self, request: pb.DisableExtensionRequest, principal: Principal
    ) -> pb.DisableExtensionResponse:
        job = await self._extensions.disable(principal, request.project_id, request.name)
        return pb.DisableExtensionResponse(job=to_job(job, self._cluster_id))

    async def UpdateExtension(
        self, request: pb.UpdateExtensionRequest, principal: Principal
    ) -> pb.UpdateExtensionResponse:
        job = await self._extensions.update(principal, request.project_id, request.name)
        return pb.UpdateExtensionResponse(job=to_job(job, self._cluster_id))
