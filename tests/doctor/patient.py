"""A cluster, a pooler and a state file with projects, for a doctor to look at; without jobs that run."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from capyd.config.settings import ClusterSettings, PoolerSettings, Settings, SpareSettings, StateSettings
from capyd.daemon.engine import Engine, build_engine
from capyd.domain.findings import Finding, FindingKind
from capyd.domain.projects import Project, ProjectState
from capyd.domain.tenants import TenantNames
from capyd.host.sealing import Sealer
from capyd.pgbouncer.console import open_console
from capyd.pgbouncer.files import read_console_password
from capyd.postgres.spares import list_unfinished
from capyd.postgres.tenants import claim_spare
from capyd.provisioning.reconcile import Reconciler
from capyd.provisioning.reconcile_observe import Observer
from capyd.provisioning.reconcile_record import ReconcileRecord
from capyd.provisioning.reconcile_repair import Repairer
from capyd.sqlite.database import Database
from capyd.sqlite.projects import find_project, update_project_provisioned, update_project_state
from tests.servers import Cluster
from tests.state import START, add_organization, add_project, open_state

_numbers = count(1)


@dataclass(frozen=True)
class Login:
    """A ready project, and how its tenant logs in."""

    project_id: str
    names: TenantNames
    password: str
    direct_port: int
    pooled_port: int

    def connect(self, *, pooled: bool = False, **parameters: Any) -> psycopg.Connection:
        """As the tenant, over TCP; parameters replace what they name."""
        ours: dict[str, Any] = {
            "host": "127.0.0.1",
            "port": self.pooled_port if pooled else self.direct_port,
            "dbname": self.names.database,
            "user": self.names.login,
            "password": self.password,
        }
        return psycopg.connect(make_conninfo(**{**ours, **parameters}), autocommit=True, prepare_threshold=None)


class Patient:
    """Everything that is compared, and the comparison."""

    def __init__(
        self, cluster: Cluster, pooler: PoolerSettings, database: Database, engine: Engine, sealer: Sealer
    ) -> None:
        self.cluster = cluster
        self.database = database
        self.engine = engine
        self.observer = Observer(
            database=database,
            connections=engine.connections,
            pooler=engine.pooler,
            spares=engine.spares,
            direct_ssl_mode="disable",
        )
        self._pooler = pooler
        self._sealer = sealer
        self.repairer = Repairer(
            database=database,
            connections=engine.connections,
            pooler=engine.pooler,
            pooler_sync=engine.pooler_sync,
            spares=engine.spares,
            clock=lambda: START,
        )
        self.reconciler = Reconciler(
            cluster=engine.cluster,
            observer=self.observer,
            repairer=self.repairer,
            record=ReconcileRecord(database=database, clock=lambda: START),
            confirm_after_seconds=0,
        )

    async def spare(self) -> TenantNames:
        """A new spare that the pooler knows."""
        before = {name for (name,) in self.ask("SELECT database_name FROM capyd.tenants")}
        await self.engine.spares.build()
        await self.engine.pooler_sync.sync()
        (name,) = {name for (name,) in self.ask("SELECT database_name FROM capyd.tenants")} - before
        return TenantNames(name)

    async def project(self) -> Login:
        """A new ready project. There must be no spare."""
        project_id = f"prj_doctor_{next(_numbers)}"
        await add_project(self.database, project_id)
        await self.spare()
        limits = (await self.get(project_id)).limits
        tenant = await claim_spare(
            self.engine.connections, project_id=project_id, organization_id="org_1", limits=limits, specification={}
        )
        assert tenant is not None
        assert tenant.sealed_password is not None
        async with self.database.transaction() as tx:
            await update_project_provisioned(
                tx,
                project_id,
                database_name=tenant.names.database,
                role_name=tenant.names.login,
                sealed_password=tenant.sealed_password,
                now=START,
            )
        await self.engine.pooler_sync.sync()
        return Login(
            project_id=project_id,
            names=tenant.names,
            password=self._sealer.open(tenant.sealed_password, login=tenant.names.login).reveal(),
            direct_port=self.cluster.settings.port,
            pooled_port=self._pooler.port,
        )

    async def get(self, project_id: str) -> Project:
        """The project as the state has it."""
        async with self.database.reading() as reads:
            project = await find_project(reads, project_id, organization_id=None)
        assert project is not None
        return project

    async def set_state(self, project_id: str, state: ProjectState, last_error: str | None = None) -> None:
        """Move the project to a state, as a job would have."""
        async with self.database.transaction() as tx:
            await update_project_state(tx, project_id, state, now=START, last_error=last_error)

    def ask(self, query: str, *parameters: object, database: str = "capyd") -> list[tuple[Any, ...]]:
        """All rows of a query as the administrator."""
        with self.cluster.connect(database) as connection:
            return connection.execute(query, parameters or None).fetchall()

    def do(self, *statements: str, database: str = "capyd") -> None:
        """Run statements as the administrator, by hand."""
        with self.cluster.connect(database) as connection:
            for statement in statements:
                connection.execute(statement)

    def invalidate(self, names: TenantNames) -> None:
        """Leave the database as a DROP DATABASE does that is interrupted."""
        self.do(f"UPDATE pg_database SET datconnlimit = -2 WHERE datname = '{names.database}'")  # noqa: S608

    async def edit_pooler(self, file: str, old: str, new: str) -> None:
        """Replace a text in one of the pooler's files by hand, and have it reload."""
        path = self._pooler.config_dir / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
        async with open_console(self._pooler, read_console_password(self._pooler.console_password_file)) as console:
            await console.reload()

    async def findings(self) -> list[Finding]:
        """What is off now."""
        return list((await self.reconciler.check(repair=False)).findings)

    async def repair(self) -> list[Finding]:
        """What was off, and what became of it."""
        return list((await self.reconciler.check(repair=True)).findings)

    async def find(self, kind: FindingKind, subject: str) -> Finding:
        """The one thing that is off, which must be this."""
        (finding,) = await self.findings()
        assert (finding.kind, finding.subject) == (kind, subject), finding
        assert not finding.repaired
        return finding

    async def mend(self, kind: FindingKind, subject: str) -> None:
        """Repair the one thing that is off, which must be this. Then nothing is off, and there is nothing to repair."""
        assert (await self.find(kind, subject)).safe_to_repair
        (mended,) = await self.repair()
        assert (mended.kind, mended.subject, mended.repaired) == (kind, subject, True), mended
        assert await self.repair() == []

    async def leave(self, kind: FindingKind, subject: str) -> Finding:
        """Repair while the one thing that is off is this, which no repair may touch."""
        assert not (await self.find(kind, subject)).safe_to_repair
        (left,) = await self.repair()
        assert (left.kind, left.subject, left.repaired) == (kind, subject, False)
        return left

    async def clean_up(self) -> None:
        """Drop every tenant, as their deletions would."""
        self.do(
            "UPDATE pg_database SET datconnlimit = 0 WHERE datconnlimit = -2",
            "UPDATE capyd.tenants SET state = 'deleting', project_id = NULL, organization_id = NULL,"
            " specification = NULL, claimed_at = NULL",
        )
        for names in await list_unfinished(self.engine.connections):
            await self.engine.spares.drop_unfinished(names)


@asynccontextmanager
async def new_patient(cluster: Cluster, pooler: PoolerSettings, directory: Path) -> AsyncIterator[Patient]:
    """One with an organization, and without projects or spares."""
    settings = Settings(
        cluster=ClusterSettings(id="cls_doctor"),
        state=StateSettings(path=directory / "capyd.sqlite"),
        postgres=cluster.settings,
        pooler=pooler,
        spares=SpareSettings(target=0),
    )
    sealer = Sealer(bytes(32))
    async with open_state(settings.state.path) as database:
        await add_organization(database)
        engine = build_engine(settings, database=database, sealer=sealer, clock=lambda: START)
        await engine.connections.open()
        try:
            assert await engine.cluster.prepare(), engine.cluster.trouble
            await engine.pooler_sync.sync()
            patient = Patient(cluster, pooler, database, engine, sealer)
            yield patient
            await patient.clean_up()
        finally:
            await engine.lock_table_guard.close()
            await engine.ownership.release()
            await engine.connections.close()
