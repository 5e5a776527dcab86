"""The life of the daemon: lock, open, listen, work, drain, stop."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from capyd.config import Settings
from capyd.config.settings import ListenSettings
from capyd.daemon.duties import duties
from capyd.daemon.engine import build_engine
from capyd.daemon.faces import Faces, build_faces
from capyd.daemon.health import Health
from capyd.daemon.reload import Reload, live_settings, read_certificates_again, reload_whenever_asked
from capyd.daemon.service import Service, describe, until_progress
from capyd.daemon.state_lock import StateLock
from capyd.host.sealing import Sealer, read_key_file
from capyd.jobs.rescuer import rescue
from capyd.periodic.scheduler import Scheduler
from capyd.rpc.fleet_tls import credentials, fleet_files
from capyd.rpc.listeners import Listeners
from capyd.rpc.trust import AdminSocketTrust, FleetTrust, TokenTrust
from capyd.runtime.clock import utc_now
from capyd.runtime.logs import get_logger
from capyd.runtime.notify import ServiceManager
from capyd.runtime.signals import reload_event, stop_event
from capyd.runtime.tasks import Tasks
from capyd.sqlite.database import Database
from capyd.sqlite.integrity import DamagedFileError, check_integrity

logger = get_logger(__name__)

_CALLS_GRACE_SECONDS = 2.0
_JOBS_GRACE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is asked of the daemon from outside."""

    stop: asyncio.Event
    reload: asyncio.Event
    read_again: Callable[[], Settings]


async def run_daemon(settings: Settings, *, read_again: Callable[[], Settings]) -> None:
    """Serve until SIGTERM or SIGINT, then drain. SIGHUP: take up what `read_again` returns.

    Raises:
        StateLockedError, DamagedFileError, SchemaTooNewError, KeyFileError, ListenError, InvalidError: it cannot
            start, and why.
        TaskEndedError: a part of it has failed, and a new start is better than going on.
    """
    asked = _Asked(stop_event(), reload_event(), read_again)
    sealer = Sealer(*read_key_file(settings.state.secret_key_file))
    settings.state.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = StateLock(settings.state.path)
    lock.acquire()
    if await asyncio.to_thread(settings.state.path.exists):
        await _check_state_file(settings)
    database = await Database.open(settings.state.path)
    try:
        await _serve(settings, database, sealer, asked)
    finally:
        await database.close()
        lock.release()


async def _serve(settings: Settings, database: Database, sealer: Sealer, asked: _Asked) -> None:
    service_manager = ServiceManager.of_this_process()
    engine = build_engine(settings, database=database, sealer=sealer, clock=utc_now)
    faces = build_faces(settings, engine, database=database, sealer=sealer, clock=utc_now)
    await faces.cluster.adopt_identity()
    await rescue(database, clock=utc_now)
    await engine.connections.open()
    listeners = Listeners(faces.servicers, faces.repeated, faces.trail)
    tasks = Tasks()
    service = Service(
        service_manager,
        until_progress=partial(until_progress, engine, database),
        status=partial(describe, engine, database),
    )
    engine.cluster.when_ready(service.cluster_is_ready)
    health = Health(listeners, engine.cluster)
    reload = Reload(settings, live_settings(engine))
    scheduler = Scheduler(duties(settings, engine, faces, database=database, clock=utc_now))
    try:
        await _listen(listeners, settings.listen, faces)
        tasks.start("cluster", engine.cluster.run())
        tasks.start("outbox", engine.outbox.run())
        tasks.start("reconcile", engine.reconciler.run())
        tasks.start("pooler", engine.pooler_sync.run())
        tasks.start("spares", engine.spares.run())
        tasks.start("runner", engine.runner.run())
        tasks.start("scheduler", scheduler.run())
        always = (partial(read_certificates_again, engine),)
        tasks.start(
            "reload",
            reload_whenever_asked(asked.reload, service_manager, reload, read=asked.read_again, always=always),
        )
        tasks.start("service", service.run())
        tasks.start("issuers", faces.issuers.run())
        if settings.metrics.address is not None:
            from capyd.daemon.metrics import serve_daemon_metrics  # noqa: PLC0415  (costs nothing where it is not wanted)

            metrics = serve_daemon_metrics(
                settings, settings.metrics.address, engine, faces, database=database, clock=utc_now
            )
            tasks.start("metrics", metrics)
        await listeners.set_serving(serving=True)
        tasks.start("health", health.run())
        logger.info("daemon.started", cluster_id=settings.cluster.id, state=str(settings.state.path))
        await tasks.until(asked.stop)
    finally:
        logger.info("daemon.stopping")
        service_manager.stopping()
        await listeners.set_serving(serving=False)
        faces.events.close()
        await listeners.stop(grace_seconds=_CALLS_GRACE_SECONDS)
        await tasks.stop()
        await engine.runner.stop(grace_seconds=_JOBS_GRACE_SECONDS)
        await faces.authenticator.write_last_uses()
        await faces.trail.write_counts()
        await engine.lock_table_guard.close()
        await engine.ownership.release()
        await engine.connections.close()
        logger.info("daemon.stopped")


async def _listen(listeners: Listeners, settings: ListenSettings, faces: Faces) -> None:
    await listeners.add_socket(settings.admin_socket, AdminSocketTrust(), mode=0o600)
    gateway = TokenTrust(faces.authenticator, faces.door, is_behind_gateway=True)
    await listeners.add_socket(settings.api_socket, gateway, mode=0o660)
    if settings.api_address is not None:
        clients = TokenTrust(faces.authenticator, faces.door, is_behind_gateway=False)
        await listeners.add_address(settings.api_address, clients)
    if settings.fleet_address is not None:
        files = fleet_files(settings)
        trust = FleetTrust(settings.fleet_names)
        await listeners.add_fleet_address(settings.fleet_address, trust, await asyncio.to_thread(credentials, files))
        logger.info("fleet.listening", address=settings.fleet_address, names=list(settings.fleet_names))


async def _check_state_file(settings: Settings) -> None:
    try:
        await check_integrity(settings.state.path)
    except DamagedFileError as error:
        raise DamagedFileError(
            f"{error}. Its newest backup is in {settings.state.backups}: capyd restore-state takes it up again;"
            " without one, capyd rebuild-state makes a new file from the ledger in the cluster"
        ) from error
