"""Compares what there is with what there should be. Pure: one observation in, findings out.

By OID and ledger, never by name alone: a name can be taken over by a stranger.
"""

from collections.abc import Iterator

from capyd.domain.findings import Finding, FindingKind
from capyd.domain.projects import ProjectState
from capyd.domain.tenants import TenantNames
from capyd.postgres.inventory import INVALID, DatabaseSeen, LedgerRow, RoleSeen
from capyd.postgres.scram import is_plain_verifier
from capyd.provisioning.reconcile_limits import find_wrong_limits
from capyd.provisioning.reconcile_observe import Observation


def compare(observation: Observation) -> list[Finding]:
    """Everything that is off, by tenant and then by what is no tenant's."""
    comparison = _Comparison(observation)
    return [
        *(finding for row in observation.inventory.rows for finding in comparison.tenant(row)),
        *comparison.projects(),
        *comparison.strangers(),
        *comparison.pooler(),
        *comparison.listener(),
        *(_orphan(oid) for oid in sorted(observation.inventory.orphans)),
    ]


class _Comparison:
    """One observation, indexed."""

    def __init__(self, observation: Observation) -> None:
        self._seen = observation
        inventory = observation.inventory
        self._databases = {database.oid: database for database in inventory.databases}
        self._database_names = {database.name: database.oid for database in inventory.databases}
        self._roles = {role.oid: role for role in inventory.roles}

    def tenant(self, row: LedgerRow) -> Iterator[Finding]:
        """What is off about one row of the ledger and its objects."""
        if row.database in self._seen.in_hand or row.project_id in self._seen.unsettled:
            return
        if row.state in ("building", "deleting") and row.project_id is None:
            yield Finding(
                FindingKind.HALF_BUILT,
                row.database,
                f"the ledger has it as {row.state}, and nobody is at it",
                safe_to_repair=True,
            )
        elif row.state == "deleting" and row.project_id not in self._seen.projects:
            yield Finding(
                FindingKind.UNFINISHED_DELETION,
                row.database,
                f"it was being deleted for the project {row.project_id}, which the state does not know",
                row.project_id,
            )
        elif row.state == "spare":
            yield from self._spare(row)
        elif row.state == "claimed":
            yield from self._claimed(row)

    def projects(self) -> Iterator[Finding]:
        """What is off about projects, beside their tenants."""
        claimed = {row.project_id for row in self._seen.inventory.rows if row.state == "claimed"}
        for project in self._seen.projects.values():
            if project.id in self._seen.unsettled:
                continue
            if project.state is ProjectState.READY and project.id not in claimed:
                yield Finding(
                    FindingKind.PROJECT_WITHOUT_TENANT,
                    project.id,
                    "the project is ready, and the ledger has no tenant of it: delete it, or bring the ledger back",
                    project.id,
                )
            if project.state is ProjectState.DELETING:
                yield Finding(
                    FindingKind.UNFINISHED_DELETION,
                    project.id,
                    f"its deletion stopped ({project.last_error or 'no reason is known'}): delete it again",
                    project.id,
                )

    def strangers(self) -> Iterator[Finding]:
        """Databases and roles that look like capyd's own and are not."""
        rows = self._seen.inventory.rows
        # A build that has not ended knows its database by its name alone.
        named = {row.database for row in rows if row.database_oid is None} | self._seen.inventory.templates
        database_oids = {row.database_oid for row in rows}
        for database in self._seen.inventory.databases:
            if database.oid not in database_oids and database.name not in named:
                yield _stranger("database", database.name)
        role_oids = {oid for row in rows for oid in (row.login_oid, row.owner_oid, row.retiring_oid)}
        for role in self._seen.inventory.roles:
            if role.oid not in role_oids:
                yield _stranger("role", role.name)

    def pooler(self) -> Iterator[Finding]:
        """What the pooler knows wrongly."""
        pooler = self._seen.pooler
        if pooler is None:
            yield Finding(FindingKind.POOLER_UNREACHABLE, "pooler", "it does not answer: its entries were not compared")
            return
        rows = {
            row.database: row
            for row in self._seen.inventory.rows
            if row.state in ("spare", "claimed") and not row.is_shut
        }
        for name in sorted(pooler.pool_sizes.keys() - rows.keys() - self._unsettled_databases()):
            yield _pooler_entry(FindingKind.STALE_POOLER_ENTRY, name, "the ledger has no such tenant that is open")
        for name, row in rows.items():
            if name in self._unsettled_databases():
                continue
            # A spare is registered a moment after it has been built, and says so itself from then on.
            if name not in pooler.pool_sizes or row.login not in pooler.logins:
                if row.pooled or row.state == "claimed":
                    missing = "entry" if name not in pooler.pool_sizes else "login"
                    yield _pooler_entry(FindingKind.MISSING_POOLER_ENTRY, name, f"the pooler has no such {missing}")
            elif pooler.pool_sizes[name] != row.pool_size:
                yield _pooler_entry(
                    FindingKind.STALE_POOLER_ENTRY,
                    name,
                    f"it may open {pooler.pool_sizes[name]} connections, not {row.pool_size}",
                )

    def listener(self) -> Iterator[Finding]:
        """What direct URLs say wrongly."""
        objection = self._seen.inventory.listener.objection_to(self._seen.direct_ssl_mode)
        if objection is not None:
            yield Finding(FindingKind.WRONG_SSL_MODE, "direct_ssl_mode", objection)

    def _unsettled_databases(self) -> frozenset[str]:
        return self._seen.in_hand | {
            row.database for row in self._seen.inventory.rows if row.project_id in self._seen.unsettled
        }

    def _spare(self, row: LedgerRow) -> Iterator[Finding]:
        database, login, owner = self._objects(row)
        taken = self._database_names.get(row.database) not in (None, row.database_oid)
        if database is None:
            yield Finding(
                FindingKind.ROLES_WITHOUT_DATABASE,
                row.database,
                "another database has taken the name of this spare's: rename that one"
                if taken
                else "somebody dropped the database of this spare",
                safe_to_repair=not taken,
            )
        elif database.connection_limit == INVALID:
            yield Finding(
                FindingKind.INVALID_DATABASE,
                row.database,
                "the drop of this spare was interrupted",
                safe_to_repair=True,
            )
        elif login is None or owner is None:
            yield Finding(FindingKind.ROLE_MISSING, row.database, "this spare lacks a role", safe_to_repair=not taken)
        elif renamed := _renamed(row, database, login, owner):
            yield renamed
        elif wrong := find_wrong_limits(row, database, [login], owner, None):
            yield Finding(FindingKind.WRONG_LIMITS, row.database, "; ".join(wrong), safe_to_repair=True)

    def _claimed(self, row: LedgerRow) -> Iterator[Finding]:
        project = self._seen.projects.get(row.project_id or "")
        if project is None:
            yield Finding(
                FindingKind.TENANT_WITHOUT_PROJECT,
                row.database,
                f"it is of the project {row.project_id}, which the state does not know; it is never dropped",
                row.project_id,
            )
            return
        database, login, owner = self._objects(row)
        if database is None:
            yield Finding(
                FindingKind.DATABASE_MISSING,
                row.database,
                "somebody dropped the project's database: restore it from a backup, or delete the project",
                project.id,
            )
        elif database.connection_limit == INVALID:
            yield Finding(
                FindingKind.INVALID_DATABASE,
                row.database,
                "a DROP DATABASE by hand was interrupted, and its data is lost: delete the project",
                project.id,
            )
        elif login is None or owner is None:
            yield Finding(
                FindingKind.ROLE_MISSING,
                row.database,
                f"the role {row.login if login is None else TenantNames(row.database).owner} is gone",
                project.id,
            )
        elif renamed := _renamed(row, database, login, owner):
            yield renamed
        elif project.state is ProjectState.READY:
            retiring = None if row.retiring is None else self._roles.get(row.retiring_oid or 0)
            logins = [login] if retiring is None else [login, retiring]
            if wrong := find_wrong_limits(row, database, logins, owner, project.limits):
                yield Finding(FindingKind.WRONG_LIMITS, row.database, "; ".join(wrong), project.id, safe_to_repair=True)
            if login.verifier != row.verifier:
                yield _changed_verifier(row, login)
            elif (project.role_name, project.sealed_password) != (row.login, row.sealed_password):
                yield Finding(
                    FindingKind.STALE_CREDENTIAL,
                    row.database,
                    "the state keeps another login or password than the ledger, whose are in force",
                    project.id,
                    safe_to_repair=True,
                )

    def _objects(self, row: LedgerRow) -> tuple[DatabaseSeen | None, RoleSeen | None, RoleSeen | None]:
        database = None if row.database_oid is None else self._databases.get(row.database_oid)
        return database, self._roles.get(row.login_oid), self._roles.get(row.owner_oid)


