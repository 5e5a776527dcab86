"""`capyd jobs`."""

import click

from capyd.cli.daemon_calls import TIMEOUT_SECONDS, call_daemon, json_option, target_option
from capyd.cli.job_progress import exit_for, follow_job
from capyd.cli.tables import moment, print_json, print_table, print_values, shortened
from capyd.client.channel import Channel
from capyd.v1 import jobs_pb2 as pb
from capyd.v1.jobs_pb2_grpc import JobServiceStub
from capyd.v1.projects_pb2 import RetryProvisioningRequest
from capyd.v1.projects_pb2_grpc import ProjectServiceStub

job_argument = click.argument("job_id", metavar="JOB")


@click.group()
def jobs() -> None:
    """List, show, watch, retry and cancel jobs."""


@jobs.command("list")
@target_option
@click.option("--project", "project_id", metavar="PROJECT", help="Those of one project: prj_...")
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice(["pending", "running", "completed", "failed"]),
    help="Those in this state; again for more. Without --project.",
)
@click.option("--limit", type=click.IntRange(1, 1000), default=25, show_default=True, help="How many, the newest.")
@json_option
def list_jobs(*, target: str, project_id: str | None, states: tuple[str, ...], limit: int, as_json: bool) -> None:
    """List jobs, the newest first."""
    if project_id is not None and states:
        raise click.UsageError("--state is for the jobs of all projects: leave --project out")

    async def calls(channel: Channel) -> pb.ListJobsResponse | pb.ListProjectJobsResponse:
        stub = JobServiceStub(channel)
        if project_id is None:
            everything = pb.ListJobsRequest(states=states, page_size=limit)
            return await stub.ListJobs(everything, timeout=TIMEOUT_SECONDS)
        # A page has as many as may be asked for.
        request = pb.ListProjectJobsRequest(project_id=project_id, limit=limit, page_size=limit)
        return await stub.ListProjectJobs(request, timeout=TIMEOUT_SECONDS)

    found = call_daemon(target, calls)
    if as_json:
        print_json(found)
        return
    print_table(
        found.jobs,
        [
            ("ID", lambda job: job.id),
            ("TYPE", lambda job: job.type),
            ("STATE", lambda job: job.state),
            ("PROJECT", lambda job: job.project_id),
            ("ATTEMPTS", lambda job: f"{job.attempts}/{job.max_attempts}"),
            ("CREATED", lambda job: moment(job.created_at)),
            ("TOOK", _took),
            ("ERROR", lambda job: shortened(job.error) or "-"),
        ],
    )


@jobs.command()
@target_option
@job_argument
@json_option
def show(*, target: str, job_id: str, as_json: bool) -> None:
    """Show one job, with its journal and what a server said."""

    async def calls(channel: Channel) -> pb.GetJobResponse:
        return await JobServiceStub(channel).GetJob(pb.GetJobRequest(job_id=job_id), timeout=TIMEOUT_SECONDS)

    found = call_daemon(target, calls)
    if as_json:
        print_json(found)
    else:
        print_job(found.job)


@jobs.command()
@target_option
@job_argument
@json_option
def watch(*, target: str, job_id: str, as_json: bool) -> None:
    """Follow a job until it is final. The exit code is 1 when it failed."""

    async def calls(channel: Channel) -> pb.Job:
        return await follow_job(channel, job_id, silent=as_json)

    job = call_daemon(target, calls)
    if as_json:
        print_json(pb.GetJobResponse(job=job))
    else:
        print_job(job)
    exit_for(job)


@jobs.command()
@target_option
@job_argument
@json_option
def cancel(*, target: str, job_id: str, as_json: bool) -> None:
    """Cancel a job: at once while it is pending, before its next step while it runs."""

    async def calls(channel: Channel) -> pb.CancelJobResponse:
        return await JobServiceStub(channel).CancelJob(pb.CancelJobRequest(job_id=job_id), timeout=TIMEOUT_SECONDS)

    answer = call_daemon(target, calls)
    if as_json:
        print_json(answer)
    else:
        click.echo(f"{job_id}: {answer.job.error if answer.job.state == 'failed' else 'ends before its next step'}")


@jobs.command()
@target_option
@job_argument
@json_option
def retry(*, target: str, job_id: str, as_json: bool) -> None:
    """Try a failed provisioning again. Any other failed job is simply asked for anew."""

    async def calls(channel: Channel) -> pb.GetJobResponse:
        failed = await JobServiceStub(channel).GetJob(pb.GetJobRequest(job_id=job_id), timeout=TIMEOUT_SECONDS)
        if failed.job.state != "failed":
            raise click.ClickException(f"{job_id} is {failed.job.state}: only a failed job can be tried again")
        if failed.job.type != "project.provision":
            raise click.ClickException(
                f"{job_id} is a {failed.job.type}, which nothing waits for: give the command that made it once more"
            )
        request = RetryProvisioningRequest(project_id=failed.job.project_id)
        answer = await ProjectServiceStub(channel).RetryProvisioning(request, timeout=TIMEOUT_SECONDS)
        return pb.GetJobResponse(job=answer.job)

    started = call_daemon(target, calls)
    if as_json:
        print_json(started)
    else:
        click.echo(started.job.id)


def print_job(job: pb.Job) -> None:
    """All there is to say of it."""
    print_values(
        {
            "id": job.id,
            "type": job.type,
            "state": job.state,
            "project": job.project_id,
            "organization": job.organization_id,
            "attempts": f"{job.attempts} of {job.max_attempts}",
            "created": moment(job.created_at),
            "started": moment(job.started_at),
            "completed": moment(job.completed_at),
            "took": _took(job),
            "error": job.error,
            "retry": job.retry_classification,
            "journal": job.last_stdout,
            "said": job.last_stderr,
        }
    )


def _took(job: pb.Job) -> str:
    if not job.HasField("completed_at") or not job.HasField("started_at"):
        return "-"
    span = job.completed_at.ToDatetime() - job.started_at.ToDatetime()
    return f"{span.total_seconds() * 1000:.0f} ms"
