"""Programs that a Debian package brings, found also where PATH does not lead."""

import shutil
from pathlib import Path

from capyd.host.errors import HostError


def find_pgbouncer(wanted: Path | None = None) -> Path:
    """Where PgBouncer is: the program asked for, or the system's.

    Debian has it in /usr/sbin, which an ordinary user's PATH leaves out.

    Raises:
        HostError: it is not installed, or not the file asked for.
    """
    if wanted is not None:
        if shutil.which(wanted.absolute()) is None:
            raise HostError(f"{wanted} is no program: name PgBouncer's, or leave --pgbouncer out")
        return wanted.resolve()
    found = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/bin")
    if found is None:
        raise HostError("PgBouncer is not installed: `apt install pgbouncer` (Debian's package is named pgbouncer)")
    return Path(found).resolve()
