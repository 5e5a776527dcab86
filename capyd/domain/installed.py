"""What a cluster really carries, as the daemon found it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AvailableExtension:
    """An extension that the cluster's files offer."""

    name: str
    default_version: str
    description: str
    trusted: bool


@dataclass(frozen=True, slots=True)
class ExtensionInDatabase:
    """An available extension as one database has it."""

    available: AvailableExtension
    installed_version: str | None


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """Read once when the cluster was prepared."""

    system_identifier: str
    server_version: str
    """Such as `15.18`."""
    major: int
    template: str
    """The hardened template that spares are cloned from."""
    extensions: dict[str, AvailableExtension]
    """By name: everything the cluster offers, the catalogue's or not."""
