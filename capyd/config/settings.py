"""Every setting of the daemon, with its meaning, unit and default. `deploy/capyd.toml.example` shows them all."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from capyd.config.fields import (
    AbsolutePath,
    ClusterId,
    CredentialPath,
    Duration,
    HostAndPort,
    IssuerUrl,
    LoopbackAddress,
    Port,
    SocketPath,
    SslMode,
)
from capyd.domain.extensions import CATALOGUE, DEFAULT_EXTENSIONS
from capyd.domain.plans import DEFAULT_PLANS, GIB, Plan
from capyd.runtime.settings_file import Section


class ClusterSettings(Section):
    """What this cluster is to the outside."""

    id: ClusterId
    """Opaque, and never changed: objects carry it."""
    name: str = "main"
    provider: str = "self-hosted"
    region: str = "local"
    region_name: str = "Local"
    """The region's name for people."""
    region_location: str = "This host"
    public_host: str = "127.0.0.1"
    """The host in connection URLs."""
    direct_port: Port = 5432
    """PostgreSQL's port in connection URLs."""
    pooled_port: Port = 6432
    """The pooler's port in connection URLs."""
    direct_ssl_mode: SslMode = "require"
    """`sslmode` of direct URLs: what PostgreSQL's listener really does."""
    pooled_ssl_mode: SslMode | None = None
    """`sslmode` of pooled URLs. Absent: `require` where the pooler has a certificate, else `disable`."""


class StateSettings(Section):
    """The daemon's own state."""

    path: AbsolutePath = Path("/var/lib/capyd/capyd.sqlite")
    """The SQLite file. One daemon per file."""
    secret_key_file: CredentialPath = Path("/etc/capyd/secret.key")
    """32 random bytes, base64: what project passwords are encrypted under. Kept apart from the state file.
    This and the other secrets may be `$CREDENTIALS_DIRECTORY/name`: systemd's LoadCredential puts them there."""
    backup_dir: AbsolutePath | None = None
    """Where backups of the file go. Absent: `backups` beside it; better is another disk."""
    backup_every: Duration = timedelta(hours=6)
    backup_keep: Annotated[int, Field(ge=1, le=10_000)] = 28
    """How many backups are kept: the newest, whoever made them."""

    @property
    def backups(self) -> Path:
        """The directory of backups."""
        return self.path.parent / "backups" if self.backup_dir is None else self.backup_dir


class PostgresSettings(Section):
    """The way to the cluster, as its administrator, over its Unix socket."""

    socket_dir: AbsolutePath = Path("/var/run/postgresql")
    port: Port = 5432
    admin_role: str = "capyd"
    """A superuser that this process may log in as (peer authentication)."""
    max_admin_connections: Annotated[int, Field(ge=3, le=50)] = 8
    ident_file: AbsolutePath | None = None
    """The cluster's `pg_ident.conf` (PostgreSQL 15), written by capyd: the map `capyd_pooler` lets the pooler log in
    as a tenant. Absent: the map is static (`/^capy_`, PostgreSQL 16 and newer)."""


class PoolerSettings(Section):
    """The PgBouncer beside the cluster."""

    config_dir: AbsolutePath = Path("/etc/pgbouncer/capyd")
    """Where capyd writes `pgbouncer.ini` and its companions."""
    socket_dir: AbsolutePath = Path("/var/run/postgresql")
    listen_address: str = "127.0.0.1"
    port: Port = 6432
    os_user: str = "postgres"
    """The operating system's user that PgBouncer runs as: the map `capyd_pooler` is for it."""
    binary: Path = Path("pgbouncer")
    """Asked for its version, which decides what may stand in its configuration."""
    console_password_file: CredentialPath = Path("/etc/capyd/pooler-console.password")
    """The password of `capyd_console` on the admin console."""
    max_client_connections: Annotated[int, Field(ge=10)] = 5000
    """Clients at once, of all projects together."""
    clients_per_server_connection: Annotated[int, Field(ge=1, le=10_000)] = 20
    """Clients that a project may have at once, for each of its server connections (from PgBouncer 1.24 on)."""
    server_idle_timeout: Duration = timedelta(seconds=10)
    """How long a server connection that no client uses is kept, in whole seconds. The next query logs in anew."""
    tls_certificate_file: AbsolutePath | None = None
    """The certificate, with its chain, that clients are shown. With it the pooler takes no client without TLS."""
    tls_key_file: AbsolutePath | None = None
    """Its private key, readable by the pooler's user. Both files are read again when they change."""

    @model_validator(mode="after")
    def _certificate_with_key(self) -> "PoolerSettings":
        if (self.tls_certificate_file is None) != (self.tls_key_file is None):
            raise ValueError("tls_certificate_file and tls_key_file belong together: set both, or neither")
        return self


