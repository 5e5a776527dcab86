"""What a comparison of the desired state with the cluster and the pooler finds to be off."""

from dataclasses import dataclass
from enum import StrEnum


class FindingKind(StrEnum):
    """What is off. Whether it is mended is the finding's own: it can depend on whose the object is."""

    HALF_BUILT = "half_built"
    """An interrupted build, or drop, of a database that is nobody's. Mended: dropped."""
    INVALID_DATABASE = "invalid_database"
    """A database whose drop was interrupted: it can be dropped and nothing else. A spare's is; a project's never."""
    ROLES_WITHOUT_DATABASE = "roles_without_database"
    """A spare whose database somebody dropped. Mended: its roles are dropped."""
    ROLE_MISSING = "role_missing"
    """A tenant without one of its roles. A spare is dropped; a project's is reported."""
    WRONG_LIMITS = "wrong_limits"
    """Limits, role attributes or privileges that are not as they should be. Mended."""
    CHANGED_VERIFIER = "changed_verifier"
    """The tenant changed its own password. Mended: the pooler takes the new one, the stored one is unknown."""
    STALE_CREDENTIAL = "stale_credential"
    """The state keeps another login or password than the ledger, whose are in force. Mended: taken over from there."""
    STALE_POOLER_ENTRY = "stale_pooler_entry"
    """The pooler knows a database that it should not, or otherwise than it should. Mended."""
    MISSING_POOLER_ENTRY = "missing_pooler_entry"
    """The pooler does not know a database or login that it should. Mended."""
    POOLER_UNREACHABLE = "pooler_unreachable"
    """The pooler does not answer, so that its entries could not be compared."""
    DATABASE_MISSING = "database_missing"
    """A project whose database is gone. Never made anew without a word."""
    RENAMED_OBJECT = "renamed_object"
    """A database or role of capyd's that has another name now."""
    PROJECT_WITHOUT_TENANT = "project_without_tenant"
    """A ready project that the ledger knows no tenant of."""
    TENANT_WITHOUT_PROJECT = "tenant_without_project"
    """A claimed tenant of a project that the state does not know. Never dropped."""
    UNFINISHED_DELETION = "unfinished_deletion"
    """A project's deletion that has failed, or that nobody goes on with."""
    WRONG_SSL_MODE = "wrong_ssl_mode"
    """Direct URLs say an `sslmode` with which nobody gets in."""
    FOREIGN_OBJECT = "foreign_object"
    """A database or role with a name such as capyd's own have, and none of them. Never touched."""
    ORPHAN_DIRECTORY = "orphan_directory"
    """Files of a database that the cluster does not know: a CREATE DATABASE that a crash interrupted."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is off."""

    kind: FindingKind
    subject: str
    """What it is about: the name of a tenant's database, of a role, a directory, a project's id."""
    message: str
    """What is wrong, and what a person can do where it is not mended. Never holds a secret."""
    project_id: str | None = None
    safe_to_repair: bool = False
    repaired: bool = False


@dataclass(frozen=True, slots=True)
class Compared:
    """How much was looked at."""

    projects: int
    tenants: int
    databases: int
    roles: int
    pooler_entries: int


@dataclass(frozen=True, slots=True)
class CheckReport:
    """The outcome of one comparison."""

    compared: Compared
    findings: tuple[Finding, ...]
