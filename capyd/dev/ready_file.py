"""The file that says, to programs, that the stack is up and where."""

import json
import tempfile
from pathlib import Path
from typing import NotRequired, TypedDict


class Ready(TypedDict):
    """What stands in it."""

    http_url: str
    grpc_target: str
    admin_target: str
    api_key: str
    organization_id: str
    cluster_id: str
    direct_port: int
    pooled_port: int
    postgres_version: str
    ca_file: NotRequired[str]
    """The authority behind the certificates that PostgreSQL and PgBouncer show; absent where neither serves TLS."""
    pids: dict[str, int]


def write_ready_file(path: Path, ready: Ready) -> None:
    """Write it whole or not at all, for its owner alone: it holds an API key."""
    # A new temporary file is 0600. Its group is not the directory's, as a configuration's would be: that may be /tmp.
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        file.write(json.dumps(ready, indent=2) + "\n")
    Path(file.name).replace(path)
