"""JobService."""

from collections.abc import AsyncIterator

from capyd.domain.paging import parse_page_request
from capyd.domain.principals import Principal
from capyd.rpc.messages import to_job
from capyd.rpc.presence import int_or_none
from capyd.usecases.jobs import Jobs
from capyd.v1 import jobs_pb2 as pb


class JobServicer:
    """Everything slow."""

    def __init__(self, *, jobs: Jobs, cluster_id: str) -> None:
        self._jobs = jobs
        self._cluster_id = cluster_id

    async def GetJob(self, request: pb.GetJobRequest, principal: Principal) -> pb.GetJobResponse:
        job = await self._jobs.get(principal, request.job_id)
        return pb.GetJobResponse(job=to_job(job, self._cluster_id))

    async def ListProjectJobs(
        self, request: pb.ListProjectJobsRequest, principal: Principal
    ) -> pb.ListProjectJobsResponse:
        page = await self._jobs.list_of_project(
            principal,
            request.project_id,
            parse_page_request(request.page_size, request.page_token),
            limit=int_or_none(request, "limit"),
        )
        return pb.ListProjectJobsResponse(
            jobs=[to_job(job, self._cluster_id) for job in page.items], next_page_token=page.next_token
        )

    async def ListJobs(self, request: pb.ListJobsRequest, principal: Principal) -> pb.ListJobsResponse:
        page = await self._jobs.list_all(
            parse_page_request(request.page_size, request.page_token), states=tuple(request.states)
        )
        return pb.ListJobsResponse(
            jobs=[to_job(job, self._cluster_id) for job in page.items], next_page_token=page.next_token
        )

    async def CancelJob(self, request: pb.CancelJobRequest, principal: Principal) -> pb.CancelJobResponse:
        job = await self._jobs.cancel(principal, request.job_id)
        return pb.CancelJobResponse(job=to_job(job, self._cluster_id))

    async def WatchJob(self, request: pb.WatchJobRequest, principal: Principal) -> AsyncIterator[pb.WatchJobResponse]:
        async for job in self._jobs.watch(principal, request.job_id):
            yield pb.WatchJobResponse(job=to_job(job, self._cluster_id))
