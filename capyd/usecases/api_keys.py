"""Create, list and revoke API keys."""

from collections.abc import Callable
from datetime import datetime

from capyd.domain.api_keys import SHOWN_CHARACTERS, ApiKey, new_token, token_digest
from capyd.domain.errors import ForbiddenError, InvalidError, NotFoundError
from capyd.domain.ids import new_id
from capyd.domain.names import check_name
from capyd.domain.paging import Page, PageRequest
from capyd.domain.principals import EVERY_SCOPE, Principal, check_scopes
from capyd.domain.secret import Secret
from capyd.runtime.clock import Clock
from capyd.sqlite.api_keys import find_api_key, insert_api_key, list_api_keys, revoke_api_key
from capyd.sqlite.database import Database
from capyd.sqlite.organizations import find_organization
from capyd.usecases.lookup import get_project, no_organization, own_organization_id


class ApiKeys:
    """The use cases of API keys."""

    def __init__(self, *, database: Database, forget_principals: Callable[[], None], clock: Clock) -> None:
        self._database = database
        self._forget_principals = forget_principals
        self._clock = clock

    @property
    def now(self) -> datetime:
        """The moment by which a key is active or not."""
        return self._clock()

    async def list(self, principal: Principal, organization_id: str, page: PageRequest) -> Page[ApiKey]:
        """The organization's keys, revoked ones included, the oldest first.

        Raises:
            NotFoundError: there is no such organization, or it is not the principal's.
        """
        own_organization_id(principal, organization_id)
        async with self._database.reading() as reads:
            if await find_organization(reads, organization_id) is None:
                raise no_organization(organization_id)
            return await list_api_keys(reads, page, organization_id=organization_id)

    async def create(
        self,
        principal: Principal,
        organization_id: str,
        *,
        name: str,
        scopes: tuple[str, ...],
        project_id: str | None,
        expires_at: datetime | None,
    ) -> tuple[ApiKey, Secret]:
        """A key and its text, which is nowhere else.

        Raises:
            NotFoundError: there is no such organization or project, or it is not the principal's.
            InvalidError: a name, scopes or expiry that cannot be.
            ForbiddenError: a scope that the principal does not hold itself.
        """
        own_organization_id(principal, organization_id)
        check_name(name)
        check_scopes(scopes)
        _refuse_more_than_own(principal, scopes)
        now = self._clock()
        if expires_at is not None and expires_at <= now:
            raise InvalidError("expires_at must be in the future", field="expires_at")
        token = new_token()
        key = ApiKey(
            id=new_id("key"),
            organization_id=organization_id,
            project_id=project_id,
            name=name,
            key_prefix=token.reveal()[:SHOWN_CHARACTERS],
            scopes=scopes,
            source="cli" if principal.is_admin else "api",
            last_used_at=None,
            expires_at=expires_at,
            revoked_at=None,
            created_at=now,
        )
        async with self._database.transaction() as tx:
            if await find_organization(tx, organization_id) is None:
                raise no_organization(organization_id)
            if project_id is not None:
                project = await get_project(tx, principal, project_id)
                if project.organization_id != organization_id:
                    raise NotFoundError(f"the organization has no project {project_id}")
            await insert_api_key(tx, key, token_digest(token.reveal()))
        return key, token

    async def revoke(self, principal: Principal, organization_id: str, api_key_id: str) -> None:
        """Revoke it; it is refused from the next request on. Again is fine.

        Raises:
            NotFoundError: there is no such organization or key, or it is not the principal's.
        """
        own_organization_id(principal, organization_id)
        async with self._database.transaction() as tx:
            if await find_api_key(tx, api_key_id, organization_id=organization_id) is None:
                raise NotFoundError("the organization has no such API key")
            await revoke_api_key(tx, api_key_id, now=self._clock())
            tx.after_commit(self._forget_principals)


def _refuse_more_than_own(principal: Principal, scopes: tuple[str, ...]) -> None:
    beyond = [scope for scope in scopes if not principal.has_scope(scope) and EVERY_SCOPE not in principal.scopes]
    if beyond:
        raise ForbiddenError(
            f"this token does not hold {', '.join(beyond)} itself, and so cannot give it", code="missing_scope"
        )
