"""Stops what is beyond a project's timeouts, whatever its tenant has set them to: the statement, then the session."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from capyd.config.settings import WatchdogSettings
from capyd.domain.audit import NewAuditEvent
from capyd.domain.durations import format_duration
from capyd.domain.events import SESSION_CANCELLED, SESSION_ENDED, NewEvent
from capyd.domain.failures import StepError, UnreachableError
from capyd.domain.projects import Project, ProjectState
from capyd.postgres.connections import AdminConnections
from capyd.postgres.overlong import LongSession, cancel_statement, end_session, list_long_sessions
from capyd.provisioning.cluster import ClusterWatch
from capyd.provisioning.stop_records import StopRecords
from capyd.runtime.clock import Clock
from capyd.runtime.failpoints import failpoints
from capyd.runtime.logs import get_logger
from capyd.sqlite.database import Database
from capyd.sqlite.projects import find_project

logger = get_logger(__name__)

Statement = tuple[int, datetime, datetime]
"""One statement of one session: process, when it connected, when the statement began."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """What was done to a session, and why."""

    project: Project
    session: LongSession
    limit: timedelta
    is_ended: bool
    """The session is; else its statement was cancelled."""

    @property
    def subject(self) -> tuple[str, bool]:
        """What is told of at most once a minute."""
        return self.project.id, self.is_ended


class Watchdog:
    """Looks at the cluster's sessions. One query, when nobody is at one thing for longer than the tolerance.

    A session is stopped first and told of after: if the process dies between the two, or before the first, the next
    pass sees the session as it then is. At most a record is lost, never an act, and none is told of that was not done.
    """

    def __init__(
        self,
        *,
        database: Database,
        connections: AdminConnections,
        cluster: ClusterWatch,
        settings: WatchdogSettings,
        clock: Clock,
    ) -> None:
        self._database = database
        self._connections = connections
        self._cluster = cluster
        self._tolerance = settings.tolerance
        self._cancelled: set[Statement] = set()
        """Statements that the last pass told to stop, or found told so."""
        self._records = StopRecords(database=database, clock=clock)

    async def look(self) -> int:
        """Stop what is over its limits; returns how many sessions were told to."""
        if self._cluster.trouble is not None:
            return 0
        try:
            return await self._look()
        except UnreachableError as error:
            self._cluster.report_lost(error.summary)
        except StepError as error:
            # A cluster that is out of something. The next pass tries again; to end the daemon would help nobody.
            logger.warning("watchdog.could_not_look", reason=error.summary)
        return 0

    async def _look(self) -> int:
        long = await list_long_sessions(self._connections, longer_than=self._tolerance)
        over = await self._over(long) if long else []
        self._cancelled &= {_statement(session) for _, session, _ in over}
        stopped: list[Stopped] = []
        try:
            for project, session, limit in over:
                if failpoints.active:
                    await failpoints.reach("session.stop.before")
                done = await self._stop(project, session, limit)
                if failpoints.active:
                    await failpoints.reach("session.stop.after")
                if done is not None:
                    stopped.append(done)
        finally:
            if stopped:
                await self._records.write((each.subject, partial(_telling, each)) for each in stopped)
        return len(stopped)

    async def _over(self, long: list[LongSession]) -> list[tuple[Project, LongSession, timedelta]]:
        """Those beyond their project's limit, of projects that nobody else shuts just now."""
        async with self._database.reading() as reads:
            found = {
                project_id: await find_project(reads, project_id, organization_id=None)
                for project_id in {session.project_id for session in long}
            }
        over: list[tuple[Project, LongSession, timedelta]] = []
        for session in long:
            project = found[session.project_id]
            if project is None or project.state is not ProjectState.READY or project.is_suspended:
                continue
            limit = project.statement_timeout if session.is_running else project.idle_transaction_timeout
            if session.lasted > limit + max(self._tolerance, limit / 10):
                over.append((project, session, limit))
        return over

    async def _stop(self, project: Project, session: LongSession, limit: timedelta) -> Stopped | None:
        """None: it had gone on to something else by itself."""
        statement = _statement(session)
        must_end = not session.is_running or statement in self._cancelled
        if not must_end:
            self._cancelled.add(statement)
        stop = end_session if must_end else cancel_statement
        return Stopped(project, session, limit, must_end) if await stop(self._connections, session) else None


def _statement(session: LongSession) -> Statement:
    return session.pid, session.started_at, session.since


def _event(stopped: Stopped, *, times: int) -> NewEvent:
    session, project = stopped.session, stopped.project
    what = "a statement has run" if session.is_running else "a session has been idle in a transaction"
    done = "the session was ended" if stopped.is_ended else "it was cancelled"
    seconds = int(session.lasted.total_seconds())
    return NewEvent(
        SESSION_ENDED if stopped.is_ended else SESSION_CANCELLED,
        organization_id=project.organization_id,
        project_id=project.id,
        message=f"{what} for {seconds} s and project {project.slug} allows {format_duration(stopped.limit)}: {done}",
        details={
            "login": session.login,
            "door": "pooled" if session.is_pooled else "direct",
            "reason": "statement_timeout" if session.is_running else "idle_transaction_timeout",
            "seconds": seconds,
            "times": times,
            "limit_milliseconds": stopped.limit // timedelta(milliseconds=1),
        },
    )


def _telling(stopped: Stopped, times: int) -> tuple[NewEvent, NewAuditEvent]:
    event = _event(stopped, times=times)
    return event, NewAuditEvent(
        "session.end" if stopped.is_ended else "session.cancel",
        target_kind="login",
        target_id=stopped.session.login,
        organization_id=event.organization_id,
        project_id=event.project_id,
        metadata={name: value for name, value in event.details.items() if name != "login"},
    )
