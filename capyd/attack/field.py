"""Where the attack takes place: two canaries on one cluster, and the daemon whose tenants they are."""

from dataclasses import dataclass

from capyd.attack.attempt import Door
from capyd.attack.canary import Canary
from capyd.attack.daemon import Daemon
from capyd.attack.kept import KeptSessions

_RECONNAISSANCE = {
    # What every login of a cluster can read.
    "admin": "SELECT rolname FROM pg_roles WHERE rolsuper AND rolcanlogin ORDER BY oid LIMIT 1",
    "spare": "SELECT datname FROM pg_database WHERE datname LIKE 'capy\\_%' AND datconnlimit = 0 ORDER BY 1 LIMIT 1",
    "template": "SELECT datname FROM pg_database WHERE datname LIKE 'capy\\_template\\_%' ORDER BY 1 LIMIT 1",
}
_NONE = "capy_there_is_none"


@dataclass(frozen=True, slots=True)
class Field:
    """Who attacks whom, and the names that a tenant can find out."""

    attacker: Canary
    victim: Canary
    daemon: Daemon
    token: str
    """Random: marks what this run left anywhere."""
    major: int
    names: dict[str, str]
    """What stands for `{own}`, `{victim}` and so on in statements. All are plain identifiers."""
    sessions: KeptSessions


async def survey(attacker: Canary, victim: Canary, daemon: Daemon, *, token: str) -> Field:
    """Look around as the attacker, before the first attempt.

    Raises:
        psycopg.Error: the attacker cannot even log in.
    """
    names = {
        "own": attacker.login,
        "owner": attacker.owner,
        "victim": victim.login,
        "victim_owner": victim.owner,
        "ledger": "capyd",
        "platform": "capyd_platform",
        "token": token,
    }
    async with await attacker.connect(Door.DIRECT) as session:
        for name, query in _RECONNAISSANCE.items():
            row = await (await session.execute(query.encode())).fetchone()
            names[name] = str(row[0]) if row else _NONE
        major = session.info.server_version // 10000
    return Field(attacker, victim, daemon, token, major, names, KeptSessions(attacker))
