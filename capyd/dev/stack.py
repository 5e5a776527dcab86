"""The running stack: started in order, announced, kept, stopped in order."""

import asyncio
from collections.abc import Awaitable

from capyd.dev import probes
from capyd.dev.bootstrap import ensure_api_key
from capyd.dev.options import Options
from capyd.dev.ports import HOST
from capyd.dev.prepare import Prepared
from capyd.dev.programs import DAEMON, GATEWAY, POOLER, POSTGRES
from capyd.dev.progress import Progress
from capyd.dev.ready_file import Ready, write_ready_file
from capyd.dev.summary import render_summary
from capyd.dev.supervisor import Supervisor
from capyd.host.postmaster import wait_for_orphans


async def run_stack(prepared: Prepared, options: Options, progress: Progress) -> None:
    """Start the programs and keep them running until cancelled; all of them are stopped at the end, however it comes.

    Raises:
        StackError: one of them does not come up.
    """

    async def orphans_are_gone() -> None:
        await wait_for_orphans(prepared.layout.data, title=f"postgres: {prepared.memory.cluster_id}: ")

    supervisor = Supervisor(prepared.records, progress, prepare={POSTGRES: orphans_are_gone})
    try:
        with progress.step("start PostgreSQL, PgBouncer, daemon and gateway"):
            await orphans_are_gone()
            for program in prepared.programs:
                await supervisor.start(program)
            for program in prepared.programs:
                await supervisor.until_answering(program.name, _probe(program.name, prepared, supervisor))
        with progress.step("organization and API key"):
            key = await ensure_api_key(prepared.layout, prepared.memory, http_url=_http_url(prepared))

        async def announce() -> None:
            while not await _answers(prepared, supervisor):
                progress.say(f"not everything answers yet (logs: {prepared.layout.logs})")
            if options.ready_file is not None:
                write_ready_file(options.ready_file, _ready(prepared, supervisor, key))

        await announce()
        progress.show(render_summary(_ready(prepared, supervisor, key), prepared.layout, prepared.tls))
        await supervisor.keep(announce)
    finally:
        if options.ready_file is not None:
            options.ready_file.unlink(missing_ok=True)
        with progress.step("stop gateway, daemon, PgBouncer and PostgreSQL"):
            await supervisor.stop()


async def _answers(prepared: Prepared, supervisor: Supervisor) -> bool:
    try:
        await asyncio.gather(*(_probe(name, prepared, supervisor) for name in supervisor.pids))
    except TimeoutError:
        return False
    return True


def _probe(name: str, prepared: Prepared, supervisor: Supervisor) -> Awaitable[None]:
    ports = prepared.memory.ports
    match name:
        case "postgres":
            return probes.postgres_answers(prepared.layout.data, lambda: supervisor.pids[POSTGRES])
        case "pgbouncer":
            return probes.pooler_answers(ports["pooler"])
        case "capyd":
            return probes.daemon_answers(ports["grpc"])
        case _:
            return probes.gateway_answers(ports["http"])


def _http_url(prepared: Prepared) -> str:
    return f"http://{HOST}:{prepared.memory.ports['http']}"


def _ready(prepared: Prepared, supervisor: Supervisor, key: str) -> Ready:
    ports = prepared.memory.ports
    ready = Ready(
        http_url=_http_url(prepared),
        grpc_target=f"{HOST}:{ports['grpc']}",
        admin_target=f"unix:{prepared.layout.admin_socket}",
        api_key=key,
        organization_id=prepared.memory.organization_id,
        cluster_id=prepared.memory.cluster_id,
        direct_port=ports["postgres"],
        pooled_port=ports["pooler"],
        postgres_version=prepared.install.version,
        pids={name: supervisor.pids[name] for name in (DAEMON, GATEWAY, POSTGRES, POOLER)},
    )
    if prepared.tls.anywhere:
        ready["ca_file"] = str(prepared.layout.certificates.authority)
    return ready
