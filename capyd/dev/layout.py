"""Where everything of one stack lies."""

from dataclasses import dataclass
from pathlib import Path

from capyd.dev.certificates import CertificateFiles
from capyd.host.users import OsUser


@dataclass(frozen=True, slots=True)
class Layout:
    """The places of one stack.

    `state` belongs to the user of `capyd dev`. `servers` is for PostgreSQL and PgBouncer, which may run as another
    user: a directory inside `state`, or elsewhere when this is root (`servers_directory.py`). `sockets` is `servers`
    unless that path is too long for a Unix socket.
    """

    state: Path
    servers: Path
    sockets: Path
    owner: OsUser
    """Whom `capyd dev`, the daemon and the gateway run as."""
    server_user: OsUser
    """Whom PostgreSQL and PgBouncer run as."""

    @property
    def memory(self) -> Path:
        return self.state / "dev.json"

    @property
    def daemon_settings(self) -> Path:
        return self.state / "capyd.toml"

    @property
    def gateway_settings(self) -> Path:
        return self.state / "capyd-http.toml"

    @property
    def secret_key(self) -> Path:
        return self.state / "secret.key"

    @property
    def console_password(self) -> Path:
        return self.state / "pooler-console.password"

    @property
    def api_key(self) -> Path:
        return self.state / "api-key"

    @property
    def certificates(self) -> CertificateFiles:
        """The authority beside the state, and what the servers show beside theirs."""
        return CertificateFiles(
            authority=self.state / "ca.crt",
            authority_key=self.state / "ca.key",
            certificate=self.tls / "server.crt",
            key=self.tls / "server.key",
        )

    @property
    def state_file(self) -> Path:
        return self.state / "capyd.sqlite"

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def data(self) -> Path:
        """The cluster's data directory. It exists once the cluster is whole."""
        return self.servers / "data"

    @property
    def access(self) -> Path:
        """PostgreSQL's configuration, written by us and read by the server's user."""
        return self.servers / "postgres"

    @property
    def pooler(self) -> Path:
        """PgBouncer's configuration, likewise."""
        return self.servers / "pooler"

    @property
    def tls(self) -> Path:
        """The certificate and the key that both show, likewise."""
        return self.servers / "tls"

    @property
    def records(self) -> Path:
        """What was spawned (`capyd.host.records`): beside the servers, so that it outlives the state directory."""
        return self.servers / "children.json"

    @property
    def server_sockets(self) -> Path:
        """The sockets of PostgreSQL and PgBouncer."""
        return self.sockets / "run"

    @property
    def daemon_sockets(self) -> Path:
        """The sockets of the daemon: whoever reaches them is an administrator."""
        return self.sockets / "daemon"

    @property
    def admin_socket(self) -> Path:
        return self.daemon_sockets / "admin.sock"

    @property
    def api_socket(self) -> Path:
        return self.daemon_sockets / "api.sock"
