"""Makes the two canaries, and removes them: whatever ended the run, this one or an earlier one."""

import contextlib
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass

import psycopg

from capyd.attack.attempt import Door
from capyd.attack.canary import Canary, Session
from capyd.attack.daemon import CALL_SECONDS, Daemon
from capyd.attack.errors import UnderWayError
from capyd.client.channel import Channel
from capyd.client.failures import CallError, call_failures
from capyd.domain.secret import Secret
from capyd.v1 import organizations_pb2, projects_pb2
from capyd.v1.organizations_pb2_grpc import OrganizationServiceStub
from capyd.v1.projects_pb2_grpc import ProjectServiceStub

ORGANIZATION_ID = "org_capyd_attack_canaries"
"""Always the same one: whatever is in it is ours, and a later run finds it."""
_NAME = "capyd attack canaries"
# An advisory lock in the victim's database, held as long as a run lasts.
_RUNNING = 0x61747461636B


@dataclass(frozen=True, slots=True)
class Canaries:
    """The two tenants of one run."""

    attacker: Canary
    victim: Canary


@contextlib.asynccontextmanager
async def canaries(channel: Channel, daemon: Daemon) -> AsyncIterator[Canaries]:
    """Two new tenants, gone again afterwards; those of a run that was killed go first.

    Raises:
        UnderWayError: another run is at it.
        CallError: the daemon refuses, or a project could not be made or removed.
    """
    await _ensure_organization(channel)
    await remove_leftovers(channel, daemon)
    try:
        made = [await _create(channel, daemon, role) for role in ("attacker", "victim")]
        pair = Canaries(*made)
        lock = await _lock(pair.victim)
        try:
            yield pair
        finally:
            await lock.close()
    finally:
        await _remove_all(channel, daemon)


async def remove_leftovers(channel: Channel, daemon: Daemon) -> None:
    """Remove what a killed run left. Nothing is removed while its run lives.

    Raises:
        UnderWayError: a session of another run holds the lock in a canary's database.
    """
    for project in await _list(channel):
        if project.state != "ready":
            continue
        with contextlib.suppress(CallError, psycopg.OperationalError):
            lock = await _lock(await _open(channel, daemon, project.id))
            await lock.close()
    await _remove_all(channel, daemon)


async def _ensure_organization(channel: Channel) -> None:
    await OrganizationServiceStub(channel).CreateOrganization(
        organizations_pb2.CreateOrganizationRequest(name=_NAME, organization_id=ORGANIZATION_ID), timeout=CALL_SECONDS
    )


async def _create(channel: Channel, daemon: Daemon, role: str) -> Canary:
    created = await ProjectServiceStub(channel).CreateProject(
        projects_pb2.CreateProjectRequest(
            name=f"{_NAME}: {role}",
            organization_id=ORGANIZATION_ID,
            environment="non_production",
            slug=f"attack-{role}-{secrets.token_hex(4)}",
        ),
        timeout=CALL_SECONDS,
    )
    outcome = await daemon.final(created.job.id)
    if outcome.refused:
        raise CallError(f"the {role}'s project could not be made: {outcome.words}")
    return await _open(channel, daemon, created.project.id)


async def _open(channel: Channel, daemon: Daemon, project_id: str) -> Canary:
    with call_failures(daemon.target):
        found = await ProjectServiceStub(channel).GetConnections(
            projects_pb2.GetConnectionsRequest(project_id=project_id), timeout=CALL_SECONDS
        )
    return Canary(project_id, Secret(found.connections.direct_url), Secret(found.connections.pooled_url))


async def _lock(victim: Canary) -> Session:
    session = await victim.connect(Door.DIRECT, application_name="capyd attack")
    # Quiet for as long as the run lasts.
    await session.execute(b"SET idle_session_timeout = 0")
    cursor = await session.execute(b"SELECT pg_try_advisory_lock(%d)" % _RUNNING)
    if await cursor.fetchone() != (True,):
        await session.close()
        raise UnderWayError("another attack on this cluster is under way: wait for its end")
    return session


async def _list(channel: Channel) -> list[projects_pb2.Project]:
    found: list[projects_pb2.Project] = []
    request = projects_pb2.ListProjectsRequest(organization_id=ORGANIZATION_ID)
    while True:
        page = await ProjectServiceStub(channel).ListProjects(request, timeout=CALL_SECONDS)
        found += page.projects
        request.page_token = page.next_page_token
        if not page.next_page_token:
            return found


async def _remove_all(channel: Channel, daemon: Daemon) -> None:
    stuck = []
    for project in await _list(channel):
        outcome = await daemon.delete_project(project.id)
        if outcome.refused and outcome.sqlstate != "NOT_FOUND":
            stuck.append(f"{project.slug} ({project.id}): {outcome.words}")
    if stuck:
        raise CallError(f"not removed, delete them by hand: {'; '.join(stuck)}")
