"""Ports: given, remembered, conventional, free."""

import socket

import pytest

from capyd.dev.errors import StackError
from capyd.dev.ports import CONVENTIONAL, HOST, Ports
from tests.servers import free_port


@pytest.fixture
def ports():
    ports = Ports()
    yield ports
    ports.release()


def listening(port: int) -> socket.socket:
    server = socket.create_server((HOST, port))
    server.listen()
    return server


def test_given_ports_are_taken_at_their_word(ports: Ports) -> None:
    given = {listener: free_port() for listener in CONVENTIONAL}
    assert ports.choose(given=given, remembered={}) == given


def test_last_times_ports_are_taken_again(ports: Ports) -> None:
    remembered = {listener: free_port() for listener in CONVENTIONAL}
    assert ports.choose(given={}, remembered=remembered) == remembered


def test_a_taken_port_that_was_given_is_refused_by_name(ports: Ports) -> None:
    port = free_port()
    with listening(port), pytest.raises(StackError, match=f"PgBouncer cannot listen on 127.0.0.1:{port}: Address alr"):
        ports.choose(given={"pooler": port}, remembered={})


def test_a_taken_port_of_last_time_is_replaced(ports: Ports) -> None:
    port = free_port()
    with listening(port):
        chosen = ports.choose(given={}, remembered={"http": port})
    assert chosen["http"] != port
    assert len(set(chosen.values())) == len(CONVENTIONAL)


def test_two_stacks_never_choose_the_same_port_though_nobody_listens_yet(ports: Ports) -> None:
    other = Ports()
    try:
        first = ports.choose(given={}, remembered={})
        second = other.choose(given={}, remembered=first)
        assert not set(first.values()) & set(second.values())
    finally:
        other.release()


def test_one_port_for_two_listeners_is_refused(ports: Ports) -> None:
    port = free_port()
    with pytest.raises(StackError, match="cannot listen"):
        ports.choose(given={"http": port, "grpc": port}, remembered={})


def test_connections_of_the_last_run_are_no_obstacle(ports: Ports) -> None:
    port = free_port()
    with listening(port) as server, socket.create_connection((HOST, port)):
        accepted, _ = server.accept()
        accepted.close()  # This side closes first, and keeps the port in TIME_WAIT.
    assert ports.choose(given={"http": port}, remembered={})["http"] == port
