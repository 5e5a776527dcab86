"""Forward-only migrations, `NNNN_name.sql`, each in one transaction with the number that says it ran."""

from importlib import resources

import aiosqlite


class SchemaTooNewError(Exception):
    """The file was written by a newer capyd."""


def list_migrations() -> list[tuple[int, str]]:
    """Number and SQL of each migration, in order."""
    files = sorted(
        (entry for entry in resources.files(__name__).iterdir() if entry.name.endswith(".sql")),
        key=lambda entry: entry.name,
    )
    return [(int(entry.name.partition("_")[0]), entry.read_text()) for entry in files]


async def migrate(connection: aiosqlite.Connection) -> int:
    """Bring the schema up to the newest and return its number. Killed in between, the next start goes on.

    Raises:
        SchemaTooNewError: the file is of a version that this capyd does not know.
    """
    rows = await connection.execute_fetchall("PRAGMA user_version")
    present = int(next(iter(rows))[0])
    migrations = list_migrations()
    newest = migrations[-1][0]
    if present > newest:
        raise SchemaTooNewError(
            f"the state file has schema {present}, and this capyd knows up to {newest}: install the newer capyd again"
        )
    for number, sql in migrations:
        if number > present:
            await connection.executescript(f"BEGIN IMMEDIATE;\n{sql}\nPRAGMA user_version = {number};\nCOMMIT;")
    return newest
