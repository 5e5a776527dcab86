"""One issuer: its keys, as fresh as they must be, and still there when it is away."""

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Final

from jwt import PyJWS
from jwt.exceptions import PyJWTError

from capyd.domain.errors import UnauthenticatedError, UnavailableError
from capyd.domain.sessions import SessionRules
from capyd.issuers.keys import KeySet, NoKeysError, PublicKey
from capyd.issuers.sources import FetchError, Source
from capyd.issuers.tokens import UnverifiedToken
from capyd.runtime.atomic_file import write_atomically
from capyd.runtime.logs import get_logger

logger = get_logger(__name__)

ASKED_FOR_AT_MOST_EVERY: Final = timedelta(minutes=1)
"""How often an unknown key id, which anybody can make up, has the issuer asked."""
_A_CALL_WAITS: Final = 3.0
_REMOTE_EVERY: Final = 3600.0
_FILE_EVERY: Final = 30.0
_FIRST_RETRY: Final = 2.0
_LAST_RETRY: Final = 60.0
_SIGNATURES: Final = PyJWS()


class Issuer:
    """Whose keys they are, and the rules for its sessions."""

    def __init__(
        self,
        rules: SessionRules,
        source: Source,
        *,
        algorithms: tuple[str, ...],
        copy: Path,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`copy` is the file in which the last good keys are kept."""
        self.rules = rules
        self._source = source
        self._algorithms = algorithms
        self._copy = copy
        self._monotonic = monotonic
        self._keys: KeySet | None = None
        self._text = b""
        self._asked_at: float | None = None
        self._loading: asyncio.Task[bool] | None = None

    async def run(self) -> None:
        """Keep the keys fresh, until cancelled: a key that the issuer withdrew is not taken for long."""
        await self._read_copy()
        pause = _FIRST_RETRY
        while True:
            if await self.load():
                pause = _FIRST_RETRY
                await asyncio.sleep(_REMOTE_EVERY if self._source.is_remote else _FILE_EVERY)
            else:
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LAST_RETRY)

    async def verify(self, token: UnverifiedToken) -> None:
        """Return when one of the issuer's keys signed the token.

        Raises:
            UnauthenticatedError: none did.
            UnavailableError: its keys were never seen yet.
        """
        if token.algorithm not in self._algorithms:
            raise UnauthenticatedError(f"the session is signed with {token.algorithm}, which is not taken here")
        keys = self._find(token)
        if not keys:
            await self._ask()
            keys = self._find(token)
        if self._keys is None:
            raise UnavailableError("the keys of the session's issuer cannot be had just now", code="issuer_unreachable")
        if not keys:
            raise UnauthenticatedError("the session is signed with a key that its issuer does not have")
        if not any(_signed(token, key) for key in keys):
            raise UnauthenticatedError("the session's signature is not good")

    async def load(self) -> bool:
        """Have the source say its keys, now; whether it did. What it said before stays good otherwise."""
        return await asyncio.shield(self._start_loading())

    def _find(self, token: UnverifiedToken) -> list[PublicKey]:
        return [] if self._keys is None else self._keys.find(token.kid, token.algorithm)

    async def _ask(self) -> None:
        """Have the keys loaded for a call that waits, though not for long, and not too often."""
        now = self._monotonic()
        if self._loading is None:
            if self._asked_at is not None and now - self._asked_at < ASKED_FOR_AT_MOST_EVERY.total_seconds():
                return
            self._asked_at = now
        _, pending = await asyncio.wait([self._start_loading()], timeout=_A_CALL_WAITS)
        if pending:
            logger.warning("issuer.slow", issuer=self.rules.issuer)

    def _start_loading(self) -> asyncio.Task[bool]:
        """Loading them, once for all who want it at the same time."""
        if self._loading is None:
            self._loading = asyncio.create_task(self._load())
            self._loading.add_done_callback(self._loaded)
        return self._loading

    def _loaded(self, task: asyncio.Task[bool]) -> None:
        self._loading = None
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("issuer.load_failed", issuer=self.rules.issuer, exc_info=error)

    async def _load(self) -> bool:
        try:
            text = await self._source.load()
            keys = self._source.read(text)
        except (FetchError, NoKeysError) as error:
            logger.warning(
                "issuer.no_keys", issuer=self.rules.issuer, reason=str(error), goes_on_with_old=self._keys is not None
            )
            return False
        if text != self._text:
            logger.info("issuer.keys", issuer=self.rules.issuer, keys=len(keys))
            await self._write_copy(text)
        self._keys, self._text = keys, text
        return True

    async def _read_copy(self) -> None:
        if not self._source.is_remote:
            return
        try:
            text = await asyncio.to_thread(self._copy.read_bytes)
            self._keys, self._text = self._source.read(text), text
        except (OSError, NoKeysError):
            return

    async def _write_copy(self, text: bytes) -> None:
        if not self._source.is_remote:
            return
        try:
            await asyncio.to_thread(_write, self._copy, text)
        except OSError as error:
            logger.warning("issuer.copy_not_written", issuer=self.rules.issuer, reason=error.strerror)


def _signed(token: UnverifiedToken, key: PublicKey) -> bool:
    try:
        _SIGNATURES.decode(token.text, key=key, algorithms=[token.algorithm])
    except (PyJWTError, ValueError, TypeError):
        return False
    return True


def _write(file: Path, text: bytes) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_atomically(file, text, new_mode=0o600)
