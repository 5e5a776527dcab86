"""Generated REST requests: schemathesis over the document that the gateway serves."""

import re
import subprocess
import sys
import tempfile
import urllib.request
from dataclasses import dataclass
from json import loads
from pathlib import Path
from typing import Any

from fuzzing.keys import make_key

_CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
_REVOKES = "revokeApiKey"
_GENERATED = re.compile(r"^\s*(\d+) generated", re.MULTILINE)


@dataclass(frozen=True)
class RestRun:
    """What came of it."""

    generated: int
    """Test cases; each is a request."""
    succeeded: bool
    said: str
    """All that schemathesis printed: the failures with the requests that show them."""


def run_rest(ready: dict[str, Any], *, requests: int, seed: int) -> RestRun:
    """Send about `requests` of them: those that fit the document, and those that do not.

    Keys are revoked in a run of its own: the key in use may be among them, and all that follows would be 401.
    """
    document = f"{ready['http_url']}/v1/openapi.json"
    with urllib.request.urlopen(document) as answer:
        operations = sum(len(verbs) for verbs in loads(answer.read())["paths"].values())
    each = max(1, requests // operations)
    runs = [
        _run(document, make_key(ready, "REST"), each, seed, "--exclude-operation-id", _REVOKES),
        _run(document, make_key(ready, "revoked in time"), each, seed, "--include-operation-id", _REVOKES),
    ]
    return RestRun(
        sum(run.generated for run in runs), all(run.succeeded for run in runs), "\n".join(run.said for run in runs)
    )


def _run(document: str, key: str, each: int, seed: int, *selection: str) -> RestRun:
    argv = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(_CONFIGURATION), "run", document]
    argv += ["-H", f"Authorization: Bearer {key}", "--continue-on-failure", *selection]
    argv += ["--phases", "examples,coverage,fuzzing", "-n", str(each), "--seed", str(seed), "--no-color"]
    with tempfile.TemporaryDirectory(prefix="capyd-fuzz-") as directory:  # it keeps what it found where it runs
        done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=directory)
    found = _GENERATED.search(done.stdout)
    return RestRun(0 if found is None else int(found[1]), done.returncode == 0 and found is not None, done.stdout)
