"""Read the audit trail."""

import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from capyd.domain.audit import AuditEvent, ChainHead
from capyd.domain.errors import InvalidError
from capyd.domain.failures import StepError
from capyd.domain.paging import MAX_LIMIT, Page, PageRequest, check_limit, next_page_token
from capyd.domain.principals import Principal
from capyd.sqlite.audit import list_audit_events, list_newest_audit_events, read_newest_audit_sequence
from capyd.sqlite.database import Database
from capyd.usecases.lookup import get_project

_FIRST_PAGE: Final = 1 << 62


class AuditReading:
    """The use cases of whoever reads the audit trail. `read_noted` reads the head that the ledger noted."""

    def __init__(self, *, database: Database, read_noted: Callable[[], Awaitable[ChainHead]]) -> None:
        self._database = database
        self._read_noted = read_noted

    async def list_of_project(
        self, principal: Principal, project_id: str, page: PageRequest, *, limit: int | None
    ) -> Page[AuditEvent]:
        """The project's newest events. `limit` (25 when None) bounds the whole list, in however many pages it comes.

        Raises:
            NotFoundError: there is no such project, or it is not the principal's.
            InvalidError: a limit that cannot be.
        """
        wanted = check_limit(limit)
        before = _FIRST_PAGE
        if page.after is not None:
            before, wanted = page.after[0], min(wanted, _left(page.after[1]))
        size = min(page.size, wanted)
        async with self._database.reading() as reads:
            project = await get_project(reads, principal, project_id)
            found = await list_newest_audit_events(reads, before=before, limit=size + 1, project_id=project.id)
        shown, left = list(found[:size]), wanted - size
        more = len(found) > size and left > 0
        return Page(shown, next_page_token(shown[-1].sequence, str(left)) if more else "")

    async def list_after(self, sequence: int, *, size: int) -> Sequence[AuditEvent]:
        """Everybody's events after this one, the oldest first."""
        async with self._database.reading() as reads:
            return await list_audit_events(reads, after=sequence, limit=size)

    async def list_newest(
        self, *, before: int | None, project_id: str | None, organization_id: str | None, size: int
    ) -> Sequence[AuditEvent]:
        """The newest events, of deleted projects too."""
        async with self._database.reading() as reads:
            return await list_newest_audit_events(
                reads,
                before=_FIRST_PAGE if before is None else before,
                limit=size,
                project_id=project_id,
                organization_id=organization_id,
            )

    async def head(self) -> tuple[int, ChainHead | None]:
        """The newest sequence ever given, and the head that the ledger noted; None: it cannot be asked."""
        noted = None
        with contextlib.suppress(StepError):
            noted = await self._read_noted()
        async with self._database.reading() as reads:
            return await read_newest_audit_sequence(reads), noted


def _left(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= MAX_LIMIT:
        raise InvalidError("page_token is not one that a list gave out", field="page_token")
    return int(text)
