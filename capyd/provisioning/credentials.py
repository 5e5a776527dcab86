"""Makes the credential of a tenant's login."""

from capyd.domain.tenants import Credential
from capyd.host.sealing import Sealer
from capyd.postgres.scram import new_password, scram_verifier


def mint_credential(sealer: Sealer, *, login: str) -> Credential:
    """A fresh password, its verifier, and the password sealed for keeping."""
    password = new_password()
    return Credential(password, scram_verifier(password), sealer.seal(password, login=login))
