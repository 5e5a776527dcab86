"""Programs that a Debian package brings, found also where PATH does not lead."""

import shutil
from pathlib import Path

from capyd.host.errors import HostError


def find_pgbouncer() -> Path:
    """Where PgBouncer is. Debian has it in /usr/sbin, which an ordinary user's PATH leaves out.

    Raises:
        HostError: it is not installed.
    """
    found = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/bin")
    if found is None:
        raise HostError("PgBouncer is not installed: `apt install pgbouncer` (Debian's package is named pgbouncer)")
    return Path(found).resolve()
