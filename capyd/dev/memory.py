"""What a state directory remembers from one start to the next."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from capyd.domain.ids import new_id
from capyd.runtime.atomic_file import write_atomically


@dataclass(frozen=True, slots=True)
class Memory:
    """The names and ports of one stack: objects and connection URLs carry them."""

    cluster_id: str = field(default_factory=lambda: new_id("cls"))
    organization_id: str = field(default_factory=lambda: new_id("org"))
    ports: dict[str, int] = field(default_factory=dict)
    """By listener: http, grpc, postgres, pooler."""


def read_memory(path: Path) -> Memory:
    """What `path` holds, or a new stack's names when it is not there."""
    if not path.exists():
        return Memory()
    return Memory(**json.loads(path.read_text()))


def write_memory(path: Path, memory: Memory) -> None:
    """Remember it."""
    fields = {"cluster_id": memory.cluster_id, "organization_id": memory.organization_id, "ports": memory.ports}
    write_atomically(path, json.dumps(fields, indent=1).encode(), new_mode=0o600)
