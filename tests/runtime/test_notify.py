import os
import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from capyd.runtime.notify import ServiceManager


@pytest.fixture
def heard(tmp_path: Path) -> Iterator[socket.socket]:
    """A service manager's end of the line."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(str(tmp_path / "notify"))
        end.setblocking(False)
        yield end


def test_what_is_said_is_one_datagram_of_lines(heard: socket.socket) -> None:
    service_manager = ServiceManager(heard.getsockname())
    service_manager.alive(starting_may_take=timedelta(seconds=1))
    assert heard.recv(4096) == b"WATCHDOG=1\nEXTEND_TIMEOUT_USEC=1000000"
    service_manager.reloading()
    reloading, moment = heard.recv(4096).decode().split("\n")
    assert reloading == "RELOADING=1"
    assert moment.startswith("MONOTONIC_USEC=")


def test_a_status_is_one_line_and_said_once(heard: socket.socket) -> None:
    service_manager = ServiceManager(heard.getsockname())
    service_manager.status("waiting:\nREADY=1")
    service_manager.status("waiting:\nREADY=1")
    assert heard.recv(4096) == b"STATUS=waiting: READY=1"
    with pytest.raises(BlockingIOError):
        heard.recv(4096)


def test_the_environment_is_taken_and_children_do_not_inherit_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", "@capyd-test")
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    assert ServiceManager.of_this_process().patience == timedelta(seconds=30)
    assert not {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} & set(os.environ)


def test_a_watchdog_for_another_process_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", "@capyd-test")
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid() + 1))
    assert ServiceManager.of_this_process().patience is None


def test_one_that_reads_nothing_holds_nobody_up(heard: socket.socket) -> None:
    service_manager = ServiceManager(heard.getsockname())
    # The kernel keeps a handful of datagrams (net.unix.max_dgram_qlen); then the sender would wait.
    assert not all(service_manager.ready() for _ in range(5000))
    while True:
        try:
            heard.recv(4096)
        except BlockingIOError:
            break
    assert service_manager.ready()


def test_a_service_manager_that_is_gone_stops_nobody(tmp_path: Path) -> None:
    ServiceManager(str(tmp_path / "nobody")).ready()
    ServiceManager().ready()