def _renamed(row: LedgerRow, database: DatabaseSeen, login: RoleSeen, owner: RoleSeen) -> Finding | None:
    names = TenantNames(row.database)
    renamed = [
        f"{wanted} is called {found.name}"
        for wanted, found in ((names.database, database), (row.login, login), (names.owner, owner))
        if found.name != wanted
    ]
    if not renamed:
        return None
    return Finding(FindingKind.RENAMED_OBJECT, row.database, f"{' and '.join(renamed)}: rename it back", row.project_id)


def _changed_verifier(row: LedgerRow, login: RoleSeen) -> Finding:
    if login.verifier is None:
        message = "the tenant took its own password away: logins fail until it sets one"
    elif not is_plain_verifier(login.verifier):
        message = "the tenant gave itself a verifier that the pooler cannot be given: it must set a password"
    else:
        message = "the tenant changed its own password, which the pooler does not know yet"
    return Finding(
        FindingKind.CHANGED_VERIFIER,
        row.database,
        message,
        row.project_id,
        safe_to_repair=is_plain_verifier(login.verifier),
    )


def _stranger(what: str, name: str) -> Finding:
    return Finding(
        FindingKind.FOREIGN_OBJECT, name, f"the ledger does not know this {what}: it is left alone; rename or drop it"
    )


def _pooler_entry(kind: FindingKind, name: str, message: str) -> Finding:
    return Finding(kind, name, message, safe_to_repair=True)


def _orphan(oid: int) -> Finding:
    return Finding(
        FindingKind.ORPHAN_DIRECTORY,
        f"base/{oid}",
        "no database has this directory: stop the server and remove it",
    )
