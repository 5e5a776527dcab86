"""Create, list and get organizations."""

from collections.abc import Mapping

from capyd.domain.errors import InvalidError, TakenError
from capyd.domain.ids import new_id
from capyd.domain.names import check_name, check_slug, derive_slug, with_suffix
from capyd.domain.organizations import Organization
from capyd.domain.paging import Page, PageRequest
from capyd.domain.plans import Plan
from capyd.domain.principals import Principal
from capyd.runtime.clock import Clock
from capyd.sqlite.database import Database
from capyd.sqlite.organizations import (
    find_organization,
    insert_organization,
    is_organization_slug_taken,
    list_organizations,
)
from capyd.usecases.lookup import no_organization, own_organization_id

_ID_PREFIX = "org_"
_LONGEST_ID = 64


class Organizations:
    """The use cases of organizations."""

    def __init__(self, *, database: Database, plans: Mapping[str, Plan], clock: Clock) -> None:
        self._database = database
        self._plans = plans
        self._clock = clock

    async def get(self, principal: Principal, organization_id: str) -> Organization:
        """One organization.

        Raises:
            NotFoundError: not there, or not the principal's.
        """
        own_organization_id(principal, organization_id)
        async with self._database.reading() as reads:
            organization = await find_organization(reads, organization_id)
        if organization is None:
            raise no_organization(organization_id)
        return organization

    async def list(self, page: PageRequest) -> Page[Organization]:
        """All organizations, the oldest first."""
        async with self._database.reading() as reads:
            return await list_organizations(reads, page)

    async def create(
        self, *, name: str, slug: str | None, plan: str | None, organization_id: str | None
    ) -> Organization:
        """A new organization; or, where `organization_id` is one that exists, that one as it is.

        Raises:
            InvalidError: a name, slug, plan or id that cannot be.
            TakenError: the slug given is another organization's.
        """
        check_name(name)
        chosen_plan = next(iter(self._plans)) if plan is None else check_plan(plan, self._plans)
        if organization_id is not None:
            _check_id(organization_id)
        now = self._clock()
        async with self._database.transaction() as tx:
            if organization_id is not None:
                present = await find_organization(tx, organization_id)
                if present is not None:
                    return present
            chosen_slug = derive_slug(name) if slug is None else check_slug(slug)
            if await is_organization_slug_taken(tx, chosen_slug):
                if slug is not None:
                    raise TakenError(f"the slug {slug} is another organization's", field="slug")
                chosen_slug = with_suffix(chosen_slug)
            organization = Organization(
                id=organization_id or new_id("org"),
                name=name,
                slug=chosen_slug,
                plan=chosen_plan,
                created_at=now,
                updated_at=now,
                suspended_at=None,
                suspended_reason=None,
            )
            await insert_organization(tx, organization)
        return organization


def check_plan(plan: str, plans: Mapping[str, Plan]) -> str:
    """The plan's name itself.

    Raises:
        InvalidError: there is no such plan.
    """
    if plan not in plans:
        raise InvalidError(f"plan must be one of {', '.join(plans)}", field="plan")
    return plan


def _check_id(organization_id: str) -> None:
    body = organization_id.removeprefix(_ID_PREFIX)
    if (
        body == organization_id
        or not body
        or len(organization_id) > _LONGEST_ID
        or not body.isascii()
        or not body.replace("_", "").replace("-", "").isalnum()
    ):
        raise InvalidError(
            f"organization_id must be {_ID_PREFIX} and letters, digits, - and _: {_LONGEST_ID} characters at most",
            field="organization_id",
        )
