"""From values of the domain to messages of the wire."""

from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from capyd.config.settings import ClusterSettings
from capyd.domain.api_keys import ApiKey
from capyd.domain.durations import format_duration
from capyd.domain.events import Event
from capyd.domain.findings import CheckReport
from capyd.domain.jobs import Job
from capyd.domain.organizations import Organization
from capyd.domain.principals import Principal
from capyd.domain.projects import Project
from capyd.usecases.extensions import ProjectExtension
from capyd.usecases.usage import Usage
from capyd.v1 import cluster_pb2, extensions_pb2, jobs_pb2, organizations_pb2, projects_pb2


def to_timestamp(moment: datetime | None) -> Timestamp | None:
    """The moment on the wire; None stays absent."""
    if moment is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp


def to_project(project: Project, cluster: ClusterSettings, postgres_version: str | None) -> projects_pb2.Project:
    """A project, with what it has from its cluster."""
    return projects_pb2.Project(
        id=project.id,
        organization_id=project.organization_id,
        cluster_id=cluster.id,
        name=project.name,
        slug=project.slug,
        region=cluster.region,
        environment=project.environment,
        plan=project.plan,
        state=project.shown_state,
        runtime_status="active",
        always_on=project.always_on,
        last_error=project.last_error,
        latest_job_id=project.latest_job_id,
        database_name=project.database_name,
        role_name=project.role_name,
        public_host=cluster.public_host,
        direct_port=cluster.direct_port,
        pooled_port=cluster.pooled_port,
        ssl_mode=cluster.direct_ssl_mode,
        postgres_version=postgres_version,
        max_connections=project.max_connections,
        statement_timeout=format_duration(project.statement_timeout),
        idle_transaction_timeout=format_duration(project.idle_transaction_timeout),
        storage_limit_bytes=project.storage_limit_bytes,
        created_at=to_timestamp(project.created_at),
        updated_at=to_timestamp(project.updated_at),
    )


def to_job(job: Job, cluster_id: str) -> jobs_pb2.Job:
    """A job."""
    return jobs_pb2.Job(
        id=job.id,
        type=job.type,
        state=job.state.value,
        project_id=job.project_id,
        organization_id=job.organization_id,
        cluster_id=cluster_id,
        attempts=job.attempts,
        max_attempts=job.max_attempts,
        claimed_by=job.claimed_by,
        claimed_at=to_timestamp(job.claimed_at),
        started_at=to_timestamp(job.started_at),
        completed_at=to_timestamp(job.completed_at),
        created_at=to_timestamp(job.created_at),
        updated_at=to_timestamp(job.updated_at),
        error=job.error,
        last_exit_code=job.last_exit_code,
        last_stdout=job.last_stdout,
        last_stderr=job.last_stderr,
        locked_resource=job.locked_resource,
        retry_classification=job.retry_classification,
    )


def to_extension(extension: ProjectExtension) -> extensions_pb2.Extension:
    """An extension of the catalogue, as a project's database has it."""
    available = extension.found.available
    installed = extension.found.installed_version
    return extensions_pb2.Extension(
        name=available.name,
        description=available.description,
        default_version=available.default_version,
        enabled=installed is not None,
        trusted=available.trusted,
        installed_version=installed,
        available_version=available.default_version,
        update_available=installed is not None and installed != available.default_version,
        requires_restart=extension.entry.requires_restart,
        category=extension.entry.category,
    )


def to_usage(usage: Usage) -> organizations_pb2.OrganizationUsage:
    """An organization's usage, with the sums over its projects."""
    return organizations_pb2.OrganizationUsage(
        organization_id=usage.organization_id,
        plan=usage.plan,
        projects=len(usage.per_project),
        storage_bytes=sum(each.storage_bytes for each in usage.per_project),
        storage_limit_bytes=sum(each.project.storage_limit_bytes for each in usage.per_project),
        connections=sum(each.connections for each in usage.per_project),
        max_connections=sum(each.project.max_connections for each in usage.per_project),
        per_project=[
            organizations_pb2.ProjectUsage(
                project_id=each.project.id,
                slug=each.project.slug,
                storage_bytes=each.storage_bytes,
                storage_limit_bytes=each.project.storage_limit_bytes,
                connections=each.connections,
                max_connections=each.project.max_connections,
                measured_at=to_timestamp(each.measured_at),
            )
            for each in usage.per_project
        ],
    )


def to_organization(organization: Organization) -> organizations_pb2.Organization:
    """An organization."""
    return organizations_pb2.Organization(
        id=organization.id,
        name=organization.name,
        slug=organization.slug,
        billing_plan=organization.plan,
        billing_status="active" if organization.suspended_at is None else "suspended",
        billing_provider="none",
        created_at=to_timestamp(organization.created_at),
        updated_at=to_timestamp(organization.updated_at),
        suspended_at=to_timestamp(organization.suspended_at),
        suspended_reason=organization.suspended_reason,
    )


def to_api_key(key: ApiKey, now: datetime) -> organizations_pb2.ApiKey:
    """An API key, without its text."""
    return organizations_pb2.ApiKey(
        id=key.id,
        organization_id=key.organization_id,
        project_id=key.project_id,
        name=key.name,
        key_prefix=key.key_prefix,
        scopes=key.scopes,
        source=key.source,
        is_active=key.is_active(now),
        last_used_at=to_timestamp(key.last_used_at),
        expires_at=to_timestamp(key.expires_at),
        revoked_at=to_timestamp(key.revoked_at),
        created_at=to_timestamp(key.created_at),
    )


def to_principal(principal: Principal) -> organizations_pb2.Principal:
    """Who is asking."""
    return organizations_pb2.Principal(
        auth_source=principal.auth_source,
        scopes=principal.scopes,
        is_admin=principal.is_admin,
        organization_id=principal.organization_id,
        api_key_id=principal.api_key_id,
        user_id=principal.user_id,
        project_id=principal.project_id,
        organization_role=principal.organization_role,
        certificate_name=principal.certificate_name,
    )


def to_event(event: Event) -> cluster_pb2.Event:
    """An event."""
    return cluster_pb2.Event(
        sequence=event.sequence,
        id=event.id,
        type=event.type,
        organization_id=event.organization_id,
        project_id=event.project_id,
        job_id=event.job_id,
        revision=event.revision,
        message=event.message,
        details={name: str(value) for name, value in event.details.items()},
        occurred_at=to_timestamp(event.occurred_at),
    )


def to_check_report(report: CheckReport) -> cluster_pb2.CheckClusterResponse:
    """What a comparison found."""
    compared = report.compared
    return cluster_pb2.CheckClusterResponse(
        findings=[
            cluster_pb2.Finding(
                kind=finding.kind.value,
                subject=finding.subject,
                project_id=finding.project_id,
                message=finding.message,
                safe_to_repair=finding.safe_to_repair,
                repaired=finding.repaired,
            )
            for finding in report.findings
        ],
        compared=cluster_pb2.Compared(
            projects=compared.projects,
            tenants=compared.tenants,
            databases=compared.databases,
            roles=compared.roles,
            pooler_entries=compared.pooler_entries,
        ),
    )
