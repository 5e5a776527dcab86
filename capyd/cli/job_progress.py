"""Follows a job until it is final, and shows how it gets on."""

import sys
from collections.abc import AsyncIterator

import click
from rich.console import Console, Group
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from capyd.cli.tables import shortened
from capyd.client.channel import Channel
from capyd.client.jobs import watch_job
from capyd.v1.jobs_pb2 import Job

_FINAL = ("completed", "failed")

wait_option = click.option(
    "--wait/--no-wait",
    default=True,
    show_default=True,
    help="Stay until the job is final; the exit code is 1 when it failed.",
)


async def follow_job(channel: Channel, job_id: str, *, silent: bool) -> Job:
    """Return the final job. Unless `silent`, show it meanwhile: live on a terminal, a line a change elsewhere.

    On standard error: standard output is for the answer.
    """
    changes = watch_job(channel, job_id)
    if silent:
        return await _last(changes)
    console = Console(stderr=True)
    if not console.is_terminal:
        return await _last(_told(changes))
    with Live(console=console, refresh_per_second=12, transient=True) as live:
        return await _last(_drawn(changes, live))


def exit_for(job: Job) -> None:
    """End with exit code 1, and the reason, when the job failed."""
    if job.state == "failed":
        click.echo(f"{job.id}: {job.error}", err=True)
        sys.exit(1)


async def _last(jobs: AsyncIterator[Job]) -> Job:
    job = Job()
    async for job in jobs:
        if job.state in _FINAL:
            break
    return job


async def _told(jobs: AsyncIterator[Job]) -> AsyncIterator[Job]:
    said = ""
    async for job in jobs:
        line = _line(job)
        if line != said:
            click.echo(line, err=True)
            said = line
        yield job


async def _drawn(jobs: AsyncIterator[Job], live: Live) -> AsyncIterator[Job]:
    async for job in jobs:
        steps = [Text(f"  {line}", style="dim") for line in job.last_stdout.splitlines()]
        live.update(Group(Spinner("dots", Text(_line(job))), *steps))
        yield job


def _line(job: Job) -> str:
    attempt = f", attempt {job.attempts} of {job.max_attempts}" if job.attempts > 1 else ""
    if job.HasField("error") and job.state not in _FINAL:
        # It is started again and again until what it waits for is there: that is one thing, and not many.
        return f"{job.id} {job.type}: waits{attempt}: {shortened(job.error)}"
    return f"{job.id} {job.type}: {job.state}{attempt}"
