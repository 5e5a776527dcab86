"""What is wrong with the roles and the database of one tenant. Pure: values in, phrases out."""

from collections.abc import Sequence

from capyd.domain.tenants import TenantLimits, TenantNames
from capyd.postgres.inventory import DatabaseSeen, LedgerRow, RoleSeen
from capyd.postgres.roles import PLATFORM_ROLE
from capyd.postgres.tenants import timeout_settings


def find_wrong_limits(
    row: LedgerRow, database: DatabaseSeen, logins: Sequence[RoleSeen], owner: RoleSeen, limits: TenantLimits | None
) -> list[str]:
    """What is otherwise than `limits` and the rules of every tenant say. No limits: a spare, closed to everybody.

    `logins`: the present one, and the one that retires, if there is one.
    """
    most = 0 if limits is None else limits.sessions
    wrong = _wrong_powers(owner)
    if owner.can_login:
        wrong.append(f"{owner.name} is LOGIN")
    for login in logins:
        wrong += _wrong_with_login(row, login, limits, most)
    if limits is None and logins[0].verifier != row.verifier:
        wrong.append("the login's password is not the one that it was built with")
    if limits is not None and row.pool_size != limits.pool_size:
        wrong.append(f"the pool size is {row.pool_size}, not {limits.pool_size}")
    if limits is not None and row.is_shut != limits.is_shut:
        wrong.append(f"the ledger has it as {'shut' if row.is_shut else 'open'}")
    return [*wrong, *_wrong_with_database(row, database, most)]


def _wrong_with_login(row: LedgerRow, login: RoleSeen, limits: TenantLimits | None, most: int) -> list[str]:
    wrong = _wrong_powers(login)
    if login.can_login != (limits is not None and not limits.is_shut):
        wrong.append(f"{login.name} is {_login(login)}")
    if login.connection_limit != most:
        wrong.append(f"the login's connection limit is {login.connection_limit}, not {most}")
    if row.owner_oid not in login.member_of:
        wrong.append("the login is no member of the owner role")
    return [*wrong, *_wrong_settings(login, TenantNames(row.database), limits)]


def _wrong_powers(role: RoleSeen) -> list[str]:
    return [f"{role.name} is {' and '.join(role.powers)}"] if role.powers else []


def _login(role: RoleSeen) -> str:
    return "LOGIN" if role.can_login else "NOLOGIN"


def _wrong_settings(login: RoleSeen, names: TenantNames, limits: TenantLimits | None) -> list[str]:
    wanted = {"role": names.owner}
    if limits is not None:
        wanted |= {name: str(milliseconds) for name, milliseconds in timeout_settings(limits).items()}
    return [
        f"the login's {name} is {login.settings.get(name, 'not set')}, not {value}"
        for name, value in wanted.items()
        if login.settings.get(name) != value
    ]


def _wrong_with_database(row: LedgerRow, database: DatabaseSeen, most: int) -> list[str]:
    wrong = []
    if database.connection_limit != most:
        wrong.append(f"the database's connection limit is {database.connection_limit}, not {most}")
    if database.owner != PLATFORM_ROLE:
        wrong.append(f"the database belongs to {database.owner}, not {PLATFORM_ROLE}")
    if not database.allows_connections:
        wrong.append("the database allows no connections")
    if database.is_template:
        wrong.append("the database is a template, which anybody may copy")
    if database.open_to_public:
        wrong.append("the database is open to PUBLIC")
    if row.owner_oid not in database.full_grantees:
        wrong.append("the owner role lacks privileges on the database")
    return wrong
