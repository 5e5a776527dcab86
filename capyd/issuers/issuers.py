"""All issuers of the configuration."""

import asyncio
import hashlib
from collections.abc import Sequence
from pathlib import Path

from capyd.config.settings import SessionIssuerSettings
from capyd.domain.errors import UnauthenticatedError
from capyd.domain.sessions import Session, SessionRules, read_session
from capyd.issuers.issuer import Issuer
from capyd.issuers.sources import KeySetSource, PemSource, Source
from capyd.issuers.tokens import read_token
from capyd.runtime.clock import Clock


class Issuers:
    """Finds whose session a token is, and whether it is a good one."""

    def __init__(self, issuers: Sequence[Issuer], *, clock: Clock) -> None:
        self._issuers = {issuer.rules.issuer: issuer for issuer in issuers}
        self._clock = clock

    async def verify(self, text: str) -> Session:
        """The session that the token stands for.

        Raises:
            UnauthenticatedError: it stands for none, and why.
            UnavailableError: the keys of its issuer were never seen yet.
        """
        token = read_token(text)
        named = token.claims.get("iss")
        issuer = self._issuers.get(named) if isinstance(named, str) else None
        if issuer is None:
            raise UnauthenticatedError("the session's issuer is none of those that are trusted here")
        await issuer.verify(token)
        return read_session(token.claims, issuer.rules, now=self._clock())

    async def run(self) -> None:
        """Keep all keys fresh, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for issuer in self._issuers.values():
                group.create_task(issuer.run())
            if not self._issuers:
                await asyncio.Event().wait()


def build_issuers(sections: Sequence[SessionIssuerSettings], *, directory: Path, clock: Clock) -> Issuers:
    """The issuers of the configuration. `directory` keeps the last good keys of each."""
    return Issuers([_issuer(section, directory) for section in sections], clock=clock)


def _issuer(section: SessionIssuerSettings, directory: Path) -> Issuer:
    source: Source = (
        KeySetSource(section.issuer, section.jwks_url)
        if section.public_key_file is None
        else PemSource(section.public_key_file)
    )
    rules = SessionRules(
        issuer=section.issuer,
        audiences=section.audiences,
        authorized_parties=section.authorized_parties,
        leeway=section.leeway,
        organization_claim=section.organization_claim,
        role_claim=section.role_claim,
        admin_roles=section.admin_roles,
        organizations=section.organizations,
        organization=section.organization,
    )
    name = hashlib.sha256(section.issuer.encode()).hexdigest()[:32]
    return Issuer(rules, source, algorithms=section.algorithms, copy=directory / f"{name}.json")
