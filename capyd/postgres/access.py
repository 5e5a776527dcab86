"""Who may log in to the cluster, as text for `pg_hba.conf` and `pg_ident.conf`."""

from collections.abc import Iterable

ADMIN_MAP = "capyd_admin"
"""Which users of the operating system are the administrator."""
POOLER_MAP = "capyd_pooler"
"""Which user of the operating system, the pooler's, may log in as a tenant."""

TENANT_LOGIN_PATTERN = "/^capy_[a-z0-9]{16}$"
"""A tenant's login as pg_ident spells patterns, from PostgreSQL 16 on."""


def render_hba(admin_role: str, *, require_tls: bool) -> str:
    """`pg_hba.conf`: the administrator and the pooler over the Unix socket, tenants over TCP by SCRAM.

    The pooler proves who it is by its operating-system user. So it needs no tenant's password to log in
    as that tenant, and a changed password breaks no client that is already connected to it.
    """
    return "\n".join(
        [
            "# type  database     user  address  method",
            f"local   all          {admin_role}  peer map={ADMIN_MAP}",
            f"local   all          all  peer map={POOLER_MAP}",
            f"host    all          {admin_role}  all  reject",
            "local   replication  all  reject",
            "host    replication  all  all  reject",
            f"{'hostssl' if require_tls else 'host'}    all          all  all  scram-sha-256",
            "",
        ]
    )


def render_ident(*, admin_role: str, admin_os_users: Iterable[str], pooler_os_user: str, major: int) -> str:
    """`pg_ident.conf`. Before PostgreSQL 16 the pooler's map needs a line a login: `ident.apply_ident` adds them."""
    lines = ["# map  operating-system user  role"]
    lines += [f"{ADMIN_MAP}  {user}  {admin_role}" for user in admin_os_users]
    if major >= 16:
        lines.append(f"{POOLER_MAP}  {pooler_os_user}  {TENANT_LOGIN_PATTERN}")
    return "\n".join([*lines, ""])
