"""The comparison as a function: one thing changed in an observation that is as it should be, and what is found."""

from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from capyd.domain.findings import FindingKind as Kind
from capyd.domain.projects import Project, ProjectState
from capyd.domain.secret import Secret
from capyd.pgbouncer.contents import PoolerContents
from capyd.postgres.inventory import DatabaseSeen, Inventory, LedgerRow, RoleSeen
from capyd.postgres.listener import Listener
from capyd.postgres.scram import scram_verifier
from capyd.provisioning.reconcile_compare import compare
from capyd.provisioning.reconcile_observe import Observation
from tests.state import START

CLAIMED, SPARE, TEMPLATE = "capy_claimed000000000", "capy_spare00000000000", "capy_template_0000000000000000"
PROJECT = "prj_1"
SEALED = b"sealed"
VERIFIER, OTHER_VERIFIER = scram_verifier(Secret("one")), scram_verifier(Secret("other"))
GONE = None


TLS_ALONE = Listener(serves_tls=True, takes_plain_text=False)


@dataclass(frozen=True)
class World:
    """Everything by name, so that a test changes one part."""

    project: Project | None
    claimed: LedgerRow | None
    spare: LedgerRow
    database: DatabaseSeen | None
    login: RoleSeen | None
    owner: RoleSeen | None
    spare_database: DatabaseSeen | None
    spare_login: RoleSeen | None
    spare_owner: RoleSeen
    pool_sizes: dict[str, int] | None
    logins: frozenset[str] = frozenset({CLAIMED, SPARE, "capyd_console"})
    strangers: tuple[DatabaseSeen, ...] = ()
    orphans: frozenset[int] = frozenset()
    unsettled: frozenset[str] = frozenset()
    in_hand: frozenset[str] = frozenset()
    listener: Listener = TLS_ALONE
    direct_ssl_mode: str = "require"

    def observe(self) -> Observation:
        template = _database(9, TEMPLATE, 0, is_template=True)
        databases = (self.database, self.spare_database, template, *self.strangers)
        roles = (self.login, self.owner, self.spare_login, self.spare_owner)
        return Observation(
            projects={} if self.project is None else {PROJECT: self.project},
            unsettled=self.unsettled,
            inventory=Inventory(
                rows=tuple(row for row in (self.claimed, self.spare) if row is not None),
                templates=frozenset({TEMPLATE}),
                databases=tuple(database for database in databases if database is not None),
                roles=tuple(role for role in roles if role is not None),
                orphans=self.orphans,
                listener=self.listener,
            ),
            pooler=None if self.pool_sizes is None else PoolerContents(self.pool_sizes, self.logins),
            in_hand=self.in_hand,
            direct_ssl_mode=self.direct_ssl_mode,
        )


def _database(oid: int, name: str, limit: int, *, owner: int = 0, is_template: bool = False) -> DatabaseSeen:
    return DatabaseSeen(
        oid=oid,
        name=name,
        owner="capyd_platform",
        connection_limit=limit,
        allows_connections=True,
        is_template=is_template,
        open_to_public=False,
        full_grantees=frozenset({owner}),
    )


def _login(oid: int, name: str, *, owner: int, limit: int, **settings: str) -> RoleSeen:
    return RoleSeen(
        oid=oid,
        name=name,
        can_login=limit > 0,
        powers=(),
        connection_limit=limit,
        verifier=VERIFIER,
        settings={"role": f"{name}_owner", **settings},
        member_of=frozenset({owner}),
    )


def _owner(oid: int, name: str) -> RoleSeen:
    return RoleSeen(oid, f"{name}_owner", False, (), -1, None, {}, frozenset())


def _row(database: str, state: str, first_oid: int, project_id: str | None = None) -> LedgerRow:
    return LedgerRow(
        verifier=VERIFIER,
        sealed_password=SEALED,
        database=database,
        state=state,
        owner_oid=first_oid + 2,
        login=database,
        login_oid=first_oid + 1,
        retiring=None,
        retiring_oid=None,
        database_oid=first_oid,
        pool_size=10,
        pooled=True,
        project_id=project_id,
    )


