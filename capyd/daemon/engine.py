"""Builds what does the work, from the floor up: the cluster, the pooler, and the jobs on them."""

import random
from dataclasses import dataclass
from functools import partial

from capyd.config import Settings
from capyd.domain.failures import PoolerUnreachableError, UnreachableError
from capyd.domain.ids import new_id
from capyd.host.sealing import Sealer
from capyd.jobs.executor import Executor
from capyd.jobs.job_type import JobType
from capyd.jobs.lanes import Lanes
from capyd.jobs.runner import Runner
from capyd.jobs.waiting import WaitingJobs
from capyd.jobs.watchers import JobWatchers
from capyd.pgbouncer.pooler import Pooler
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
from capyd.runtime.clock import Clock
from capyd.sqlite.database import Database


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
