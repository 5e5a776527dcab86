"""A list is whole on the REST face, however many pages the daemon needs."""

import asyncio

import grpc

from capyd.v1 import jobs_pb2, projects_pb2
from capyd_http.backend import PAGE_SIZE
from tests.http.conftest import DEADLINE_SECONDS
from tests.http.daemon import FakeDaemon, Refusal
from tests.http.rest import Rest


def page(request):
    """1,200 projects, as a daemon hands them out."""
    start = int(request.page_token or 0)
    end = min(start + request.page_size, 1200)
    projects = [projects_pb2.Project(id=f"prj_{number}") for number in range(start, end)]
    return projects_pb2.ListProjectsResponse(projects=projects, next_page_token=str(end) if end < 1200 else "")


async def test_all_pages_are_put_together_in_order(rest: Rest, daemon: FakeDaemon):
    daemon.answers["ListProjects"] = page
    reply = await rest("GET", "/v1/projects?organization_id=org_1")
    assert reply.status == 200
    assert list(reply.json) == ["projects"]
    assert [project["id"] for project in reply.json["projects"]] == [f"prj_{number}" for number in range(1200)]
    assert [seen.request.page_token for seen in daemon.seen] == ["", "500", "1000"]
    assert {seen.request.page_size for seen in daemon.seen} == {PAGE_SIZE}
    assert {seen.request.organization_id for seen in daemon.seen} == {"org_1"}
    assert len({seen.metadata["x-request-id"] for seen in daemon.seen}) == 1


async def test_a_limit_is_passed_on_with_every_page(rest: Rest, daemon: FakeDaemon):
    pages = {
        "": jobs_pb2.ListProjectJobsResponse(jobs=[jobs_pb2.Job(id="a")], next_page_token="b"),
        "b": jobs_pb2.ListProjectJobsResponse(jobs=[jobs_pb2.Job(id="b")]),
    }
    daemon.answers["ListProjectJobs"] = lambda request: pages[request.page_token]
    reply = await rest("GET", "/v1/projects/prj_1/jobs?limit=2")
    assert [job["id"] for job in reply.json["jobs"]] == ["a", "b"]
    assert [seen.request.limit for seen in daemon.seen] == [2, 2]


async def test_a_page_that_fails_fails_the_list(rest: Rest, daemon: FakeDaemon):
    gone = Refusal(grpc.StatusCode.UNAVAILABLE, "the state is away", "unavailable")
    daemon.answers["ListProjects"] = lambda request: gone if request.page_token == "500" else page(request)
    reply = await rest("GET", "/v1/projects")
    assert (reply.status, reply.json["error"]) == (503, "the state is away")


async def test_all_pages_have_one_deadline_together(rest: Rest, daemon: FakeDaemon):
    async def slowly(request):
        await asyncio.sleep(DEADLINE_SECONDS / 4)
        return projects_pb2.ListProjectsResponse(next_page_token="again")

    daemon.answers["ListProjects"] = slowly
    # The pages never end: a deadline for each alone would let this go on for ever.
    assert (await rest("GET", "/v1/projects")).status == 504
