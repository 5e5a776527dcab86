"""Who may call what: the table that tests hold every method and every kind of principal against.

It says by itself what each method asks for, and is not read from the protos.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from capyd.domain.principals import EVERY_SCOPE
from capyd.rpc.listeners import SERVICES

EVERYBODY, ANYBODY_KNOWN, ADMINISTRATORS = "everybody", "anybody known", "administrators"


@dataclass(frozen=True)
class Row:
    """Who may call one method."""

    asks_for: str
    """A scope, or one of the three above."""
    bound_keys: bool = False
    """A key that is bound to a project may, too."""
    organization_admin: bool = False
    """Of an organization's sessions, those of its administrators alone."""

    @property
    def changes(self) -> bool:
        return self.asks_for.endswith(":write")


TABLE: Final[Mapping[str, Row]] = {
    "AuditService/ListProjectAuditEvents": Row("projects:read", bound_keys=True),
    "AuditService/ListAuditRecords": Row(ADMINISTRATORS),
    "AuditService/GetAuditHead": Row(ADMINISTRATORS),
    "ClusterService/GetStatus": Row(EVERYBODY, bound_keys=True),
    "ClusterService/CheckCluster": Row(ADMINISTRATORS),
    "ClusterService/WatchEvents": Row(ADMINISTRATORS),
    "ClusterService/ListEvents": Row(ADMINISTRATORS),
    "ClusterService/ListRegions": Row("projects:read", bound_keys=True),
    "ClusterService/ListClusters": Row("projects:read", bound_keys=True),
    "ClusterService/ListPostgresVersions": Row("projects:read", bound_keys=True),
    "ExtensionService/ListExtensions": Row("projects:read", bound_keys=True),
    "ExtensionService/EnableExtension": Row("projects:write", bound_keys=True),
    "ExtensionService/DisableExtension": Row("projects:write", bound_keys=True),
    "ExtensionService/UpdateExtension": Row("projects:write", bound_keys=True),
    "JobService/GetJob": Row("jobs:read", bound_keys=True),
    "JobService/ListProjectJobs": Row("jobs:read", bound_keys=True),
    "JobService/ListJobs": Row(ADMINISTRATORS),
    "JobService/CancelJob": Row("projects:write", bound_keys=True),
    "JobService/WatchJob": Row("jobs:read", bound_keys=True),
    "OrganizationService/GetMe": Row(ANYBODY_KNOWN, bound_keys=True),
    "OrganizationService/GetOrganization": Row("organizations:read"),
    "OrganizationService/GetOrganizationUsage": Row("organizations:read"),
    "OrganizationService/ListOrganizations": Row(ADMINISTRATORS),
    "OrganizationService/CreateOrganization": Row(ADMINISTRATORS),
    "OrganizationService/UpdateOrganization": Row(ADMINISTRATORS),
    "OrganizationService/SuspendOrganization": Row(ADMINISTRATORS),
    "OrganizationService/ReleaseOrganization": Row(ADMINISTRATORS),
    "OrganizationService/ListApiKeys": Row("api_keys:read"),
    "OrganizationService/CreateApiKey": Row("api_keys:write", organization_admin=True),
    "OrganizationService/RevokeApiKey": Row("api_keys:write", organization_admin=True),
    "ProjectService/ListProjects": Row("projects:read", bound_keys=True),
    "ProjectService/CreateProject": Row("projects:write", organization_admin=True),
    "ProjectService/GetProject": Row("projects:read", bound_keys=True),
    "ProjectService/UpdateProject": Row("projects:write", bound_keys=True),
    "ProjectService/DeleteProject": Row("projects:write", bound_keys=True, organization_admin=True),
    "ProjectService/RetryProvisioning": Row("projects:write", bound_keys=True),
    "ProjectService/GetConnections": Row("credentials:read", bound_keys=True),
    "ProjectService/RotateCredentials": Row("projects:write", bound_keys=True),
}
METHODS = {f"{service}/{method.name}": method for service, it in SERVICES.items() for method in it.methods}

UNKNOWN, FORBIDDEN, LET_IN = "unknown", "forbidden", "let in"


@dataclass(frozen=True)
class Kind:
    """One kind of principal: how it comes, and what it holds."""

    token: str | None
    is_known: bool = True
    scopes: tuple[str, ...] = ()
    is_bound: bool = False
    is_suspended: bool = False
    is_admin: bool = False
    is_member: bool = False
    """A session without its organization's admin role."""
    has_organization: bool = True

    def expected(self, row: Row) -> str:
        """What a call of the method must come to."""
        if row.asks_for == EVERYBODY or self.is_admin:
            return LET_IN
        if not self.is_known:
            return UNKNOWN
        if row.asks_for == ADMINISTRATORS or (self.is_bound and not row.bound_keys):
            return FORBIDDEN
        if row.asks_for == ANYBODY_KNOWN:
            return LET_IN
        if not self.has_organization or (self.is_member and row.organization_admin):
            return FORBIDDEN
        if EVERY_SCOPE not in self.scopes and row.asks_for not in self.scopes:
            return FORBIDDEN
        return FORBIDDEN if self.is_suspended and row.changes else LET_IN
