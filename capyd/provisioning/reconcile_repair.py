"""Mends what is safe to mend. Each repair may run twice, beside a job, and be cut off anywhere."""

from collections.abc import Awaitable, Callable, Iterable

from capyd.domain.failures import PoolerUnreachableError, StepError, UnreachableError
from capyd.domain.findings import Finding, FindingKind
from capyd.domain.projects import Project, ProjectState
from capyd.domain.tenants import TenantLimits, TenantNames
from capyd.pgbouncer.pooler import Pooler
from capyd.postgres.connections import AdminConnections
from capyd.postgres.repairs import adopt_verifier, give_up_spare, reseal_spare, restore_tenant
from capyd.provisioning.pooler_sync import PoolerSync
from capyd.provisioning.reconcile_observe import Observation
from capyd.provisioning.spares import Spares
from capyd.runtime.clock import Clock
from capyd.runtime.logs import get_logger
from capyd.sqlite.database import Database, Reads
from capyd.sqlite.jobs import list_projects_with_open_jobs
from capyd.sqlite.projects import find_project, forget_project_password, update_project_login

logger = get_logger(__name__)

Repair = Callable[[Finding, Observation], Awaitable[None]]

_OF_THE_POOLER = frozenset({FindingKind.STALE_POOLER_ENTRY, FindingKind.MISSING_POOLER_ENTRY})


class Repairer:
    """Knows a repair for each kind of finding that can be safe to repair."""

    def __init__(
        self,
        *,
        database: Database,
        connections: AdminConnections,
        pooler: Pooler,
        pooler_sync: PoolerSync,
        spares: Spares,
        clock: Clock,
    ) -> None:
        self._database = database
        self._connections = connections
        self._pooler = pooler
        self._pooler_sync = pooler_sync
        self._spares = spares
        self._clock = clock
        self._repairs: dict[FindingKind, Repair] = {
            FindingKind.HALF_BUILT: self._drop_unfinished,
            FindingKind.INVALID_DATABASE: self._give_up_spare,
            FindingKind.ROLES_WITHOUT_DATABASE: self._give_up_spare,
            FindingKind.ROLE_MISSING: self._give_up_spare,
            FindingKind.WRONG_LIMITS: self._restore_limits,
            FindingKind.CHANGED_VERIFIER: self._adopt_verifier,
            FindingKind.STALE_CREDENTIAL: self._take_over_credential,
        }

    async def repair(self, findings: Iterable[Finding], observation: Observation) -> dict[Finding, str]:
        """Mend those that are safe; returns why one could not be, where that is known.

        The pooler comes last, and always: most of the others change what it must know.

        Raises:
            UnreachableError: the cluster went away.
        """
        safe = [finding for finding in findings if finding.safe_to_repair]
        troubles: dict[Finding, str] = {}
        for finding in safe:
            repair = self._repairs.get(finding.kind)
            if repair is None:
                continue
            try:
                await repair(finding, observation)
            except PoolerUnreachableError as error:
                troubles[finding] = error.summary
            except UnreachableError:
                raise
            except StepError as error:
                troubles[finding] = error.summary
        await self._spares.look_after()
        of_the_pooler = [finding for finding in safe if finding.kind in _OF_THE_POOLER]
        if of_the_pooler:
            self._pooler.distrust()
        try:
            await self._pooler_sync.sync()
        except StepError as error:
            # The task that keeps the pooler in step tries on; what is still wrong with it shows in the next look.
            self._pooler_sync.request()
            troubles |= dict.fromkeys(of_the_pooler, error.summary)
        return troubles

    async def _drop_unfinished(self, finding: Finding, _: Observation) -> None:
        await self._spares.drop_unfinished(TenantNames(finding.subject))

    async def _give_up_spare(self, finding: Finding, _: Observation) -> None:
        names = TenantNames(finding.subject)
        if await give_up_spare(self._connections, names):
            await self._spares.drop_unfinished(names)

    async def _restore_limits(self, finding: Finding, _: Observation) -> None:
        names, project_id = TenantNames(finding.subject), finding.project_id
        if project_id is None:
            await reseal_spare(self._connections, names)
            return

        async def limits_now() -> TenantLimits | None:
            async with self._database.reading() as reads:
                project = await _find_settled(reads, project_id)
            return None if project is None else project.limits

        if await restore_tenant(self._connections, names, limits_now):
            # Server connections that the pool holds began with what was wrong.
            await self._pooler.reconnect(names.database)

    async def _adopt_verifier(self, finding: Finding, observation: Observation) -> None:
        """The state forgets first: cut off in between, the verifiers still differ, and the next run finds them so."""
        row = next(row for row in observation.inventory.rows if row.database == finding.subject)
        login = next(role for role in observation.inventory.roles if role.oid == row.login_oid)
        project_id = row.project_id or ""
        async with self._database.transaction() as tx:
            project = await _find_settled(tx, project_id)
            if project is None:
                return
            if project.sealed_password is not None:
                await forget_project_password(
                    tx, project_id, sealed_password=project.sealed_password, now=self._clock()
                )
        if login.verifier is not None and login.verifier != row.verifier:
            await adopt_verifier(self._connections, TenantNames(row.database), known=row.verifier, seen=login.verifier)
        logger.info("tenant.password_unknown", project_id=project_id, database=row.database)

    async def _take_over_credential(self, finding: Finding, observation: Observation) -> None:
        row = next(row for row in observation.inventory.rows if row.database == finding.subject)
        async with self._database.transaction() as tx:
            project = await _find_settled(tx, row.project_id or "")
            if project is None:
                return
            await update_project_login(
                tx, project.id, role_name=row.login, sealed_password=row.sealed_password, now=self._clock()
            )
        logger.info("tenant.credential_taken_over", project_id=project.id, database=row.database)


async def _find_settled(reads: Reads, project_id: str) -> Project | None:
    """The project, if it is ready and no job is about to change it."""
    project = await find_project(reads, project_id, organization_id=None)
    if project is None or project.state is not ProjectState.READY:
        return None
    return None if project_id in await list_projects_with_open_jobs(reads) else project
