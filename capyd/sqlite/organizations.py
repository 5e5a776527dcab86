"""The table of organizations."""

import sqlite3

from capyd.domain.organizations import Organization
from capyd.domain.paging import Page, PageRequest
from capyd.sqlite.columns import from_micros, from_micros_or_none, to_micros, to_micros_or_none
from capyd.sqlite.database import Reads, Transaction
from capyd.sqlite.pages import to_page


async def insert_organization(tx: Transaction, organization: Organization) -> None:
    """Add it. Its id and its slug must be free."""
    await tx.execute(
        "INSERT INTO organizations (id, name, slug, plan, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?)",
        (
            organization.id,
            organization.name,
            organization.slug,
            organization.plan,
            to_micros(organization.created_at),
            to_micros(organization.updated_at),
        ),
    )


async def update_organization(tx: Transaction, organization: Organization) -> None:
    """Store its name, plan and suspension as they are in the value."""
    await tx.execute(
        "UPDATE organizations SET name = ?, plan = ?, suspended_at = ?, suspended_reason = ?, updated_at = ? "
        "WHERE id = ?",
        (
            organization.name,
            organization.plan,
            to_micros_or_none(organization.suspended_at),
            organization.suspended_reason,
            to_micros(organization.updated_at),
            organization.id,
        ),
    )


async def find_organization(reads: Reads, organization_id: str) -> Organization | None:
    """The organization, or None."""
    row = await reads.fetch_one("SELECT * FROM organizations WHERE id = ?", (organization_id,))
    return None if row is None else organization_from_row(row)


async def is_organization_slug_taken(reads: Reads, slug: str) -> bool:
    """Another organization has it."""
    return await reads.fetch_one("SELECT 1 FROM organizations WHERE slug = ?", (slug,)) is not None


async def list_organizations(reads: Reads, page: PageRequest) -> Page[Organization]:
    """All organizations, the oldest first."""
    rows = await reads.fetch_all(
        "SELECT * FROM organizations WHERE (created_at, id) > (?, ?) ORDER BY created_at, id LIMIT ?",
        (*(page.after or (-1, "")), page.size + 1),
    )
    return to_page(rows, page, organization_from_row)


def organization_from_row(row: sqlite3.Row) -> Organization:
    """The row as a value."""
    return Organization(
        id=row["id"],
        name=row["name"],
        slug=row["slug"],
        plan=row["plan"],
        created_at=from_micros(row["created_at"]),
        updated_at=from_micros(row["updated_at"]),
        suspended_at=from_micros_or_none(row["suspended_at"]),
        suspended_reason=row["suspended_reason"],
    )
