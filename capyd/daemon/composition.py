"""Builds the objects of the daemon, from the floor up."""

import random
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from capyd.config import Settings
from capyd.domain.failures import PoolerUnreachableError, UnreachableError
from capyd.domain.ids import new_id
from capyd.host.sealing import Sealer
from capyd.issuers.issuers import Issuers, build_issuers
from capyd.jobs.executor import Executor
from capyd.jobs.job_type import JobType
from capyd.jobs.lanes import Lanes
from capyd.jobs.pruner import Pruner
from capyd.jobs.runner import Runner
from capyd.jobs.waiting import WaitingJobs
from capyd.jobs.watchers import JobWatchers
from capyd.periodic.scheduler import Duty
from capyd.pgbouncer.pooler import Pooler
from capyd.postgres.audit_head import read_noted_head
from capyd.postgres.connections import AdminConnections
from capyd.postgres.ownership import ClusterOwnership
from capyd.provisioning.apply_settings import ApplySettings
from capyd.provisioning.audit_anchor import AuditAnchor
from capyd.provisioning.cluster import ClusterWatch
from capyd.provisioning.delete import Delete
from capyd.provisioning.expire_credential import ExpireCredential
from capyd.provisioning.extensions import EXTENSION_CHANGES, ChangeExtension
from capyd.provisioning.ledger_outbox import LedgerOutbox
from capyd.provisioning.lock_table_guard import LockTableGuard
from capyd.provisioning.pooler_sync import PoolerSync
from capyd.provisioning.provision import Provision
from capyd.provisioning.reconcile import Reconciler
from capyd.provisioning.reconcile_observe import Observer
from capyd.provisioning.reconcile_record import ReconcileRecord
from capyd.provisioning.reconcile_repair import Repairer
from capyd.provisioning.retiring_login import RetiringLogins
from capyd.provisioning.rotate_credentials import RotateCredentials
from capyd.provisioning.spares import Spares
from capyd.provisioning.storage_meter import StorageMeter
from capyd.provisioning.watchdog import Watchdog
from capyd.rpc.door import Door
from capyd.rpc.services.audit import AuditServicer
from capyd.rpc.services.cluster import ClusterServicer
from capyd.rpc.services.extensions import ExtensionServicer
from capyd.rpc.services.jobs import JobServicer
from capyd.rpc.services.organizations import OrganizationServicer
from capyd.rpc.services.projects import ProjectServicer
from capyd.runtime.clock import Clock
from capyd.sqlite.backup import Backups
from capyd.sqlite.database import Database
from capyd.usecases.api_keys import ApiKeys
from capyd.usecases.audit import AuditTrail
from capyd.usecases.audit_reading import AuditReading
from capyd.usecases.authentication import Authenticator
from capyd.usecases.cluster import Cluster
from capyd.usecases.connections import Connections
from capyd.usecases.credentials import Credentials
from capyd.usecases.doctor import Doctor
from capyd.usecases.event_pruner import EventPruner
from capyd.usecases.events import Events
from capyd.usecases.extensions import Extensions
from capyd.usecases.idempotency import RepeatedRequests
from capyd.usecases.jobs import Jobs
from capyd.usecases.organization_changes import OrganizationChanges
from capyd.usecases.organizations import Organizations
from capyd.usecases.projects import Projects
from capyd.usecases.usage import UsageReport


@dataclass(frozen=True, slots=True)
class Engine:
    """What does the work: the cluster, the pooler, and the jobs on them."""

    connections: AdminConnections
    cluster: ClusterWatch
    pooler: Pooler
    pooler_sync: PoolerSync
    spares: Spares
    watchers: JobWatchers
    runner: Runner
    ownership: ClusterOwnership
    outbox: LedgerOutbox
    anchor: AuditAnchor
    reconciler: Reconciler
    storage_meter: StorageMeter
    watchdog: Watchdog
    lock_table_guard: LockTableGuard


