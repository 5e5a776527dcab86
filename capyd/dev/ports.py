"""Which ports the stack listens on, and nobody else on this machine."""

import os
import socket
from collections.abc import Mapping

from capyd.dev.errors import StackError

HOST = "127.0.0.1"

CONVENTIONAL = {"http": 8080, "grpc": 7070, "postgres": 5432, "pooler": 6432}
"""By listener, in the order in which they are chosen."""

_LISTENERS = {"http": "the gateway", "grpc": "the daemon", "postgres": "PostgreSQL", "pooler": "PgBouncer"}
_ATTEMPTS = 100


class Ports:
    """The ports of one stack, claimed until `release`.

    Between the choice of a port and the server's bind (and while a server is restarted) the port is free to bind,
    so another `capyd dev` might choose it as well. A claim shuts that gap: an abstract Unix socket named after the
    port, which lives in the network namespace as the port does and goes with its process.
    """

    def __init__(self) -> None:
        self._claims: list[socket.socket] = []

    def choose(self, *, given: Mapping[str, int], remembered: Mapping[str, int]) -> dict[str, int]:
        """Choose a port for every listener: the given one, else last time's, the conventional one, any free one.

        Raises:
            StackError: a given port cannot be had.
        """
        for listener, port in given.items():
            self._claim_given(listener, port)
        chosen = dict(given)
        for listener, conventional in CONVENTIONAL.items():
            if listener not in chosen:
                chosen[listener] = self._claim_first(remembered.get(listener), conventional)
        return chosen

    def release(self) -> None:
        """Let others have them."""
        for claim in self._claims:
            claim.close()
        self._claims.clear()

    def _claim_given(self, listener: str, port: int) -> None:
        try:
            self._claim(port)
        except OSError as error:
            raise StackError(
                f"{_LISTENERS[listener]} cannot listen on {HOST}:{port}: {os.strerror(error.errno or 0)}. "
                f"Give another port with --{listener}-port, or leave the option out to have a free one chosen"
            ) from error

    def _claim_first(self, *preferred: int | None) -> int:
        for port in preferred:
            if port is None:
                continue
            try:
                self._claim(port)
            except OSError:
                continue
            return port
        for _ in range(_ATTEMPTS):
            port = _any_free_port()
            try:
                self._claim(port)
            except OSError:
                continue
            return port
        raise StackError(f"no free port was found on {HOST}")

    def _claim(self, port: int) -> None:
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            claim.bind(f"\0capyd-dev-port-{port}")
            _check_free(port)
        except OSError:
            claim.close()
            raise
        self._claims.append(claim)


def _check_free(port: int) -> None:
    """Raise the OSError that a server would meet on this port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As the servers do: connections of the last run that linger in TIME_WAIT are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((HOST, port))
        probe.listen(1)


def _any_free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
