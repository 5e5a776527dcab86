"""What outlives the state file: organizations, keys and projects as the ledger in the cluster has them."""

from dataclasses import dataclass
from datetime import datetime

from capyd.domain.api_keys import ApiKey
from capyd.domain.audit import ChainHead
from capyd.domain.organizations import Organization
from capyd.domain.projects import Project


@dataclass(frozen=True, slots=True)
class OrganizationRecord:
    """An organization, and the revision of this copy of it: of two copies the higher one is newer."""

    organization: Organization
    revision: int


@dataclass(frozen=True, slots=True)
class ApiKeyRecord:
    """A key without its text, and the SHA-256 that it is found by."""

    key: ApiKey
    digest: bytes
    revision: int


@dataclass(frozen=True, slots=True)
class ProjectRecord:
    """A project; a deleted one is its tombstone."""

    project: Project
    revision: int


@dataclass(frozen=True, slots=True)
class RetiringLogin:
    """A login of a tenant's that works until its time is over, beside the one that follows it."""

    name: str
    retires_at: datetime


@dataclass(frozen=True, slots=True)
class TenantRecord:
    """What the ledger says about the tenant of a project: the truth about what it has on the cluster."""

    project: Project
    """As the claim specified it, for want of a project record."""
    database_name: str
    role_name: str
    sealed_password: bytes | None
    is_claimed: bool
    """False: it is being deleted."""
    retiring: RetiringLogin | None = None


@dataclass(frozen=True, slots=True)
class Records:
    """Some of them, or all that the ledger holds, each kind in the order of revisions."""

    organizations: tuple[OrganizationRecord, ...] = ()
    projects: tuple[ProjectRecord, ...] = ()
    api_keys: tuple[ApiKeyRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class LedgerHead:
    """How far the ledger is: the newest revision carried, and the mark that the state file gave with it."""

    revision: int
    mark: str | None
    """None: nothing was ever carried."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """All that the ledger says about what is not its own."""

    head: LedgerHead
    records: Records
    tenants: dict[str, TenantRecord]
    """By project id."""
    audit_head: ChainHead
    """The newest audit event that the state file had when it last wrote there."""