WELL = World(
    project=Project(
        id=PROJECT,
        organization_id="org_1",
        name="a",
        slug="a",
        environment="production",
        plan="vibe",
        state=ProjectState.READY,
        is_rotating=False,
        always_on=True,
        last_error=None,
        latest_job_id="job_1",
        database_name=CLAIMED,
        role_name=CLAIMED,
        sealed_password=SEALED,
        max_connections=15,
        statement_timeout=timedelta(seconds=30),
        idle_transaction_timeout=timedelta(seconds=60),
        storage_limit_bytes=1,
        created_at=START,
        updated_at=START,
    ),
    claimed=_row(CLAIMED, "claimed", 10, PROJECT),
    spare=_row(SPARE, "spare", 20),
    database=_database(10, CLAIMED, 15, owner=12),
    login=_login(
        11,
        CLAIMED,
        owner=12,
        limit=15,
        temp_file_limit="1048576",
        statement_timeout="30000",
        idle_in_transaction_session_timeout="60000",
    ),
    owner=_owner(12, CLAIMED),
    spare_database=_database(20, SPARE, 0, owner=22),
    spare_login=_login(21, SPARE, owner=22, limit=0),
    spare_owner=_owner(22, SPARE),
    pool_sizes={CLAIMED: 10, SPARE: 10},
)


def found(world: World) -> list[tuple[Kind, str, bool]]:
    return [(finding.kind, finding.subject, finding.safe_to_repair) for finding in compare(world.observe())]


def test_nothing_is_off() -> None:
    assert found(WELL) == []


SAFE, UNSAFE = True, False
CASES = {
    "URLs that demand TLS of a server without": (
        replace(WELL, listener=Listener(serves_tls=False, takes_plain_text=True)),
        (Kind.WRONG_SSL_MODE, "direct_ssl_mode", UNSAFE),
    ),
    "URLs without TLS to a server that demands it": (
        replace(WELL, direct_ssl_mode="disable"),
        (Kind.WRONG_SSL_MODE, "direct_ssl_mode", UNSAFE),
    ),
    # What is nobody's is mended.
    "a build": (replace(WELL, spare=replace(WELL.spare, state="building")), (Kind.HALF_BUILT, SPARE, SAFE)),
    "a drop": (replace(WELL, spare=replace(WELL.spare, state="deleting")), (Kind.HALF_BUILT, SPARE, SAFE)),
    "an invalid spare": (
        replace(WELL, spare_database=replace(WELL.spare_database, connection_limit=-2)),
        (Kind.INVALID_DATABASE, SPARE, SAFE),
    ),
    "a spare's database": (replace(WELL, spare_database=GONE), (Kind.ROLES_WITHOUT_DATABASE, SPARE, SAFE)),
    "a spare's login": (replace(WELL, spare_login=GONE), (Kind.ROLE_MISSING, SPARE, SAFE)),
    "a spare's limit": (
        replace(WELL, spare_database=replace(WELL.spare_database, connection_limit=1)),
        (Kind.WRONG_LIMITS, SPARE, SAFE),
    ),
    "a spare's password": (
        replace(WELL, spare_login=replace(WELL.spare_login, verifier=OTHER_VERIFIER)),
        (Kind.WRONG_LIMITS, SPARE, SAFE),
    ),
    "a spare's name": (
        replace(WELL, spare_database=replace(WELL.spare_database, name="mine")),
        (Kind.RENAMED_OBJECT, SPARE, UNSAFE),
    ),
    # What is a project's is mended where that costs nothing.
    "a limit": (
        replace(WELL, database=replace(WELL.database, connection_limit=-1)),
        (Kind.WRONG_LIMITS, CLAIMED, SAFE),
    ),
    "a power": (replace(WELL, owner=replace(WELL.owner, powers=("SUPERUSER",))), (Kind.WRONG_LIMITS, CLAIMED, SAFE)),
    "a pool size": (
        replace(WELL, claimed=replace(WELL.claimed, pool_size=9), pool_sizes={CLAIMED: 9, SPARE: 10}),
        (Kind.WRONG_LIMITS, CLAIMED, SAFE),
    ),
    "a password": (
        replace(WELL, login=replace(WELL.login, verifier=OTHER_VERIFIER)),
        (Kind.CHANGED_VERIFIER, CLAIMED, SAFE),
    ),
    "a password that is known no more": (
        replace(WELL, claimed=replace(WELL.claimed, sealed_password=None)),
        (Kind.STALE_CREDENTIAL, CLAIMED, SAFE),
    ),
    "a password that the state does not know yet": (
        replace(WELL, claimed=replace(WELL.claimed, sealed_password=b"another")),
        (Kind.STALE_CREDENTIAL, CLAIMED, SAFE),
    ),
    "no password": (replace(WELL, login=replace(WELL.login, verifier=None)), (Kind.CHANGED_VERIFIER, CLAIMED, UNSAFE)),
    "a strange verifier": (
        replace(WELL, login=replace(WELL.login, verifier=Secret("md5" + "0" * 32))),
        (Kind.CHANGED_VERIFIER, CLAIMED, UNSAFE),
    ),
    # And reported where it would.
    "a database": (replace(WELL, database=GONE), (Kind.DATABASE_MISSING, CLAIMED, UNSAFE)),
    "an invalid database": (
        replace(WELL, database=replace(WELL.database, connection_limit=-2)),
        (Kind.INVALID_DATABASE, CLAIMED, UNSAFE),
    ),
    "a login": (replace(WELL, login=GONE), (Kind.ROLE_MISSING, CLAIMED, UNSAFE)),
    "an owner": (replace(WELL, owner=GONE), (Kind.ROLE_MISSING, CLAIMED, UNSAFE)),
    "a renamed login": (replace(WELL, login=replace(WELL.login, name="me")), (Kind.RENAMED_OBJECT, CLAIMED, UNSAFE)),
    "no project": (replace(WELL, project=GONE), (Kind.TENANT_WITHOUT_PROJECT, CLAIMED, UNSAFE)),
    "a stopped deletion": (
        replace(WELL, project=replace(WELL.project, state=ProjectState.DELETING)),
        (Kind.UNFINISHED_DELETION, PROJECT, UNSAFE),
    ),
    "a stranger": (
        replace(WELL, strangers=(_database(30, "capy_stranger", -1),)),
        (Kind.FOREIGN_OBJECT, "capy_stranger", UNSAFE),
    ),
    "an orphan": (replace(WELL, orphans=frozenset({77})), (Kind.ORPHAN_DIRECTORY, "base/77", UNSAFE)),
    # The pooler is told anew.
    "no entry": (replace(WELL, pool_sizes={SPARE: 10}), (Kind.MISSING_POOLER_ENTRY, CLAIMED, SAFE)),
    "no login there": (replace(WELL, logins=frozenset({CLAIMED})), (Kind.MISSING_POOLER_ENTRY, SPARE, SAFE)),
    "an entry too many": (
        replace(WELL, pool_sizes={CLAIMED: 10, SPARE: 10, "postgres": 10}),
        (Kind.STALE_POOLER_ENTRY, "postgres", SAFE),
    ),
    "another size": (replace(WELL, pool_sizes={CLAIMED: 11, SPARE: 10}), (Kind.STALE_POOLER_ENTRY, CLAIMED, SAFE)),
    "no pooler": (replace(WELL, pool_sizes=None), (Kind.POOLER_UNREACHABLE, "pooler", UNSAFE)),
}


