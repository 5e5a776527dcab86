"""What must hold when all is quiet again, looked at from outside: API, state, ledger, cluster and pooler."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from capyd.domain.extensions import DEFAULT_EXTENSIONS
from reliability.records import (
    Told,
    audit_chain_is_whole,
    audit_has_every_mutation,
    events_have_no_gap,
    events_tell_the_truth,
)
from reliability.stack import Stack
from reliability.workload import FINAL, Wish

_CONNECT_SECONDS = 20
_SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True)
class Tenant:
    """What the ledger says about a database."""

    state: str
    project_id: str | None
    login: str
    retiring: str | None
    """The login that works beside it, for a while."""

    @property
    def logins(self) -> set[str]:
        return {self.login} | ({self.retiring} if self.retiring else set())


@dataclass(frozen=True, slots=True)
class Seen:
    """What there is at the end."""

    wishes: list[Wish]
    projects: dict[str, dict[str, Any]]
    """The live ones as the API lists them, by id."""
    urls: dict[str, tuple[str, str]]
    """Direct and pooled, of the ready ones."""
    tenants: dict[str, Tenant]
    """By database."""
    stack: Stack
    told: Told


@dataclass(frozen=True, slots=True)
class Verdict:
    """One invariant, and each thing that is against it."""

    invariant: str
    against: list[str]

    @property
    def holds(self) -> bool:
        return not self.against


def check(seen: Seen) -> list[Verdict]:
    """Every invariant's verdict."""
    return [Verdict(invariant, list(look(seen))) for invariant, look in _INVARIANTS.items()]


def orphaned_directories(seen: Seen) -> list[str]:
    """Directories of `base/` that belong to no database: what PostgreSQL itself leaves when it dies in a CREATE."""
    known = {str(oid) for (oid,) in seen.stack.query_cluster("SELECT oid FROM pg_catalog.pg_database")}
    return sorted(entry.name for entry in (seen.stack.data / "base").iterdir() if entry.name not in known)


def _kept(seen: Seen) -> Iterator[Wish]:
    return (wish for wish in seen.wishes if not wish.deleted)


def _acknowledged_are_there(seen: Seen) -> Iterator[str]:
    for wish in _kept(seen):
        project = seen.projects.get(wish.project_id)
        if project is None:
            yield f"{wish.project_id}: gone"
        elif project["state"] == "failed" and project.get("last_error"):
            continue
        elif project["state"] != "ready":
            yield f"{wish.project_id}: {project['state']}, {project.get('last_error')}"


def _can_be_logged_in_to(seen: Seen) -> Iterator[str]:
    for project_id, urls in seen.urls.items():
        for face, url in zip(("direct", "pooled"), urls, strict=True):
            try:
                with psycopg.connect(url, prepare_threshold=None, connect_timeout=_CONNECT_SECONDS) as tenant:
                    found = tenant.execute("SELECT pg_catalog.current_database()").fetchone()
            except psycopg.Error as error:
                yield f"{project_id}, {face}: {error}"
            else:
                if found != (seen.projects[project_id]["database_name"],):
                    yield f"{project_id}, {face}: it is {found}"


def _former_passwords_are_refused(seen: Seen) -> Iterator[str]:
    retiring = {tenant.retiring for tenant in seen.tenants.values()}
    for wish in _kept(seen):
        for urls in wish.former_urls if wish.project_id in seen.urls else ():
            for face, url in zip(("direct", "pooled"), urls, strict=True):
                if conninfo_to_dict(url)["user"] in retiring:
                    continue  # in its grace period
                with suppress(psycopg.OperationalError):
                    psycopg.connect(url, connect_timeout=_CONNECT_SECONDS).close()
                    yield f"{wish.project_id}, {face}: a password from before a rotation is taken"


def _are_as_last_wished(seen: Seen) -> Iterator[str]:
    for wish in _kept(seen):
        if wish.project_id not in seen.urls:
            continue
        database = seen.projects[wish.project_id]["database_name"]
        ((limit,),) = seen.stack.query_cluster(
            f"SELECT datconnlimit FROM pg_catalog.pg_database WHERE datname = '{database}'"
        )
        if wish.max_connections is not None and limit != wish.max_connections:
            yield f"{wish.project_id}: {limit} connections and not {wish.max_connections}"
        rows = seen.stack.query_cluster("SELECT extname FROM pg_catalog.pg_extension", database=database)
        there = {name for (name,) in rows} - {*DEFAULT_EXTENSIONS, "plpgsql"}
        wished = {name for name, wanted in wish.extensions.items() if wanted}
        if there != wished:
            yield f"{wish.project_id}: the extensions {sorted(there)} and not {sorted(wished)}"