@dataclass(frozen=True, slots=True)
class Faces:
    """What is asked: the servicers, by service, and what they stand on."""

    authenticator: Authenticator
    door: Door
    issuers: Issuers
    cluster: Cluster
    events: Events
    trail: AuditTrail
    repeated: RepeatedRequests
    servicers: dict[str, object]


def build_engine(settings: Settings, *, database: Database, sealer: Sealer, clock: Clock) -> Engine:
    """The engine, with every job type. Nothing runs yet."""
    connections = AdminConnections(settings.postgres)
    pooler = Pooler(settings.pooler, settings.postgres)
    lanes = Lanes()
    pooler_sync = PoolerSync(
        connections=connections,
        pooler=pooler,
        postgres_settings=settings.postgres,
        pooler_settings=settings.pooler,
        lanes=lanes,
    )
    ownership = ClusterOwnership(connections)
    cluster = ClusterWatch(
        connections=connections,
        database=database,
        ownership=ownership,
        default_extensions=settings.extensions.default,
    )
    spares = Spares(
        connections=connections,
        cluster=cluster,
        pooler_sync=pooler_sync,
        sealer=sealer,
        lanes=lanes,
        settings=settings.spares,
        pool_size=min(plan.limits.pool_size for plan in settings.all_plans().values()),
    )
    retiring_logins = RetiringLogins(connections=connections, pooler_sync=pooler_sync)
    job_types: list[JobType] = [
        Provision(database=database, connections=connections, cluster=cluster, spares=spares, pooler_sync=pooler_sync),
        Delete(
            database=database,
            connections=connections,
            cluster=cluster,
            pooler=pooler,
            pooler_sync=pooler_sync,
            lanes=lanes,
        ),
        ApplySettings(
            database=database, connections=connections, cluster=cluster, pooler=pooler, pooler_sync=pooler_sync
        ),
        RotateCredentials(
            database=database,
            connections=connections,
            cluster=cluster,
            pooler=pooler,
            pooler_sync=pooler_sync,
            retiring_logins=retiring_logins,
            sealer=sealer,
            clock=clock,
        ),
        ExpireCredential(database=database, cluster=cluster, retiring_logins=retiring_logins),
        *(
            ChangeExtension(change, database=database, connections=connections, cluster=cluster)
            for change in EXTENSION_CHANGES
        ),
    ]
    types = {job_type.name: job_type for job_type in job_types}
    watchers = JobWatchers()
    executor = Executor(
        database=database,
        types=types,
        watchers=watchers,
        when_waiting=partial(_look_for_lost_server, cluster, pooler_sync),
        clock=clock,
        generator=random.Random(),  # noqa: S311  (spreads retries)
    )
    runner = Runner(
        database=database, executor=executor, types=types, watchers=watchers, boot_id=new_id("boot"), clock=clock
    )
    anchor = AuditAnchor(connections=connections, database=database, cluster=cluster, clock=clock)
    outbox = LedgerOutbox(connections=connections, database=database, cluster=cluster, anchor=anchor)
    database.when_committed(outbox.wake)
    reconciler = Reconciler(
        cluster=cluster,
        observer=Observer(
            database=database,
            connections=connections,
            pooler=pooler,
            spares=spares,
            direct_ssl_mode=settings.cluster.direct_ssl_mode,
        ),
        repairer=Repairer(
            database=database,
            connections=connections,
            pooler=pooler,
            pooler_sync=pooler_sync,
            spares=spares,
            clock=clock,
        ),
        record=ReconcileRecord(database=database, clock=clock),
    )
    waiting = WaitingJobs(database=database, wake_runner=runner.wake, clock=clock)
    lock_table_guard = LockTableGuard(database=database, connections=connections, cluster=cluster, clock=clock)
    cluster.when_ready(lock_table_guard.stand)
    cluster.when_ready(waiting.wake)
    cluster.when_ready(outbox.look_after)
    cluster.when_ready(pooler_sync.look_after)
    cluster.when_ready(spares.look_after)
    cluster.when_ready(reconciler.look_after)
    pooler_sync.when_served(waiting.wake)
    return Engine(
        connections=connections,
        cluster=cluster,
        pooler=pooler,
        pooler_sync=pooler_sync,
        spares=spares,
        watchers=watchers,
        runner=runner,
        ownership=ownership,
        outbox=outbox,
        anchor=anchor,
        reconciler=reconciler,
        storage_meter=StorageMeter(database=database, connections=connections, cluster=cluster, clock=clock),
        lock_table_guard=lock_table_guard,
        watchdog=Watchdog(
            database=database, connections=connections, cluster=cluster, settings=settings.watchdog, clock=clock
        ),
    )


