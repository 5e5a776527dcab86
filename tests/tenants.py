"""Tenants for tests: built, claimed, logged in as, and gone again afterwards."""

import itertools
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from capyd.domain.installed import ClusterFacts
from capyd.domain.tenants import ClaimedTenant, Credential, TenantLimits, TenantNames, new_tenant_names
from capyd.postgres.connections import AdminConnections
from capyd.postgres.dropping import drop_tenant
from capyd.postgres.scram import new_password, scram_verifier
from capyd.postgres.spares import build_spare
from capyd.postgres.tenants import claim_spare
from tests.servers import Cluster

LIMITS = TenantLimits(
    max_connections=15, statement_timeout=timedelta(seconds=30), idle_transaction_timeout=timedelta(seconds=60)
)

_project_numbers = itertools.count(1)


@dataclass(frozen=True)
class Spare:
    """A spare and the password that its login will have."""

    names: TenantNames
    credential: Credential


@dataclass(frozen=True)
class Tenant:
    """A claimed tenant, and how to log in as it."""

    cluster: Cluster
    project_id: str
    claimed: ClaimedTenant
    credential: Credential

    @property
    def names(self) -> TenantNames:
        """The names of its objects."""
        return self.claimed.names

    def connect(self, **parameters: str) -> psycopg.Connection:
        """As the tenant, over TCP with its password; parameters replace what they name."""
        ours: dict[str, Any] = {
            "host": "127.0.0.1",
            "port": self.cluster.settings.port,
            "dbname": self.names.database,
            "user": self.names.login,
            "password": self.credential.password.reveal(),
        }
        return psycopg.connect(make_conninfo(**{**ours, **parameters}), autocommit=True)


def new_credential() -> Credential:
    """A random password and its verifier; the sealed form is only a placeholder."""
    password = new_password()
    return Credential(password, scram_verifier(password), b"sealed")


class Tenants:
    """Builds spares and claims them."""

    def __init__(self, cluster: Cluster, connections: AdminConnections, facts: ClusterFacts) -> None:
        self.cluster = cluster
        self.connections = connections
        self.facts = facts

    async def build(self) -> Spare:
        """A new spare."""
        spare = Spare(new_tenant_names(), new_credential())
        await build_spare(
            self.connections,
            template=self.facts.template,
            names=spare.names,
            credential=spare.credential,
            pool_size=LIMITS.pool_size,
        )
        return spare

    async def claim(self, limits: TenantLimits = LIMITS) -> Tenant:
        """A new tenant of a new project. There must be no other spare."""
        spare = await self.build()
        project_id = f"prj_{next(_project_numbers)}"
        claimed = await claim_spare(
            self.connections, project_id=project_id, organization_id="org_1", limits=limits, specification={"name": "a"}
        )
        assert claimed is not None
        assert claimed.names == spare.names
        return Tenant(self.cluster, project_id, claimed, spare.credential)

    async def drop_all(self) -> None:
        """Drop every tenant that the ledger knows."""
        async with self.connections.ledger() as ledger:
            cursor = await ledger.execute("UPDATE capyd.tenants SET state = 'deleting' RETURNING database_name")
            names = [TenantNames(name) async for (name,) in cursor]
        for each in names:
            await drop_tenant(self.connections, each)
