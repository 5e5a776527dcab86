"""`capyd extensions`."""

from collections.abc import Awaitable, Callable
from typing import Any

import click

from capyd.cli.daemon_calls import TIMEOUT_SECONDS, call_daemon, json_option, target_option
from capyd.cli.job_progress import exit_for, follow_job, wait_option
from capyd.cli.projects import project_argument
from capyd.cli.tables import print_json, print_table
from capyd.client.channel import Channel
from capyd.v1 import extensions_pb2 as pb
from capyd.v1.extensions_pb2_grpc import ExtensionServiceStub
from capyd.v1.jobs_pb2 import GetJobResponse, Job

name_argument = click.argument("name")


@click.group()
def extensions() -> None:
    """List, enable, disable and update a project's extensions."""


@extensions.command("list")
@target_option
@project_argument
@json_option
def list_extensions(*, target: str, project_id: str, as_json: bool) -> None:
    """List what a project may have, and what it has."""

    async def calls(channel: Channel) -> pb.ListExtensionsResponse:
        return await ExtensionServiceStub(channel).ListExtensions(
            pb.ListExtensionsRequest(project_id=project_id), timeout=TIMEOUT_SECONDS
        )

    found = call_daemon(target, calls)
    if as_json:
        print_json(found)
        return
    print_table(
        found.extensions,
        [
            ("NAME", lambda extension: extension.name),
            ("ENABLED", lambda extension: extension.installed_version if extension.enabled else "-"),
            ("AVAILABLE", lambda extension: extension.available_version),
            ("UPDATE", lambda extension: "yes" if extension.update_available else "-"),
            ("CATEGORY", lambda extension: extension.category),
            ("WHAT IT IS", lambda extension: extension.description),
        ],
    )


@extensions.command()
@target_option
@project_argument
@name_argument
@wait_option
@json_option
def enable(*, target: str, project_id: str, name: str, wait: bool, as_json: bool) -> None:
    """Enable an extension."""
    request = pb.EnableExtensionRequest(project_id=project_id, name=name)
    _change(target, lambda stub: stub.EnableExtension(request, timeout=TIMEOUT_SECONDS), wait=wait, as_json=as_json)


@extensions.command()
@target_option
@project_argument
@name_argument
@wait_option
@json_option
def disable(*, target: str, project_id: str, name: str, wait: bool, as_json: bool) -> None:
    """Disable an extension. What depends on it makes the job fail."""
    request = pb.DisableExtensionRequest(project_id=project_id, name=name)
    _change(target, lambda stub: stub.DisableExtension(request, timeout=TIMEOUT_SECONDS), wait=wait, as_json=as_json)


@extensions.command()
@target_option
@project_argument
@name_argument
@wait_option
@json_option
def update(*, target: str, project_id: str, name: str, wait: bool, as_json: bool) -> None:
    """Update an extension to the version the cluster carries."""
    request = pb.UpdateExtensionRequest(project_id=project_id, name=name)
    _change(target, lambda stub: stub.UpdateExtension(request, timeout=TIMEOUT_SECONDS), wait=wait, as_json=as_json)


def _change(target: str, call: Callable[[Any], Awaitable[Any]], *, wait: bool, as_json: bool) -> None:
    async def calls(channel: Channel) -> Job:
        job: Job = (await call(ExtensionServiceStub(channel))).job
        return await follow_job(channel, job.id, silent=as_json) if wait else job

    job = call_daemon(target, calls)
    if as_json:
        print_json(GetJobResponse(job=job))
    else:
        click.echo(f"{job.id} {job.type}: {job.state}")
    exit_for(job)
