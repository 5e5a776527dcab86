"""The pooler beside the cluster: what it must know, told to it and read back."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager

from capyd.config.settings import PoolerSettings, PostgresSettings
from capyd.domain.failures import PoolerUnreachableError, TransientError
from capyd.domain.secret import Secret
from capyd.domain.tenants import PoolerEntry
from capyd.pgbouncer.certificate import Stamp, read_stamp
from capyd.pgbouncer.comparison import find_differences, find_other_parameters
from capyd.pgbouncer.console import CommandError, Console, open_console
from capyd.pgbouncer.contents import PoolerContents, read_contents
from capyd.pgbouncer.files import read_console_password, read_files, write_files
from capyd.pgbouncer.load import PoolerLoad, read_load
from capyd.pgbouncer.parameters import list_parameters
from capyd.pgbouncer.render import CONSOLE_USER, FILE_NAMES, INI, USERS, render
from capyd.pgbouncer.version import Version
from capyd.runtime.logs import get_logger

logger = get_logger(__name__)


class Pooler:
    """One PgBouncer. Its files are this object's alone: nobody else writes them, and one `apply` runs at a time."""

    def __init__(self, settings: PoolerSettings, postgres: PostgresSettings) -> None:
        self._settings = settings
        self._postgres = postgres
        self._applying = asyncio.Lock()
        self._verified: dict[str, bytes] | None = None
        """What the running pooler was last seen with."""
        self._certificate: Stamp | None = None
        """The certificate that it has read. None: nobody has told it to yet."""

    async def write_initial_files(self, version: Version) -> None:
        """Write a configuration that a pooler of this version can start on, keeping the entries of one that is there.

        Raises:
            PermanentError: the files cannot be written.
        """
        configuration = await self._render([], version)
        present = await asyncio.to_thread(read_files, self._settings.config_dir, FILE_NAMES)
        # What depends on the settings is made anew; the rest is as the last `apply` left it, or is not there yet.
        kept = {name for name in present if name != INI}
        if not present.get(USERS, b"").startswith(configuration[USERS]):
            kept.discard(USERS)
        files = {name: text for name, text in configuration.items() if name not in kept}
        await write_files(self._settings.config_dir, files)

    async def apply(self, entries: Iterable[PoolerEntry]) -> None:
        """Make the running pooler know `entries` and no others; clients of those that stay notice nothing.

        Returns when the pooler has been seen with them.

        Raises:
            PoolerUnreachableError: the pooler does not answer; its files are as they were.
            TransientError: it did not take the configuration; the former one is in force again.
            PermanentError: the files cannot be read or written.
        """
        wanted = list(entries)
        async with self._applying, self._console() as console:
            version = await console.version()
            configuration = await self._render(wanted, version)
            certificate = await asyncio.to_thread(read_stamp, self._settings)
            if configuration == self._verified and certificate == self._certificate:
                return
            self._verified = self._certificate = None
            before = await asyncio.to_thread(read_files, self._settings.config_dir, FILE_NAMES)
            await write_files(self._settings.config_dir, configuration)
            try:
                mistakes = await self._reload_and_compare(console, wanted, version)
            except PoolerUnreachableError:
                # Perhaps these files ended it: it is to start again on those that it ran with.
                await write_files(self._settings.config_dir, before)
                raise
            if mistakes:
                await self._restore(console, before)
                raise TransientError(
                    "the pooler did not take its new configuration; the former one is in force again",
                    detail="\n".join(mistakes),
                )
            self._verified, self._certificate = configuration, certificate

    async def reconnect(self, database: str) -> None:
        """Have new server connections made as the old ones fall free: roles' settings count from login on."""
        await self._command(database, "RECONNECT")

    async def disable_and_kill(self, database: str) -> int:
        """Refuse new clients of `database`, and end its clients and server connections, before it is dropped.

        Disabled first: after the kill alone, new clients would hang. Take its entry away after the drop.
        Returns how many clients there were.
        """
        await self._command(database, "DISABLE", unless="disabled")
        async with self._console() as console:
            clients = [row for row in await console.show("CLIENTS") if row["database"] == database]
        await self._command(database, "KILL", unless="paused")
        return len(clients)

    async def enable(self, database: str) -> None:
        """Undo `disable_and_kill`, for a drop that did not come about."""
        await self._command(database, "RESUME", when="paused")
        await self._command(database, "ENABLE", when="disabled")

    def has_new_certificate(self) -> bool:
        """Whether its certificate has been replaced since it was read: `apply` has it read again."""
        return self._certificate is not None and self._certificate != read_stamp(self._settings)

    async def end_clients(self, database: str) -> None:
        """End every client of `database` and its server connections. They may come back at once."""
        await self._command(database, "KILL", unless="paused")
        await self._command(database, "RESUME", when="paused")

    async def probe(self) -> str | None:
        """The running pooler's version, such as `1.18.0`, or None when it does not answer."""
        try:
            async with self._console() as console:
                return ".".join(str(part) for part in await console.version())
        except PoolerUnreachableError:
            return None

    async def contents(self) -> PoolerContents:
        """What the running pooler knows now.

        Raises:
            PoolerUnreachableError: it does not answer.
            TransientError: it does not say.
        """
        async with self._console() as console:
            try:
                return read_contents(await console.show("DATABASES"), await console.show("USERS"))
            except CommandError as error:
                raise TransientError(f"the pooler would not show what it knows: {error}") from error

    async def load(self) -> PoolerLoad:
        """What it is busy with.

        Raises:
            PoolerUnreachableError: it does not answer.
            TransientError: it does not say.
        """
        async with self._console() as console:
            try:
                return read_load(await console.show("POOLS"), await console.show("DATABASES"))
            except CommandError as error:
                raise TransientError(f"the pooler would not show its pools: {error}") from error

    def distrust(self) -> None:
        """Have the next `apply` write, reload and compare, whatever was seen before: somebody else has been at it."""
        self._verified = None

    async def _command(self, database: str, verb: str, *, when: str | None = None, unless: str | None = None) -> None:
        """Give the command, if the pooler knows the database and has it in the state that the command is for."""
        async with self._console() as console:
            for row in await console.show("DATABASES"):
                if row["name"] != database or (when and not row[when]) or (unless and row[unless]):
                    continue
                try:
                    await console.command(verb, database)
                except CommandError as error:
                    raise TransientError(f"the pooler would not {verb} the database {database}: {error}") from error

    @asynccontextmanager
    async def _console(self) -> AsyncIterator[Console]:
        async with open_console(self._settings, await self._password()) as console:
            yield console

    async def _password(self) -> Secret:
        return await asyncio.to_thread(read_console_password, self._settings.console_password_file)

    async def _render(self, entries: list[PoolerEntry], version: Version) -> dict[str, bytes]:
        password = await self._password()
        return render(
            entries, version=version, pooler=self._settings, postgres=self._postgres, console_password=password
        )

    async def _reload_and_compare(self, console: Console, wanted: list[PoolerEntry], version: Version) -> list[str]:
        """What is wrong with the running configuration after a reload; nothing, it is hoped."""
        try:
            await console.reload()
            databases, users = await console.show("DATABASES"), await console.show("USERS")
            config = await console.show("CONFIG")
        except CommandError as error:
            return [str(error)]
        parameters = list_parameters(self._settings, version, console_user=CONSOLE_USER)
        mistakes, at_restart = find_other_parameters(parameters, config)
        if at_restart:
            logger.warning("pooler.restart_needed", parameters=at_restart)
        return mistakes + find_differences(
            wanted,
            version=version,
            pooler=self._settings,
            postgres=self._postgres,
            databases=databases,
            users=users,
        )

    async def _restore(self, console: Console, before: Mapping[str, bytes]) -> None:
        await write_files(self._settings.config_dir, before)
        try:
            await console.reload()
        except CommandError as error:
            # It refuses the former one as well: the caller hears of the new one's mistakes, the log of this.
            logger.warning("pooler.restore_refused", error=str(error))
