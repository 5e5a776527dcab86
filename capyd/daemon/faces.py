"""Builds what is asked from outside: the use cases, and the servicers that translate for them."""

from dataclasses import dataclass
from functools import partial

from capyd.config import Settings
from capyd.daemon.engine import Engine
from capyd.host.sealing import Sealer
from capyd.issuers.issuers import Issuers, build_issuers
from capyd.postgres.audit_head import read_noted_head
from capyd.rpc.door import Door
from capyd.rpc.services.audit import AuditServicer
from capyd.rpc.services.cluster import ClusterServicer
from capyd.rpc.services.extensions import ExtensionServicer
from capyd.rpc.services.jobs import JobServicer
from capyd.rpc.services.organizations import OrganizationServicer
from capyd.rpc.services.projects import ProjectServicer
from capyd.runtime.clock import Clock
from capyd.sqlite.database import Database
from capyd.usecases.api_keys import ApiKeys
from capyd.usecases.audit import AuditTrail
from capyd.usecases.audit_reading import AuditReading
from capyd.usecases.authentication import Authenticator
from capyd.usecases.cluster import Cluster
from capyd.usecases.connections import Connections
from capyd.usecases.credentials import Credentials
from capyd.usecases.doctor import Doctor
from capyd.usecases.events import Events
from capyd.usecases.extensions import Extensions
from capyd.usecases.idempotency import RepeatedRequests
from capyd.usecases.jobs import Jobs
from capyd.usecases.organization_changes import OrganizationChanges
from capyd.usecases.organizations import Organizations
from capyd.usecases.projects import Projects
from capyd.usecases.usage import UsageReport


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