@pytest.mark.parametrize("name", CASES)
def test_one_thing_is_off(name: str) -> None:
    world, finding = CASES[name]
    assert found(world)[:1] == [finding]
    # A tenant that is not there, or shut, has no entry in the pooler either.
    assert {kind for kind, *_ in found(world)[1:]} <= {Kind.STALE_POOLER_ENTRY}


def test_a_database_that_took_a_name_is_told_by_its_oid() -> None:
    taken = replace(WELL, spare_database=_database(99, SPARE, 0, owner=22))
    assert found(taken) == [(Kind.ROLES_WITHOUT_DATABASE, SPARE, False), (Kind.FOREIGN_OBJECT, SPARE, False)]


def test_a_ready_project_that_the_ledger_does_not_know() -> None:
    lost = replace(WELL, claimed=GONE, pool_sizes={SPARE: 10})
    assert found(lost) == [
        (Kind.PROJECT_WITHOUT_TENANT, PROJECT, False),
        *((Kind.FOREIGN_OBJECT, name, False) for name in (CLAIMED, CLAIMED, f"{CLAIMED}_owner")),
    ]


@pytest.mark.parametrize(
    "name", ["a limit", "a password", "a database", "no project", "a stopped deletion", "no entry"]
)
def test_what_a_job_is_at_is_not_off(name: str) -> None:
    world, _ = CASES[name]
    assert found(replace(world, unsettled=frozenset({PROJECT}))) == []


@pytest.mark.parametrize("name", ["a build", "a drop", "a spare's database"])
def test_what_this_daemon_is_building_or_dropping_is_not_off(name: str) -> None:
    world, _ = CASES[name]
    assert found(replace(world, in_hand=frozenset({SPARE}))) == []


def test_a_new_spare_need_not_be_in_the_pooler_yet() -> None:
    assert found(replace(WELL, spare=replace(WELL.spare, pooled=False), pool_sizes={CLAIMED: 10})) == []


def test_no_message_holds_a_verifier() -> None:
    for world, _ in CASES.values():
        for finding in compare(world.observe()):
            assert "SCRAM" not in finding.message