def _deleted_are_gone(seen: Seen) -> Iterator[str]:
    deleted = {wish.project_id for wish in seen.wishes if wish.deleted}
    yield from (f"{it}: listed" for it in deleted & seen.projects.keys())
    yield from (
        f"{tenant.project_id}: {database} in the ledger"
        for database, tenant in seen.tenants.items()
        if tenant.project_id in deleted
    )


def _once_each(seen: Seen) -> Iterator[str]:
    counted = Counter(project["name"] for project in seen.projects.values())
    wished = {wish.name for wish in _kept(seen)}
    yield from (f"{name}: {number} projects" for name, number in counted.items() if number > 1)
    yield from (f"{name}: nobody asked for it" for name in counted.keys() - wished)


def _everything_has_an_owner(seen: Seen) -> Iterator[str]:
    templates = {name for (name,) in seen.stack.query_cluster("SELECT database_name FROM capyd.templates")}
    databases = {
        name for (name,) in seen.stack.query_cluster(r"SELECT datname FROM pg_database WHERE datname ~ '^capy_'")
    }
    roles = {name for (name,) in seen.stack.query_cluster(r"SELECT rolname FROM pg_roles WHERE rolname ~ '^capy_'")}
    tenants = seen.tenants.keys()
    yield from _apart("database", databases, tenants | templates)
    owners = {f"{name}_owner" for name in tenants}
    yield from _apart("role", roles, owners.union(*(tenant.logins for tenant in seen.tenants.values())))
    yield from _apart("pooler entry", set(seen.stack.pooler_entries), set(tenants))
    for database, tenant in seen.tenants.items():
        if tenant.state not in ("spare", "claimed"):
            yield f"{database}: {tenant.state} in the ledger"
        elif tenant.project_id is not None and not _agrees(seen.projects.get(tenant.project_id, {}), database, tenant):
            yield f"{database}: the ledger says that it is {tenant.project_id}'s, and the state does not"


def _agrees(project: dict[str, Any], database: str, tenant: Tenant) -> bool:
    return (project.get("database_name"), project.get("role_name")) == (database, tenant.login)


def _apart(what: str, there: set[str], owned: set[str]) -> Iterator[str]:
    yield from (f"{what} {name}: without an owner" for name in sorted(there - owned))
    yield from (f"{what} {name}: missing" for name in sorted(owned - there))


def _none_is_shared(seen: Seen) -> Iterator[str]:
    counted = Counter(project.get("database_name") for project in seen.projects.values())
    yield from (f"{database}: {number} projects" for database, number in counted.items() if database and number > 1)


def _jobs_are_final(seen: Seen) -> Iterator[str]:
    """But for the end of a grace period, which is a day off."""
    for job_id, state in seen.stack.query_state("SELECT id, state FROM jobs WHERE scheduled = 0"):
        if state not in FINAL:
            yield f"{job_id}: {state}"


def _jobs_fail_for_a_reason(seen: Seen) -> Iterator[str]:
    """None of these requests can fail by itself: a later one may end what was accepted before it."""
    for job_id, kind, error in seen.stack.query_state("SELECT id, type, error FROM jobs WHERE state = 'failed'"):
        if not error.startswith(_SUPERSEDED):
            yield f"{job_id}, {kind}: {error}"


def _jobs_did_not_overlap(seen: Seen) -> Iterator[str]:
    rows = seen.stack.query_state(
        """
        SELECT locked_resource, id, started_at, completed_at FROM jobs WHERE started_at IS NOT NULL
        ORDER BY locked_resource, started_at
        """
    )
    for (resource, first, _, completed_at), (other, second, started_at, _) in pairwise(rows):
        if resource == other and completed_at is not None and started_at < completed_at:
            yield f"{resource}: {second} began before {first} was over"


_INVARIANTS: dict[str, Callable[[Seen], Iterable[str]]] = {
    "every acknowledged project is ready, or failed with a reason": _acknowledged_are_there,
    "every ready one can be logged in to, direct and pooled": _can_be_logged_in_to,
    "no password from before a rotation is taken, but in its grace": _former_passwords_are_refused,
    "every project has the limits and extensions last asked for": _are_as_last_wished,
    "every deleted one is gone": _deleted_are_gone,
    "what was asked for again was done once": _once_each,
    "no database, role, pooler entry without an owner, none missing": _everything_has_an_owner,
    "no two projects share a database": _none_is_shared,
    "every job is final": _jobs_are_final,
    "no job failed but those that a later one superseded": _jobs_fail_for_a_reason,
    "jobs of one project never overlapped": _jobs_did_not_overlap,
    "events came without a gap, across every death": lambda seen: events_have_no_gap(seen.told),
    "events tell the truth about every job and project": lambda seen: events_tell_the_truth(seen.told),
    "the audit chain verifies, and the ledger has noted its head": lambda seen: audit_chain_is_whole(seen.told),
    "every acknowledged mutation is written down, and nothing else": lambda seen: audit_has_every_mutation(seen.told),
}