class ListenSettings(Section):
    """Where the daemon listens. Every listener has a trust of its own."""

    admin_socket: SocketPath = Path("/run/capyd/admin.sock")
    """Whoever can open it is a platform administrator: file mode 0600."""
    api_socket: SocketPath = Path("/run/capyd/api.sock")
    """For the gateway: every call carries a token."""
    api_address: LoopbackAddress | None = None
    """The same, on a loopback TCP port, in plain text."""
    fleet_address: HostAndPort | None = None
    """For a fleet controller, a platform administrator from afar: TLS 1.3, with a certificate of its own."""
    fleet_certificate_file: CredentialPath | None = None
    """The certificate, with its chain, that controllers are shown. The three files are read again when they change."""
    fleet_key_file: CredentialPath | None = None
    """Its private key."""
    fleet_client_ca_file: CredentialPath | None = None
    """Who vouches for controllers' certificates: a certificate authority of their own, not one of the public."""
    fleet_names: tuple[str, ...] = ()
    """The names that are let in: a DNS name or URI in the certificate, or its common name where it has neither."""

    @model_validator(mode="after")
    def _fleet_whole(self) -> "ListenSettings":
        parts = (self.fleet_certificate_file, self.fleet_key_file, self.fleet_client_ca_file, self.fleet_names or None)
        if any(part is None for part in parts) if self.fleet_address is not None else any(parts):
            raise ValueError(
                "fleet_address, fleet_certificate_file, fleet_key_file, fleet_client_ca_file and fleet_names belong "
                "together: set all, or none"
            )
        return self


class DoorSettings(Section):
    """How often one may call. Whoever is beyond it is told when to come again. The admin socket and fleet controllers
    are not held to it. For each: so many a minute (0: no limit), and so many at once after a rest.
    """

    principal_per_minute: Annotated[int, Field(ge=0, le=10_000_000)] = 30_000
    """An API key, or a user in an organization."""
    principal_burst: Annotated[int, Field(ge=1, le=1_000_000)] = 5_000
    address_per_minute: Annotated[int, Field(ge=0, le=10_000_000)] = 60_000
    """An IPv4 address, or an IPv6 network of 64 bits; known or not."""
    address_burst: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000
    failed_tokens_per_minute: Annotated[int, Field(ge=0, le=10_000_000)] = 600
    """Tokens of one address that are not good. Beyond it only tokens that were good before are looked at."""
    failed_tokens_burst: Annotated[int, Field(ge=1, le=1_000_000)] = 1_000


Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
# The form of an organization's id, as its creation takes it.
OrganizationId = Annotated[str, Field(pattern=r"^org_[A-Za-z0-9_-]{1,60}$")]


