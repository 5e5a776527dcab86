"""The table of what is done by the clock."""

from datetime import timedelta
from functools import partial

from capyd.config import Settings
from capyd.daemon.engine import Engine
from capyd.daemon.faces import Faces
from capyd.jobs.pruner import Pruner
from capyd.periodic.scheduler import Duty
from capyd.runtime.clock import Clock
from capyd.sqlite.backup import Backups
from capyd.sqlite.database import Database
from capyd.usecases.event_pruner import EventPruner


def duties(settings: Settings, engine: Engine, faces: Faces, *, database: Database, clock: Clock) -> tuple[Duty, ...]:
    """What is done by the clock."""
    pruner = Pruner(database=database, keep=settings.jobs.keep_final, clock=clock)
    events = EventPruner(database=database, settings=settings.events, clock=clock)
    return (
        Duty("stop sessions beyond their plan", settings.watchdog.every, engine.watchdog.look),
        Duty("keep room in the lock table", settings.watchdog.every, engine.lock_table_guard.look),
        Duty("measure storage", timedelta(seconds=10), engine.storage_meter.measure),
        Duty("prune the history of storage", timedelta(hours=1), engine.storage_meter.prune),
        Duty("prune finished jobs", timedelta(hours=1), pruner.prune),
        Duty("prune events", timedelta(minutes=10), events.prune),
        Duty("forget old answers", timedelta(hours=1), faces.repeated.forget_old),
        Duty("write what was refused", timedelta(minutes=1), faces.trail.write_counts),
        Duty("note the audit trail's head", timedelta(minutes=1), engine.anchor.note),
        Duty("write last uses of keys", timedelta(minutes=1), faces.authenticator.write_last_uses),
        Duty("compare with what there is", timedelta(minutes=10), engine.reconciler.look_after),
        Duty("back up the state", timedelta(minutes=5), partial(_back_up_when_due, settings, clock)),
        Duty("look at the pooler's certificate", timedelta(minutes=1), engine.pooler_sync.look_at_certificate),
        Duty("look after the spares", timedelta(minutes=5), engine.spares.look_after),
    )


async def _back_up_when_due(settings: Settings, clock: Clock) -> None:
    state = settings.state
    backups = Backups(state=state.path, directory=state.backups, keep=state.backup_keep)
    await backups.make_when_due(every=state.backup_every, now=clock())
