"""What a lost state file held, out of what the ledger says: pure rules, whoever writes the file."""

from dataclasses import replace

from capyd.domain.names import derive_slug
from capyd.domain.organizations import Organization
from capyd.domain.projects import Project, ProjectState
from capyd.domain.records import Ledger, OrganizationRecord, ProjectRecord, TenantRecord


def rebuilt_organizations(ledger: Ledger) -> list[OrganizationRecord]:
    """The recorded ones; and one under its id alone for each that only a project's claim speaks of.

    A claim is committed in the cluster at once, its organization a moment later: the file may be lost in between.
    """
    recorded = {record.organization.id for record in ledger.records.organizations}
    unrecorded = {
        tenant.project.organization_id: _nameless(tenant.project)
        for tenant in ledger.tenants.values()
        if tenant.project.organization_id not in recorded
    }
    return [
        *(OrganizationRecord(organization, 0) for organization in unrecorded.values()),
        *ledger.records.organizations,
    ]


def rebuilt_projects(ledger: Ledger) -> list[ProjectRecord]:
    """The recorded ones, each with what its tenant is by now; and those that only have a tenant yet.

    In the order of revisions, so that a slug is free again before another project takes it.
    """
    recorded = {record.project.id for record in ledger.records.projects}
    unrecorded = [
        ProjectRecord(_with_tenant(tenant.project, tenant), 0)
        for project_id, tenant in ledger.tenants.items()
        if project_id not in recorded
    ]
    return [
        *(
            ProjectRecord(_with_tenant(record.project, ledger.tenants.get(record.project.id)), record.revision)
            for record in ledger.records.projects
        ),
        *unrecorded,
    ]


def _with_tenant(project: Project, tenant: TenantRecord | None) -> Project:
    if project.state is ProjectState.DELETED:
        return project
    if tenant is None:
        if project.state is not ProjectState.READY:
            return project
        return replace(
            project, state=ProjectState.FAILED, last_error="the state was lost, and the ledger has no database for it"
        )
    return replace(
        project,
        # A deletion may have begun after the last record; nothing brings a tenant back from it.
        state=project.state if tenant.is_claimed else ProjectState.DELETING,
        database_name=tenant.database_name,
        role_name=tenant.role_name,
        sealed_password=tenant.sealed_password,
    )


def _nameless(project: Project) -> Organization:
    return Organization(
        id=project.organization_id,
        name=project.organization_id,
        slug=derive_slug(project.organization_id),
        plan=project.plan,
        created_at=project.created_at,
        updated_at=project.updated_at,
        suspended_at=None,
        suspended_reason=None,
    )