class SessionIssuerSettings(Section):
    """An issuer of sessions: Clerk, or any other of OpenID Connect. `[[sessions]]`, once for each."""

    issuer: IssuerUrl
    """Its address, exactly as the claim `iss` of its tokens has it."""
    audiences: tuple[str, ...] = ()
    """A token's `aud` must name one of these."""
    authorized_parties: tuple[str, ...] = ()
    """A token's `azp` must be one of these: with Clerk, the origins of the web application."""
    jwks_url: IssuerUrl | None = None
    """Where its keys are. Absent: where its `/.well-known/openid-configuration` says."""
    public_key_file: AbsolutePath | None = None
    """Its public keys in PEM, for a host without internet: nothing is fetched then. Read again when it changes."""
    algorithms: Annotated[tuple[Algorithm, ...], Field(min_length=1)] = ("RS256", "ES256")
    """How its tokens may be signed."""
    leeway: Annotated[Duration, Field(ge=timedelta(0), le=timedelta(minutes=5))] = timedelta(seconds=10)
    """By how much its clock may differ from ours."""
    organization_claim: str = "org_id"
    """The claim with the active organization; dots lead inside. Clerk's tokens of version 2 are known beside it."""
    role_claim: str = "org_role"
    """The claim with the role in it, or several."""
    admin_roles: tuple[str, ...] = ("admin", "org:admin")
    """Roles that make the session its organization's admin; all others make it a member."""
    organizations: dict[str, OrganizationId] = Field(default_factory=dict)
    """From its organizations' ids to ours: it speaks for these alone. Absent: its ids are ours."""
    organization: OrganizationId | None = None
    """The organization of all its sessions, for an issuer that has no organizations."""

    @model_validator(mode="after")
    def _for_whom(self) -> "SessionIssuerSettings":
        if not self.audiences and not self.authorized_parties:
            raise ValueError(
                "audiences or authorized_parties must be set: else a token that the issuer made for any other "
                "application would be good here"
            )
        if self.jwks_url is not None and self.public_key_file is not None:
            raise ValueError("jwks_url and public_key_file exclude each other")
        return self


class SpareSettings(Section):
    """Databases built ahead of time."""

    target: Annotated[int, Field(ge=0, le=200)] = 8
    """How many are kept ready when nobody asks. 0: none ever, each create builds its own."""
    most: Annotated[int, Field(ge=0, le=1000)] = 32
    """How many are kept at most: as many as were claimed in the busiest minute of the last hour, up to this.
    A spare takes about 8 MiB of disk. Less than `target`: the number is fixed, at `target`."""
    min_free_disk_gib: Annotated[float, Field(ge=0)] = 2
    """None is built ahead while the data directory's disk has less free."""
    min_free_connections: Annotated[int, Field(ge=0)] = 10
    """None is built ahead while PostgreSQL has fewer connections free for ordinary roles: a build takes some."""


class JobSettings(Section):
    """The job engine."""

    max_attempts: Annotated[int, Field(ge=1, le=100)] = 5
    keep_final: Duration = timedelta(days=30)
    """How long finished jobs can still be read."""


class EventSettings(Section):
    """What is kept for whoever follows this cluster, and may have been away."""

    keep: Duration = timedelta(days=30)
    keep_rows: Annotated[int, Field(ge=1000, le=100_000_000)] = 1_000_000
    """How many are kept at most, however young: about 300 bytes each."""
    heartbeat: Duration = timedelta(seconds=15)
    """How often a watcher hears that nothing has happened."""


class WatchdogSettings(Section):
    """What looks after sessions beyond their project's timeouts: tenants may `SET` those of PostgreSQL anew."""

    every: Annotated[Duration, Field(ge=timedelta(seconds=1), le=timedelta(minutes=1))] = timedelta(seconds=3)
    """How often it looks, in whole seconds. The second look ends a session that did not heed the first."""
    tolerance: Annotated[Duration, Field(ge=timedelta(0), le=timedelta(minutes=1))] = timedelta(seconds=1)
    """How far beyond its timeout a session must be, or a tenth of the timeout where that is more: PostgreSQL's own
    timeouts, where nobody lifted them, come first."""


class PlanSettings(Section):
    """The ceilings of a project under one plan."""

    max_connections: Annotated[int, Field(ge=2, le=10_000)]
    storage_gib: Annotated[int, Field(ge=1)]
    statement_timeout: Duration
    idle_transaction_timeout: Duration

    def to_plan(self, name: str) -> Plan:
        """The same as a value of the domain."""
        return Plan(
            name, self.max_connections, self.storage_gib * GIB, self.statement_timeout, self.idle_transaction_timeout
        )