def _look_for_lost_server(cluster: ClusterWatch, pooler_sync: PoolerSync, error: UnreachableError) -> None:
    """Have somebody try until the server that a job waits for answers."""
    if isinstance(error, PoolerUnreachableError):
        pooler_sync.request()
    else:
        cluster.report_lost(error.summary)


def build_faces(settings: Settings, engine: Engine, *, database: Database, sealer: Sealer, clock: Clock) -> Faces:
    """The use cases and the servicers that translate for them."""
    plans = settings.all_plans()
    issuers = build_issuers(settings.sessions, directory=settings.state.path.parent / "issuers", clock=clock)
    authenticator = Authenticator(database=database, issuers=issuers, clock=clock)
    projects = Projects(
        database=database,
        plans=plans,
        max_attempts=settings.jobs.max_attempts,
        wake_runner=engine.runner.wake,
        watchers=engine.watchers,
        clock=clock,
    )
    connections = Connections(
        database=database, sealer=sealer, cluster=settings.cluster, pooled_ssl_mode=settings.pooled_ssl_mode
    )
    extensions = Extensions(
        database=database,
        projects=projects,
        connections=engine.connections,
        cluster=engine.cluster,
        catalogue=settings.extensions.catalogue,
    )
    jobs = Jobs(database=database, watchers=engine.watchers, cancel_job=engine.runner.cancel)
    organizations = Organizations(database=database, plans=plans, clock=clock)
    organization_changes = OrganizationChanges(
        database=database,
        plans=plans,
        max_attempts=settings.jobs.max_attempts,
        wake_runner=engine.runner.wake,
        forget_principals=authenticator.forget,
        clock=clock,
    )
    api_keys = ApiKeys(database=database, forget_principals=authenticator.forget, clock=clock)
    cluster = Cluster(
        database=database,
        settings=settings.cluster,
        watch=engine.cluster,
        pooler=engine.pooler,
        spares=engine.spares,
        catalogue=settings.extensions.catalogue,
        clock=clock,
    )
    engine.cluster.when_ready(cluster.learn_version)
    events = Events(database=database, heartbeat=settings.events.heartbeat)
    database.when_committed(events.wake)
    return Faces(
        authenticator=authenticator,
        door=Door(settings.door),
        issuers=issuers,
        cluster=cluster,
        events=events,
        trail=AuditTrail(database=database, clock=clock),
        repeated=RepeatedRequests(database=database, clock=clock),
        servicers={
            "ProjectService": ProjectServicer(
                projects=projects,
                connections=connections,
                credentials=Credentials(database=database, projects=projects, clock=clock),
                cluster=cluster,
            ),
            "ExtensionService": ExtensionServicer(extensions=extensions, cluster_id=settings.cluster.id),
            "AuditService": AuditServicer(
                reading=AuditReading(database=database, read_noted=partial(read_noted_head, engine.connections))
            ),
            "JobService": JobServicer(jobs=jobs, cluster_id=settings.cluster.id),
            "OrganizationService": OrganizationServicer(
                organizations=organizations,
                changes=organization_changes,
                api_keys=api_keys,
                usage=UsageReport(database=database, connections=engine.connections, cluster=engine.cluster),
            ),
            "ClusterService": ClusterServicer(
                cluster=cluster, doctor=Doctor(reconciler=engine.reconciler), events=events
            ),
        },
    )


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
