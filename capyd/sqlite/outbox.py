"""The outbox: which objects the ledger in the cluster must still learn of. Triggers fill it (see the migrations)."""

from capyd.domain.records import Records
from capyd.sqlite.database import Reads, Transaction
from capyd.sqlite.records import list_api_key_records, list_organization_records, list_project_records


async def read_outbox(reads: Reads, *, limit: int) -> tuple[Records, int] | None:
    """The objects of the oldest `limit` changes, each as it is now, and the newest of their revisions; None: none.

    An object that was changed again comes again, and newer. An organization's first change stands before those of
    its projects and keys, so that the ledger never has these without it.
    """
    rows = await reads.fetch_all("SELECT revision, kind, object_id FROM outbox ORDER BY revision LIMIT ?", (limit,))
    if not rows:
        return None
    ids: dict[str, set[str]] = {"organization": set(), "project": set(), "api_key": set()}
    for row in rows:
        ids[row["kind"]].add(row["object_id"])
    records = Records(
        organizations=await list_organization_records(reads, sorted(ids["organization"])),
        projects=await list_project_records(reads, sorted(ids["project"])),
        api_keys=await list_api_key_records(reads, sorted(ids["api_key"])),
    )
    return records, int(rows[-1]["revision"])


async def delete_carried(tx: Transaction, *, up_to: int) -> None:
    """The ledger has all up to this revision."""
    await tx.execute("DELETE FROM outbox WHERE revision <= ?", (up_to,))


async def start_revisions_after(tx: Transaction, revision: int) -> None:
    """Give no revision up to this one: the ledger knows them from a state file that is gone."""
    changed = await tx.execute("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'outbox'", (revision,))
    if not changed:
        await tx.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('outbox', ?)", (revision,))


async def enqueue_everything(tx: Transaction) -> None:
    """Have every object carried anew, organizations first. For the triggers an update that changes nothing is one."""
    await tx.execute("UPDATE organizations SET id = id")
    await tx.execute("UPDATE projects SET id = id")
    await tx.execute("UPDATE api_keys SET id = id")