class ExtensionSettings(Section):
    """Which extensions projects may have."""

    catalogue: tuple[str, ...] = tuple(CATALOGUE)
    default: tuple[str, ...] = DEFAULT_EXTENSIONS
    """What a new project starts with, where the cluster carries it."""

    @model_validator(mode="after")
    def _known(self) -> "ExtensionSettings":
        unknown = [name for name in self.catalogue if name not in CATALOGUE]
        if unknown:
            raise ValueError(f"catalogue names extensions that capyd does not know to be safe: {', '.join(unknown)}")
        absent = [name for name in self.default if name not in self.catalogue]
        if absent:
            raise ValueError(f"default names extensions that are not in the catalogue: {', '.join(absent)}")
        return self


class MetricsSettings(Section):
    """A listener for Prometheus: `/metrics`, and beside it `/healthz` and `/readyz`."""

    address: HostAndPort | None = None
    """`host:port`; without it nothing is measured. Whoever reaches it sees numbers and projects' ids, no secrets."""
    projects: Annotated[int, Field(ge=0, le=1000)] = 50
    """How many projects have series of their own, the largest and the busiest: a series a project would be too many."""


class TracingSettings(Section):
    """Spans of calls, jobs and their steps, to an OpenTelemetry collector. Needs the extra `tracing`."""

    endpoint: Annotated[str, Field(pattern=r"^https?://[^\s]+$")] | None = None
    """Its OTLP/HTTP address for traces; without it nothing is traced."""
    sample: Annotated[float, Field(ge=0, le=1)] = 1.0
    """The part of the traces that is kept, of those that begin here."""


class LogSettings(Section):
    """What is logged, to standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["json", "console"] = "json"


class Settings(Section):
    """The whole file."""

    cluster: ClusterSettings
    state: StateSettings = StateSettings()
    postgres: PostgresSettings = PostgresSettings()
    pooler: PoolerSettings = PoolerSettings()
    listen: ListenSettings = ListenSettings()
    door: DoorSettings = DoorSettings()
    sessions: tuple[SessionIssuerSettings, ...] = ()
    """Whose sessions are taken beside API keys."""
    spares: SpareSettings = SpareSettings()
    jobs: JobSettings = JobSettings()
    events: EventSettings = EventSettings()
    watchdog: WatchdogSettings = WatchdogSettings()
    plans: dict[str, PlanSettings] = Field(default_factory=dict)
    """By name, in ascending order; the defaults (vibe, ship, business) when absent."""
    extensions: ExtensionSettings = ExtensionSettings()
    metrics: MetricsSettings = MetricsSettings()
    tracing: TracingSettings = TracingSettings()
    logs: LogSettings = LogSettings()

    @model_validator(mode="after")
    def _each_issuer_once(self) -> "Settings":
        issuers = [section.issuer for section in self.sessions]
        if len(set(issuers)) != len(issuers):
            raise ValueError("sessions names an issuer twice: put its audiences into one section")
        return self

    @model_validator(mode="after")
    def _pooled_urls_tell_the_truth(self) -> "Settings":
        mode, has_tls = self.cluster.pooled_ssl_mode, self.pooler.tls_certificate_file is not None
        if mode in ("require", "verify-ca", "verify-full") and not has_tls:
            raise ValueError(
                f"cluster.pooled_ssl_mode is {mode} and the pooler has no certificate: "
                "set pooler.tls_certificate_file and pooler.tls_key_file, or leave pooled_ssl_mode out"
            )
        if mode == "disable" and has_tls:
            raise ValueError(
                "cluster.pooled_ssl_mode is disable and the pooler, which has a certificate, takes no client "
                "without TLS: leave pooled_ssl_mode out"
            )
        return self

    @property
    def pooled_ssl_mode(self) -> SslMode:
        """`sslmode` of pooled URLs."""
        if self.cluster.pooled_ssl_mode is not None:
            return self.cluster.pooled_ssl_mode
        return "disable" if self.pooler.tls_certificate_file is None else "require"

    def all_plans(self) -> dict[str, Plan]:
        """The plans in force, by name, in ascending order."""
        return {name: plan.to_plan(name) for name, plan in self.plans.items()} or DEFAULT_PLANS
