"""The table of API keys. The text of a key is nowhere: only its SHA-256."""

import json
import sqlite3
from datetime import datetime

from capyd.domain.api_keys import ApiKey
from capyd.domain.paging import Page, PageRequest
from capyd.sqlite.columns import from_micros, from_micros_or_none, to_micros, to_micros_or_none
from capyd.sqlite.database import Reads, Transaction
from capyd.sqlite.pages import to_page


async def insert_api_key(tx: Transaction, key: ApiKey, digest: bytes) -> None:
    """Add it."""
    await tx.execute(
        """
        INSERT INTO api_keys (
          id, organization_id, project_id, name, digest, key_prefix, scopes, source, expires_at, created_at
        ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
        (
            key.id,
            key.organization_id,
            key.project_id,
            key.name,
            digest,
            key.key_prefix,
            json.dumps(key.scopes),
            key.source,
            to_micros_or_none(key.expires_at),
            to_micros(key.created_at),
        ),
    )


async def find_api_key_by_digest(reads: Reads, digest: bytes) -> tuple[ApiKey, bool] | None:
    """The key with this SHA-256, and whether its organization is suspended; or None."""
    row = await reads.fetch_one(
        """
        SELECT api_keys.*, organizations.suspended_at IS NOT NULL AS suspended
        FROM api_keys JOIN organizations ON organizations.id = api_keys.organization_id
        WHERE digest = ?
        """,
        (digest,),
    )
    return None if row is None else (api_key_from_row(row), bool(row["suspended"]))


async def find_api_key(reads: Reads, api_key_id: str, *, organization_id: str) -> ApiKey | None:
    """The organization's key with this id, or None."""
    row = await reads.fetch_one(
        "SELECT * FROM api_keys WHERE id = ? AND organization_id = ?", (api_key_id, organization_id)
    )
    return None if row is None else api_key_from_row(row)


async def list_api_keys(reads: Reads, page: PageRequest, *, organization_id: str) -> Page[ApiKey]:
    """All keys of the organization, the oldest first, revoked ones included."""
    rows = await reads.fetch_all(
        """
        SELECT * FROM api_keys WHERE organization_id = ? AND (created_at, id) > (?, ?)
        ORDER BY created_at, id LIMIT ?
        """,
        (organization_id, *(page.after or (-1, "")), page.size + 1),
    )
    return to_page(rows, page, api_key_from_row)


async def revoke_api_key(tx: Transaction, api_key_id: str, *, now: datetime) -> None:
    """Revoke it; the moment of a first revocation stays."""
    await tx.execute(
        "UPDATE api_keys SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL", (to_micros(now), api_key_id)
    )


async def touch_api_keys(tx: Transaction, used: dict[str, datetime]) -> None:
    """Note when keys, by id, were last used."""
    for api_key_id, moment in used.items():
        await tx.execute("UPDATE api_keys SET last_used_at = ? WHERE id = ?", (to_micros(moment), api_key_id))


def api_key_from_row(row: sqlite3.Row) -> ApiKey:
    """The row as a value."""
    return ApiKey(
        id=row["id"],
        organization_id=row["organization_id"],
        project_id=row["project_id"],
        name=row["name"],
        key_prefix=row["key_prefix"],
        scopes=tuple(json.loads(row["scopes"])),
        source=row["source"],
        last_used_at=from_micros_or_none(row["last_used_at"]),
        expires_at=from_micros_or_none(row["expires_at"]),
        revoked_at=from_micros_or_none(row["revoked_at"]),
        created_at=from_micros(row["created_at"]),
    )
