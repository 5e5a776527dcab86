"""Certificates, as scripts/dev-ca makes them."""

import subprocess
import sys
from pathlib import Path

_SCRIPT = Path(__file__).parents[2] / "scripts" / "dev_ca.py"


def make_certificates(directory: Path, *arguments: str) -> Path:
    """The directory, with ca, server and client in it; an authority that is there stays."""
    subprocess.run([sys.executable, str(_SCRIPT), str(directory), *arguments], check=True, capture_output=True)
    return directory
