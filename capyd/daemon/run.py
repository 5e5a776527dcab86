"""The life of the daemon: lock, open, listen, work, drain, stop."""

import asyncio

from capyd.config import Settings
from capyd.daemon.composition import build_engine, build_faces, duties
from capyd.daemon.state_lock import StateLock
from capyd.host.sealing import Sealer, read_key_file
from capyd.jobs.rescuer import rescue
from capyd.periodic.scheduler import Scheduler
from capyd.rpc.listeners import Listeners
from capyd.rpc.trust import AdminSocketTrust, TokenTrust
from capyd.runtime.clock import utc_now
from capyd.runtime.logs import get_logger
from capyd.runtime.signals import stop_event
from capyd.runtime.tasks import Tasks
from capyd.sqlite.database import Database
from capyd.sqlite.integrity import DamagedFileError, check_integrity

logger = get_logger(__name__)

_CALLS_GRACE_SECONDS = 2.0
_JOBS_GRACE_SECONDS = 10.0


async def run_daemon(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then drain.

    Raises:
        StateLockedError, DamagedFileError, SchemaTooNewError, KeyFileError, ListenError, InvalidError: it cannot
            start, and why.
        TaskEndedError: a part of it has failed, and a new start is better than going on.
    """
    stop = stop_event()
    sealer = Sealer(read_key_file(settings.state.secret_key_file))
    settings.state.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = StateLock(settings.state.path)
    lock.acquire()
    if await asyncio.to_thread(settings.state.path.exists):
        await _check_state_file(settings)
    database = await Database.open(settings.state.path)
    try:
        await _serve(settings, database, sealer, stop)
    finally:
        await database.close()
        lock.release()


async def _serve(settings: Settings, database: Database, sealer: Sealer, stop: asyncio.Event) -> None:
    engine = build_engine(settings, database=database, sealer=sealer, clock=utc_now)
    faces = build_faces(settings, engine, database=database, sealer=sealer, clock=utc_now)
    await faces.cluster.adopt_identity()
    await rescue(database, clock=utc_now)
    await engine.connections.open()
    listeners = Listeners(faces.servicers, faces.repeated)
    tasks = Tasks()
    scheduler = Scheduler(duties(settings, engine, faces, database=database, clock=utc_now))
    try:
        await listeners.add_socket(settings.listen.admin_socket, AdminSocketTrust(), mode=0o600)
        tokens = TokenTrust(faces.authenticator)
        await listeners.add_socket(settings.listen.api_socket, tokens, mode=0o660)
        if settings.listen.api_address is not None:
            await listeners.add_address(settings.listen.api_address, tokens)
        tasks.start("cluster", engine.cluster.run())
        tasks.start("outbox", engine.outbox.run())
        tasks.start("reconcile", engine.reconciler.run())
        tasks.start("pooler", engine.pooler_sync.run())
        tasks.start("spares", engine.spares.run())
        tasks.start("runner", engine.runner.run())
        tasks.start("scheduler", scheduler.run())
        await listeners.set_serving(serving=True)
        logger.info("daemon.started", cluster_id=settings.cluster.id, state=str(settings.state.path))
        await _until(stop, tasks)
    finally:
        logger.info("daemon.stopping")
        await listeners.set_serving(serving=False)
        faces.events.close()
        await listeners.stop(grace_seconds=_CALLS_GRACE_SECONDS)
        await tasks.stop()
        await engine.runner.stop(grace_seconds=_JOBS_GRACE_SECONDS)
        await faces.authenticator.write_last_uses()
        await engine.ownership.release()
        await engine.connections.close()
        logger.info("daemon.stopped")


async def _check_state_file(settings: Settings) -> None:
    try:
        await check_integrity(settings.state.path)
    except DamagedFileError as error:
        raise DamagedFileError(
            f"{error}. Its newest backup is in {settings.state.backups}: capyd restore-state takes it up again;"
            " without one, capyd rebuild-state makes a new file from the ledger in the cluster"
        ) from error


async def _until(stop: asyncio.Event, tasks: Tasks) -> None:
    """Return when asked to stop; raise when a task ends by itself."""
    stopping = asyncio.create_task(stop.wait())
    failing = asyncio.create_task(tasks.wait())
    try:
        await asyncio.wait((stopping, failing), return_when=asyncio.FIRST_COMPLETED)
        if failing.done():
            await failing
    finally:
        stopping.cancel()
        failing.cancel()
