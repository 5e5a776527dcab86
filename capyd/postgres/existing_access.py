"""Adds capyd's lines to the `pg_hba.conf` and `pg_ident.conf` of a cluster that has others' lines in them already.

They stand first in the file, between two marks, since the first rule that fits a session decides. Nobody who could
log in before is shut out. From PostgreSQL 16 on a rule can name tenants' logins by a pattern; before, the rule for
the pooler has to cover everybody, and its map lets every other user in as whoever `peer` would.
"""

from capyd.postgres.access import ADMIN_MAP, POOLER_MAP, TENANT_LOGIN_PATTERN

_BEGIN = "# capyd's installation: begin"
_END = "# capyd's installation: end"
_PATTERNS_SINCE = 16


class UnfitRulesError(Exception):
    """The file's own rules and capyd's cannot both hold. Its text says which rule, and what would be right."""


def add_hba(text: str, *, admin_role: str, major: int) -> str:
    """`pg_hba.conf` with capyd's rules, made anew where they are there already.

    Raises:
        UnfitRulesError: before PostgreSQL 16, when local users log in by something else than `peer`.
    """
    others = remove(text)
    if major < _PATTERNS_SINCE:
        _require_peer(others)
    tenants = TENANT_LOGIN_PATTERN if major >= _PATTERNS_SINCE else "all"
    rules = [
        f"local  all  {admin_role}  peer map={ADMIN_MAP}",
        f"host   all  {admin_role}  all  reject",
        f"local  all  {tenants}  peer map={POOLER_MAP}",
    ]
    if major >= _PATTERNS_SINCE:
        rules.append(f"host   all  {tenants}  samehost  scram-sha-256")
    return _with_block(rules, others)


def add_ident(text: str, *, admin_role: str, admin_os_user: str, pooler_os_user: str, major: int) -> str:
    """`pg_ident.conf` with capyd's maps. Before PostgreSQL 16 the daemon adds a line a login."""
    lines = [f"{ADMIN_MAP}  {admin_os_user}  {admin_role}"]
    if major >= _PATTERNS_SINCE:
        lines.append(f"{POOLER_MAP}  {pooler_os_user}  {TENANT_LOGIN_PATTERN}")
    else:
        lines.append(rf"{POOLER_MAP}  /^(.*)$  \1")
    return _with_block(lines, remove(text))


def remove(text: str) -> str:
    """The file without capyd's lines."""
    head, begin, rest = text.partition(_BEGIN + "\n")
    if not begin:
        return text
    _, end, tail = rest.partition(_END + "\n")
    return head + tail if end else text


def _with_block(lines: list[str], others: str) -> str:
    return "\n".join([_BEGIN, *lines, _END, others])


def _require_peer(text: str) -> None:
    """The rule by which local users log in must be plain `peer`: ours would take its place."""
    for line in text.splitlines():
        fields = line.partition("#")[0].split()
        if fields[:3] != ["local", "all", "all"]:
            continue
        if fields[3:] != ["peer"]:
            raise UnfitRulesError(
                f"before PostgreSQL 16 the pooler needs the rule of all local users, which is here: {' '.join(fields)};"
                " make it `local all all peer` and give the users that need another method a rule of their own before"
            )
        return
