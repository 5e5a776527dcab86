"""PgBouncer's version: it refuses to start on a setting that it does not know yet."""

import re
from pathlib import Path

from capyd.domain.failures import PermanentError, PoolerUnreachableError

Version = tuple[int, int, int]

_FORM = re.compile(r"PgBouncer (\d+)\.(\d+)\.(\d+)", re.IGNORECASE)


def parse_version(text: str) -> Version:
    """The version in the first line of `--version`, or in the answer to SHOW VERSION.

    Raises:
        PermanentError: it is not PgBouncer's.
    """
    found = _FORM.match(text)
    if found is None:
        raise PermanentError("the pooler does not say which version of PgBouncer it is", detail=text[:200])
    return int(found[1]), int(found[2]), int(found[3])


def has_tls(text: str) -> bool:
    """Whether the program that gave `text` as its `--version` was built with TLS: it names the library."""
    return re.search(r"^tls: (?!disabled)", text, re.MULTILINE) is not None


def missing(binary: Path) -> PoolerUnreachableError:
    """What to say where the program is not there."""
    return PoolerUnreachableError(f"there is no program {binary}: install the package pgbouncer")
